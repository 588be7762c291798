from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from modeling.core.estimators import LateFusion, TunedLogistic, build
from modeling.core.views import VIEWS


class Memory(BaseEstimator):
    """Knows the outcome of every patient it has seen and nothing about the others."""

    def fit(self, X, y):
        self.seen_ = {row.tobytes(): 6.0 if outcome else -6.0 for row, outcome in zip(X, y, strict=True)}
        return self

    def decision_function(self, X):
        return np.array([self.seen_.get(row.tobytes(), 0.0) for row in X])


@pytest.fixture
def data():
    random = np.random.default_rng(6)
    y = np.arange(90) % 2
    return np.column_stack([random.normal(size=90), random.normal(size=90) + 1.2 * y]), y


def test_the_fusion_learns_from_predictions_for_patients_that_a_base_had_not_seen(data):
    X, y = data
    bases = [("memory", Memory(), np.array([0])), ("honest", TunedLogistic(), np.array([1]))]
    fusion = LateFusion(bases).fit(X, y)
    # On patients it has fitted the memory is perfect; the fusion must not have looked there.
    assert fusion.fusion_.coef_[0, 0] == pytest.approx(0.0, abs=1e-6)
    assert fusion.fusion_.coef_[0, 1] > 0.3


def test_the_bases_of_a_fusion_are_fitted_on_all_patients_in_the_end(data):
    X, y = data
    fusion = LateFusion([("memory", Memory(), np.array([0])), ("honest", TunedLogistic(), np.array([1]))]).fit(X, y)
    assert len(fusion.bases_[0].seen_) == 90


def test_log_odds_probabilities_and_classes_agree(data):
    X, y = data
    fusion = LateFusion([("one", TunedLogistic(), np.array([0])), ("two", TunedLogistic(), np.array([1]))]).fit(X, y)
    log_odds, p = fusion.decision_function(X), fusion.predict_proba(X)
    assert p.sum(axis=1) == pytest.approx(1.0)
    assert np.log(p[:, 1] / p[:, 0]) == pytest.approx(log_odds)
    assert np.array_equal(fusion.predict(X), (log_odds > 0).astype(int))


def test_the_chain_has_the_order_of_the_method_page(table, cheap):
    chain = build("whole_tumour", cheap, columns=table.columns_of("whole_tumour"))
    assert [name for name, _ in chain.steps] == [
        "missing",
        "constant",
        "impute",
        "winsorise",
        "scale",
        "univariate",
        "redundancy",
        "mrmr",
        "lasso",
        "logistic",
    ]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_an_estimator(table, cheap, view):
    assert hasattr(build(view, cheap, columns=table.columns_of(view)), "fit")
