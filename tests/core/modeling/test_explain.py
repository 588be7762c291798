from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from modeling.core.errors import MissingColumns
from modeling.core.estimators.chain import FeatureChain
from modeling.core.estimators.preprocessing import LogRatio, MedianImputer
from modeling.core.estimators.trees import EDGE
from modeling.core.estimators.view_model import ViewModel
from modeling.core.explanation.explain import (
    LOG_ODDS,
    PROBABILITY,
    coefficients,
    contributions_of_all,
    explain,
    importance,
)
from modeling.core.recipes import CLASSIFIERS
from modeling.core.views import LOG_VOLUME_RATIO, VOLUME_POST, VOLUME_PRE
from tests.fitted import draw, fit_fusion, fit_view, fitted

LINEAR = ("logistic", "elastic_net", "linear_svm")
FORESTS = ("random_forest", "extra_trees")


def said(model, X, scale):
    return model.log_odds(X) if scale == LOG_ODDS else model.predict_proba(X)


@pytest.mark.parametrize("calibration", ["none", "sigmoid"])
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_contributions_and_base_add_up_to_what_the_model_says(classifier, calibration):
    X, y = draw()
    model = fit_view(X, y, classifier, calibration=calibration)
    # Far outside, where the probabilities of trees are cut off, too.
    new = pd.concat([draw(20, seed=1)[0], 4 * draw(10, seed=2)[0]]).reset_index(drop=True)
    found = explain(model, new)
    assert found.scale == (PROBABILITY if classifier in FORESTS else LOG_ODDS)
    assert found.names == model.selected
    assert found.base + found.values.sum(axis=1) == pytest.approx(said(model, new, found.scale), abs=1e-6)


@pytest.mark.parametrize("other", CLASSIFIERS)
def test_contributions_through_a_fusion_add_up_to_its_log_odds(other):
    X, y = draw(n_features=6)
    model = fit_fusion(X, y, "logistic", other)
    new = draw(20, 6, seed=1)[0]
    found = explain(model, new)
    assert found.scale == LOG_ODDS
    assert found.base + found.values.sum(axis=1) == pytest.approx(model.log_odds(new), abs=1e-6)


def test_through_a_fusion_of_linear_models_a_contribution_is_what_the_feature_moves():
    X, y = draw(n_features=6)
    model = fit_fusion(X, y, "elastic_net", "linear_svm")
    new = draw(5, 6, seed=1)[0]
    found = explain(model, new)
    for place, name in enumerate(X.columns):
        typical = new.copy()
        # Winsorised training values have the mean zero score.
        typical[name] = np.clip(X[name], *np.percentile(X[name], [1, 99])).mean()
        assert found.values[:, place] == pytest.approx(model.log_odds(new) - model.log_odds(typical), abs=1e-9)


def test_one_feature_explains_everything():
    X, y = draw(n_features=1, shift=1)
    X.iloc[:, 0] += y
    for classifier in CLASSIFIERS:
        found = explain(fit_view(X, y, classifier), X.iloc[:6])
        assert found.values.shape == (6, 1)


@pytest.mark.parametrize("classifier", ["random_forest", "gradient_boosting"])
def test_the_values_of_trees_are_those_of_the_definition(classifier):
    """All 24 orders of four features, with the very background that the explanation uses."""
    X, y = draw(60, 4)
    model = fit_view(X.iloc[:40], y[:40], classifier)
    view = model.estimator
    # A patient whose probability is not cut off.
    chosen = int(np.argmin(np.abs(model.log_odds(X.iloc[40:])))) + 40
    background, row = view.training_scores_, model.scores(X.iloc[[chosen]])[0]

    def worth(coalition):
        rows = background.copy()
        rows[:, list(coalition)] = row[list(coalition)]
        trees = view.classifier_.classifier_
        answers = trees.predict_proba(rows)[:, 1] if classifier == "random_forest" else trees.decision_function(rows)
        return answers.mean()

    values = np.zeros(4)
    for order in permutations(range(4)):
        for step, feature in enumerate(order):
            values[feature] += (worth(order[: step + 1]) - worth(order[:step])) / 24
    found = explain(model, X.iloc[[chosen]])
    assert 2 * EDGE < model.predict_proba(X.iloc[[chosen]])[0] < 1 - 2 * EDGE
    assert len(background) <= 50, "the explanation samples larger backgrounds"
    assert found.values[0] == pytest.approx(values, abs=1e-6)
    assert found.base == pytest.approx(worth(()), abs=1e-6)


@pytest.mark.parametrize("classifier", ["logistic", "random_forest", "rbf_svm", "knn"])
def test_a_feature_that_the_model_ignores_gets_nothing(classifier):
    X, y = draw()
    model = fit_view(X, y, classifier)
    # Without a row that differs in it, no classifier can use a column.
    still = X.copy()
    still.iloc[:, 3] = 7.0
    blind = fit_view(still, y, classifier)
    assert explain(blind, still.iloc[:5]).values[:, 3] == pytest.approx(np.zeros(5), abs=1e-9)
    assert np.abs(explain(model, X.iloc[:5]).values[:, 0]).max() > 0.01


def test_many_features_are_explained_from_random_orders_that_are_the_same_each_time():
    X, y = draw(n_features=12)
    model = fit_view(X, y, "knn")
    first, again = explain(model, X.iloc[:3]), explain(model, X.iloc[:3])
    assert np.array_equal(first.values, again.values)
    assert first.base + first.values.sum(axis=1) == pytest.approx(model.log_odds(X.iloc[:3]), abs=1e-9)
    alone = explain(model, X.iloc[[1]])
    assert alone.values[0] == pytest.approx(first.values[1]), "the company of other patients does not matter"


@pytest.mark.parametrize("classifier", ["random_forest", "knn"])
def test_explaining_leaves_the_global_random_state_alone(classifier):
    X, y = draw()
    model = fit_view(X, y, classifier)
    np.random.seed(5)
    explain(model, X.iloc[:2])
    after = np.random.random()
    np.random.seed(5)
    assert after == np.random.random()


def test_the_largest_come_first_and_no_more_than_asked_for():
    X, y = draw(n_features=6)
    parts = contributions_of_all(fit_view(X, y, "logistic"), X.iloc[[0]], top=2)[0]
    assert len(parts) == 2
    assert abs(parts[0].amount) >= abs(parts[1].amount)
    assert {part.scale for part in parts} == {"log_odds"}


def test_all_patients_at_once_are_explained_as_each_alone():
    X, y = draw()
    model = fit_view(X, y, "rbf_svm")
    together = contributions_of_all(model, X.iloc[:3])
    alone = [contributions_of_all(model, X.iloc[[place]])[0] for place in range(3)]
    for one, other in zip(together, alone, strict=True):
        assert [part.feature for part in one] == [part.feature for part in other]
        assert [part.amount for part in one] == pytest.approx([part.amount for part in other])


def test_values_are_as_measured_and_a_missing_value_is_said_to_be_missing():
    X, y = draw()
    X.iloc[::3, 0] = np.nan
    chain = FeatureChain([("impute", MedianImputer())])
    model = fitted(ViewModel(chain, folds=3).fit(X.to_numpy(), y), X, y, "logistic")
    gap, name = f"{X.columns[0]} (missing)", X.columns[0]
    with_gap, without = (
        {part.feature: part.value for part in parts} for parts in contributions_of_all(model, X.iloc[:2])
    )
    assert (with_gap[name], with_gap[gap]) == (None, 1.0)
    assert (without[name], without[gap]) == (X.iloc[1, 0], 0.0)


def test_the_ratio_of_a_baseline_is_given_as_a_ratio():
    random = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = pd.DataFrame({VOLUME_PRE: np.exp(random.normal(9, 1, 60))})
    X[VOLUME_POST] = X[VOLUME_PRE] * np.exp(random.normal(-0.5, 0.5, 60) - 0.3 * y)
    model = fitted(ViewModel(FeatureChain([("ratio", LogRatio())]), folds=3).fit(X.to_numpy(), y), X, y, "logistic")
    ((part,),) = contributions_of_all(model, X.iloc[[7]])
    assert part.feature == LOG_VOLUME_RATIO
    assert part.value == pytest.approx(np.log((X.iloc[7, 1] + 1) / (X.iloc[7, 0] + 1)))


@pytest.mark.parametrize("classifier", LINEAR)
def test_a_coefficient_is_what_one_standard_deviation_adds(classifier):
    X, y = draw()
    model = fit_view(X, y, classifier, calibration="sigmoid")
    listed = {one.feature: one.log_odds_per_sd for one in coefficients(model)}
    assert list(listed) == sorted(listed, key=lambda name: -abs(listed[name]))
    scores = model.scores(X)
    weights = np.array([listed[name] for name in model.selected])
    said = model.log_odds(X)
    assert said - said[0] == pytest.approx((scores - scores[0]) @ weights, abs=1e-9)


def test_coefficients_of_a_fusion_carry_its_weights():
    X, y = draw(n_features=6)
    model = fit_fusion(X, y, "logistic", "linear_svm")
    weights = np.array([{one.feature: one.log_odds_per_sd for one in coefficients(model)}[n] for n in model.selected])
    said, scores = model.log_odds(X), model.scores(X)
    assert said - said[0] == pytest.approx((scores - scores[0]) @ weights, abs=1e-9)


@pytest.mark.parametrize("classifier", sorted(set(CLASSIFIERS) - set(LINEAR)))
def test_what_is_not_linear_has_no_coefficients(classifier):
    X, y = draw(60)
    assert coefficients(fit_view(X, y, classifier)) == []


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_the_features_with_signal_are_the_important_ones(classifier):
    X, y = draw(n_features=4, shift=1.5)
    listed = importance(fit_view(X, y, classifier))
    assert {name for name, _ in listed[:2]} == set(X.columns[:2])
    assert [mean for _, mean in listed] == sorted((mean for _, mean in listed), reverse=True)


def test_importance_of_a_linear_model_is_the_mean_absolute_deviation_times_the_weight():
    X, y = draw()
    model = fit_view(X, y, "logistic")
    weights = {one.feature: one.log_odds_per_sd for one in coefficients(model)}
    scores = model.estimator.training_scores_
    chosen = np.sort(np.random.default_rng(0).permutation(len(scores))[:100])
    deviation = np.abs(scores[chosen] - scores.mean(axis=0)).mean(axis=0)
    expected = {name: abs(weights[name]) * deviation[place] for place, name in enumerate(model.selected)}
    assert dict(importance(model)) == pytest.approx(expected)


def test_importance_of_a_forest_is_in_log_odds_although_its_explanation_is_in_probability():
    X, y = draw()
    model = fit_view(X, y, "random_forest")
    p = model.predict_proba(X)
    largest = np.abs(logit(p) - logit(expit(explain(model, X).base))).max()
    assert importance(model)[0][1] > np.abs(explain(model, X).values).mean(axis=0).max()
    assert importance(model)[0][1] < 2 * largest


def test_a_missing_column_is_refused():
    X, y = draw(60)
    with pytest.raises(MissingColumns):
        contributions_of_all(fit_view(X, y, "logistic"), X.iloc[[0]].drop(columns=X.columns[1]))
