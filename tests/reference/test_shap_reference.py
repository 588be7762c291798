"""Explanations against those of the shap library's own explainers, and against a game solved by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shap

from modeling.core.explanation import shapley
from modeling.core.explanation.explain import explain
from tests.fitted import draw, fit_view


@pytest.mark.parametrize("classifier", ["logistic", "elastic_net", "linear_svm"])
def test_linear_values_are_those_of_shaps_linear_explainer(classifier):
    X, y = draw(n_features=5)
    model = fit_view(X, y, classifier)
    view, new = model.estimator, draw(20, 5, seed=1)[0]
    width = len(X.columns)
    answers = view.classifier_.decision_function(np.vstack([np.zeros(width), np.eye(width)]))
    theirs = shap.LinearExplainer(
        (answers[1:] - answers[0], answers[0]), shap.maskers.Independent(view.training_scores_, max_samples=10_000)
    )
    found = explain(model, new)
    assert found.values == pytest.approx(theirs.shap_values(model.scores(new)), abs=1e-6)
    assert found.base == pytest.approx(float(theirs.expected_value), abs=1e-6)


def test_coalitions_give_the_values_of_shaps_kernel_explainer_of_all_coalitions():
    X, y = draw(n_features=5)
    model = fit_view(X, y, "rbf_svm")
    answer = model.estimator.classifier_.decision_function
    background, rows = model.estimator.training_scores_[:12], model.scores(X.iloc[:6])
    # Of five features it asks for all 32 coalitions, which makes its regression exact.
    theirs = shap.KernelExplainer(answer, background)
    values, base = shapley.exact(answer, rows, background, np.full(12, 1 / 12))
    assert values == pytest.approx(theirs.shap_values(rows, l1_reg=False, silent=True), abs=1e-9)
    assert base == pytest.approx(float(theirs.expected_value), abs=1e-9)


def test_weights_of_the_background_count_as_repeated_rows():
    X, y = draw(n_features=4)
    answer = fit_view(X, y, "knn").estimator.classifier_.decision_function
    rows, background = X.to_numpy()[:4], X.to_numpy()[10:13]
    weighted = shapley.exact(answer, rows, background, np.array([0.5, 0.25, 0.25]))
    repeated = shapley.exact(answer, rows, background[[0, 0, 1, 2]], np.full(4, 0.25))
    assert weighted[0] == pytest.approx(repeated[0])
    assert weighted[1] == pytest.approx(repeated[1])


def test_the_glove_game():
    """Shapley (1953): one owner of a left glove, two of a right one, a pair is worth 1: 2/3, 1/6, 1/6."""

    def worth(rows):
        return np.minimum(rows[:, 0], rows[:, 1:].max(axis=1))

    values, base = shapley.exact(worth, np.ones((1, 3)), np.zeros((1, 3)), np.ones(1))
    assert values[0] == pytest.approx([2 / 3, 1 / 6, 1 / 6])
    assert base == 0


def test_random_orders_come_near_the_exact_values_and_add_up_however_few():
    X, y = draw(n_features=6)
    model = fit_view(X, y, "rbf_svm")
    answer, rows = model.estimator.classifier_.decision_function, model.scores(X.iloc[:8])
    background, weights = model.estimator.training_scores_[:10], np.full(10, 0.1)
    exact, base = shapley.exact(answer, rows, background, weights)
    few, same_base = shapley.sampled(answer, rows, background, weights, orders=1, seed=0)
    assert few.sum(axis=1) + same_base == pytest.approx(answer(rows))
    assert same_base == pytest.approx(base)
    many, _ = shapley.sampled(answer, rows, background, weights, orders=100, seed=0)
    assert np.abs(many - exact).max() < 0.02
    assert np.abs(many - exact).max() < np.abs(few - exact).max()
