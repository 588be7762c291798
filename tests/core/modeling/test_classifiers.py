from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.estimator_checks import parametrize_with_checks

from modeling.core.estimators.classifiers import make
from modeling.core.estimators.neighbours import Neighbours
from modeling.core.estimators.regressions import ElasticNet, TunedLogistic
from modeling.core.estimators.sigmoid import rising_sigmoid
from modeling.core.estimators.support_vectors import SupportVectors
from modeling.core.estimators.trees import EDGE, Trees
from modeling.core.recipes import CLASSIFIERS


def made(name, **changes):
    return make(name, **{"class_weight": "balanced", "c_grid": (0.01, 0.1, 1.0), "folds": 3, "seed": 0} | changes)


SPEAKERS = [
    TunedLogistic(folds=2),
    ElasticNet(folds=2),
    SupportVectors(kernel="rbf", folds=2),
    Neighbours(),
    Trees(trees=3),
    Trees(kind="gradient_boosting", trees=3),
]


@parametrize_with_checks(SPEAKERS)
def test_it_speaks_scikit_learns_grammar(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(4)
    y = np.arange(160) % 2
    return random.normal(size=(160, 4)) + 1.1 * y[:, None] * (np.arange(4) < 2), y


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_finds_a_plain_signal_in_patients_it_has_not_seen(data, name):
    X, y = data
    log_odds = made(name).fit(X[:100], y[:100]).decision_function(X[100:])
    assert roc_auc_score(y[100:], log_odds) > 0.75


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_log_odds_probabilities_and_classes_agree(data, name):
    X, y = data
    fitted = made(name).fit(X, np.where(y == 1, "yes", "no"))
    log_odds, p = fitted.decision_function(X), fitted.predict_proba(X)
    assert np.isfinite(log_odds).all()
    assert p.sum(axis=1) == pytest.approx(1.0)
    assert np.log(p[:, 1] / p[:, 0]) == pytest.approx(log_odds)
    assert np.array_equal(fitted.predict(X), np.where(log_odds > 0, "yes", "no"))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_same_patients_and_seed_give_the_same_log_odds(data, name):
    X, y = data
    one, two = (made(name).fit(X, y).decision_function(X) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name != "knn"])
def test_the_share_of_a_class_moves_no_prediction_when_there_is_nothing_to_learn(name):
    # A constant feature: all that is left to learn is the share of the class, and that must not be learned.
    for events in (10, 30):
        y = np.repeat([1, 0], [events, 40 - events])
        log_odds = made(name).fit(np.ones((40, 1)), y).decision_function(np.ones((1, 1)))
        # The bootstraps of a forest are balanced on the average only; a sigmoid is nearly flat, not quite.
        assert abs(log_odds[0]) < {"random_forest": 0.2, "linear_svm": 0.02, "rbf_svm": 0.02}.get(name, 1e-6)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_two_patients_of_a_class_are_enough(name):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(9, 2)), np.array([1, 1, 0, 0, 0, 0, 0, 0, 0])
    assert np.isfinite(made(name).fit(X, y).decision_function(X)).all()


def test_a_single_patient_of_a_class_is_enough():
    X, y = np.arange(10.0)[:, None], np.array([1] + [0] * 9)
    for name in CLASSIFIERS:
        assert np.isfinite(made(name).fit(X, y).decision_function(X)).all()


def test_there_is_no_other_classifier():
    with pytest.raises(ValueError, match="known are logistic, elastic_net"):
        made("deep_learning")


def test_the_elastic_net_is_scikit_learns(data):
    X, y = data
    ours = ElasticNet(folds=4).fit(X, y)
    theirs = LogisticRegression(
        C=1 / (len(y) * ours.strength_),
        l1_ratio=0.5,
        solver="saga",
        class_weight="balanced",
        tol=1e-9,
        max_iter=100_000,
    ).fit(X, y)
    assert ours.coef_ == pytest.approx(theirs.coef_[0], abs=1e-4)
    assert ours.intercept_ == pytest.approx(theirs.intercept_[0], abs=1e-4)


def test_the_strength_of_the_regression_follows_the_held_out_loss():
    random = np.random.default_rng(0)
    y = np.arange(200) % 2
    informative, noise = random.normal(size=(200, 3)) + y[:, None], random.normal(size=(200, 3))
    assert TunedLogistic().fit(noise, y).c_ == 0.01
    assert TunedLogistic().fit(informative, y).c_ > 0.01
    assert ElasticNet().fit(noise, y).strength_ > ElasticNet().fit(informative, y).strength_


def test_neighbours_count_the_votes_of_the_nearest_patients(data):
    X, y = data
    unequal = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:40]]
    X, y, new = X[unequal], y[unequal], X[100:105] + 0.01
    fitted = Neighbours().fit(X, y)
    assert fitted.neighbours_ == 11  # the square root of 120 patients
    nearest = NearestNeighbors(n_neighbors=11).fit(X).kneighbors(new, return_distance=False)
    # 80 patients of one class weigh 0.75 each, 40 of the other 1.5; one vote is added to both sums.
    for row, log_odds in zip(nearest, fitted.decision_function(new), strict=True):
        expected = np.log((1.5 * y[row].sum() + 1) / (0.75 * (1 - y[row]).sum() + 1))
        assert log_odds == pytest.approx(expected)


def test_the_probabilities_of_trees_stay_away_from_certainty():
    y = np.arange(60) % 2
    for name in CLASSIFIERS[-3:]:
        p = made(name).fit(10.0 * y[:, None], y).predict_proba([[0.0], [10.0]])[:, 1]
        assert p.min() >= EDGE - 1e-12
        assert p.max() <= 1 - EDGE + 1e-12


def test_a_sigmoid_recovers_log_odds_that_were_stretched():
    random = np.random.default_rng(2)
    log_odds = random.normal(size=20_000)
    y = (random.random(20_000) < 1 / (1 + np.exp(-log_odds))).astype(int)
    slope, intercept = rising_sigmoid(4 * log_odds - 2, y, balanced=False)
    assert slope == pytest.approx(0.25, rel=0.1)
    assert intercept == pytest.approx(0.5, abs=0.1)


def test_a_sigmoid_never_falls():
    scores, y = np.linspace(-2, 2, 40), np.repeat([1, 0], [20, 20])
    slope, _ = rising_sigmoid(scores, y, balanced=True)
    assert 0 < slope < 0.02


def test_a_machine_whose_unseen_distances_point_the_wrong_way_keeps_its_direction():
    random = np.random.default_rng(1)
    X, y = random.normal(size=(30, 3)), np.arange(30) % 2
    for seed in range(5):
        fitted = SupportVectors(kernel="linear", seed=seed).fit(X, y)
        assert np.corrcoef(fitted.decision_function(X), fitted.classifier_.decision_function(X))[0, 1] > 0.99
