from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from modeling.core.estimators.penalised import (
    Penalties,
    class_weights,
    cross_validated_loss,
    feasible_folds,
    fit_paths,
)


@pytest.fixture
def data():
    random = np.random.default_rng(5)
    X = random.normal(size=(120, 8)) + 0.5 * random.normal(size=(120, 1))
    y = (X[:, 0] - X[:, 3] + random.normal(size=120) > 0.4).astype(int)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


@pytest.mark.parametrize("strength", [0.15, 0.05, 0.01])
def test_the_lasso_is_scikit_learns_saga(data, strength):
    X, y = data
    weights = class_weights(y, balanced=True)
    ours = fit_paths(
        X, y, weights=weights[None], penalties=Penalties(np.array([strength]), np.zeros(1)), tolerance=1e-9
    )[0, 0]
    # Ours divides the loss by the number of patients, scikit-learn sums it: C = 1 / (n * strength).
    saga = LogisticRegression(C=1 / (120 * strength), l1_ratio=1, solver="saga", tol=1e-9, max_iter=100_000)
    saga.fit(X, y, sample_weight=weights * 120)
    assert ours[0] == pytest.approx(saga.intercept_[0], abs=1e-5)
    assert ours[1:] == pytest.approx(saga.coef_[0], abs=1e-5)
    assert np.array_equal(ours[1:] == 0, saga.coef_[0] == 0)


@pytest.mark.parametrize("strength", [1.0, 0.1, 0.01])
def test_the_ridge_is_scikit_learns_lbfgs(data, strength):
    X, y = data
    ours = fit_paths(
        X,
        y,
        weights=np.full((1, 120), 1 / 120),
        penalties=Penalties(np.zeros(1), np.array([strength])),
        tolerance=1e-9,
    )[0, 0]
    lbfgs = LogisticRegression(C=1 / (120 * strength), tol=1e-10, max_iter=10_000).fit(X, y)
    assert ours[0] == pytest.approx(lbfgs.intercept_[0], abs=1e-6)
    assert ours[1:] == pytest.approx(lbfgs.coef_[0], abs=1e-6)


def test_many_problems_solved_together_are_those_solved_alone(data):
    X, y = data
    weights = np.array([class_weights(y, balanced=True), class_weights(y, balanced=False)])
    together = fit_paths(
        X, y, weights=weights, penalties=Penalties(np.array([0.1, 0.02]), np.zeros(2)), tolerance=1e-9
    )
    for s in range(2):
        for k, strength in enumerate([0.1, 0.02]):
            alone = fit_paths(
                X, y, weights=weights[[s]], penalties=Penalties(np.array([strength]), np.zeros(1)), tolerance=1e-9
            )
            assert together[s, k] == pytest.approx(alone[0, 0], abs=1e-9)


def test_the_held_out_loss_is_that_of_fitting_fold_by_fold(data):
    X, y = data
    folds = StratifiedKFold(4, shuffle=True, random_state=3)
    mean, error = cross_validated_loss(
        X, y, penalties=Penalties(np.zeros(1), np.array([0.05])), folds=folds, balanced=False
    )
    losses = []
    for train, test in folds.split(X, y):
        model = LogisticRegression(C=1 / (len(train) * 0.05), tol=1e-10).fit(X[train], y[train])
        p = model.predict_proba(X[test])[:, 1]
        losses.append(-np.mean(y[test] * np.log(p) + (1 - y[test]) * np.log(1 - p)))
    assert mean[0] == pytest.approx(np.mean(losses), abs=1e-3)
    assert error[0] == pytest.approx(np.std(losses, ddof=1) / 2, abs=1e-3)


def test_balanced_weights_give_each_class_half():
    y = np.array([1, 0, 0, 0])
    assert class_weights(y, balanced=True).tolist() == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6])
    assert class_weights(y, balanced=False).tolist() == [0.25] * 4


def test_there_are_never_more_folds_than_patients_of_a_class():
    assert feasible_folds(np.array([1, 1, 1, 0, 0, 0, 0]), wanted=5) == 3
    assert feasible_folds(np.array([1, 0] * 20), wanted=5) == 5
    assert feasible_folds(np.array([0, 0]), wanted=5) == 0
