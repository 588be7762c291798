"""Metrics against published numbers, hand-worked examples and independent implementations."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve

from modeling.core.performance.calibration import brier, calibration_bins, calibration_slope_intercept
from modeling.core.performance.classification import sensitive_threshold, wilson, youden_threshold
from modeling.core.performance.discrimination import auc, delong_interval, holm, paired_delong, roc_points
from modeling.core.performance.net_benefit import decision_curve


def samples(seed: int, n: int = 60, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = np.append(random.integers(0, 2, n - 4), [0, 0, 1, 1])
    shared = random.normal(size=n) + 0.5 * y
    one, two = (1 / (1 + np.exp(-(shared + random.normal(size=n)))) for _ in range(2))
    return (y, np.round(one, 1), np.round(two, 1)) if ties else (y, one, two)


def psi(event: float, other: float) -> Fraction:
    return Fraction(1) if event > other else Fraction(1, 2) if event == other else Fraction(0)


def delong_by_hand(y, *scores):
    """Equations 1 to 6 of DeLong, DeLong & Clarke-Pearson (Biometrics 1988;44:837), in exact fractions."""
    events = [i for i, value in enumerate(y) if value == 1]
    others = [i for i, value in enumerate(y) if value == 0]
    m, n = len(events), len(others)
    areas = [sum(psi(s[i], s[j]) for i, j in product(events, others)) / (m * n) for s in scores]
    v10 = [[sum(psi(s[i], s[j]) for j in others) / n for i in events] for s in scores]
    v01 = [[sum(psi(s[i], s[j]) for i in events) / m for j in others] for s in scores]

    def covariance(a: int, b: int) -> Fraction:
        s10 = sum((p - areas[a]) * (q - areas[b]) for p, q in zip(v10[a], v10[b], strict=True)) / (m - 1)
        s01 = sum((p - areas[a]) * (q - areas[b]) for p, q in zip(v01[a], v01[b], strict=True)) / (n - 1)
        return s10 / m + s01 / n

    return areas, covariance


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_area_is_scikit_learns(seed, ties):
    y, p, _ = samples(seed, ties=ties)
    assert auc(y, p) == pytest.approx(roc_auc_score(y, p), abs=1e-12)


def test_the_area_of_a_hand_worked_example():
    # Events 0.4, 0.7, 0.9 against 0.2, 0.4: of six pairs five are won and one (0.4, 0.4) is a tie.
    assert auc(np.array([1, 1, 1, 0, 0]), np.array([0.4, 0.7, 0.9, 0.2, 0.4])) == pytest.approx(5.5 / 6)


def test_the_delong_interval_of_a_hand_worked_example():
    # Events 3, 1; others 2, 0. V10 = (1, 1/2), V01 = (1/2, 1): each variance 1/8, so var = 1/8/2 + 1/8/2 = 1/8.
    interval = delong_interval(np.array([1, 1, 0, 0]), np.array([3.0, 1.0, 2.0, 0.0]))
    assert interval == pytest.approx((0.75 - 1.959964 * 0.125**0.5, 1.0), abs=1e-6)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_delong_interval_is_that_of_the_paper_in_exact_fractions(seed, ties):
    y, p, _ = samples(seed, n=30, ties=ties)
    areas, covariance = delong_by_hand(y, p)
    area, half = float(areas[0]), 1.959963984540054 * float(covariance(0, 0)) ** 0.5
    assert area <= 0.9
    assert delong_interval(y, p) == pytest.approx((max(0, area - half), min(1, area + half)), abs=1e-12)


def test_above_nine_tenths_the_interval_is_symmetric_on_the_logit_scale():
    random = np.random.default_rng(3)
    y = np.arange(80) % 2
    p = random.normal(size=80) + 2.4 * y
    areas, covariance = delong_by_hand(y, p)
    area, error = float(areas[0]), float(covariance(0, 0)) ** 0.5
    assert area > 0.9
    centre, half = np.log(area / (1 - area)), 1.959963984540054 * error / (area * (1 - area))
    low, high = (1 / (1 + np.exp(-(centre + sign * half))) for sign in (-1, 1))
    assert delong_interval(y, p) == pytest.approx((low, high), abs=1e-12)
    assert high < 1


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_paired_test_is_that_of_the_paper_in_exact_fractions(seed, ties):
    y, one, two = samples(seed, n=30, ties=ties)
    areas, covariance = delong_by_hand(y, one, two)
    variance = float(covariance(0, 0) + covariance(1, 1) - 2 * covariance(0, 1))
    z = float(areas[0] - areas[1]) / variance**0.5
    found = paired_delong(y, one, two)
    assert found.difference == pytest.approx(float(areas[0] - areas[1]), abs=1e-12)
    assert found.z == pytest.approx(z, abs=1e-9)
    assert found.p == pytest.approx(2 * (1 - stats.norm.cdf(abs(z))), abs=1e-9)
    assert found.high - found.low == pytest.approx(2 * 1.959963984540054 * variance**0.5, abs=1e-9)


def test_a_model_does_not_differ_from_itself():
    y, p, _ = samples(1)
    found = paired_delong(y, p, p**3)
    assert (found.difference, found.p) == (0.0, 1.0)


def test_the_delong_interval_covers_the_true_area_as_often_as_it_says():
    # Normal classes one standard deviation apart have the area Phi(1 / sqrt 2).
    random = np.random.default_rng(8)
    y = np.arange(120) % 2
    true = stats.norm.cdf(1 / np.sqrt(2))
    covered = 0
    for _ in range(600):
        low, high = delong_interval(y, random.normal(size=120) + y)
        covered += low <= true <= high
    # 95 % of 600 is 570; three standard errors of a binomial count are 16.
    assert 554 <= covered <= 586


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe, Statistics in Medicine 1998;17:857-872, table I, method 3 (score without continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_intervals(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(n=st.integers(1, 400), share=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_wilson_is_scipys_and_lies_between_zero_and_one(n, share):
    successes = round(share * n)
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    low, high = wilson(successes, n)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= successes / n <= high <= 1


def test_wilson_of_nobody_is_undefined():
    assert wilson(0, 0) is None


def test_holm_gives_the_textbook_adjustment():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 gives 0.02, 0.03, 0.06, 0.04, and the last may not fall.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("ties", [False, True])
def test_the_curve_is_scikit_learns_and_encloses_the_area(ties):
    y, p, _ = samples(2, ties=ties)
    fpr, tpr, _ = roc_curve(y, p, drop_intermediate=False)
    points = np.array(roc_points(y, p))
    assert points[:, 0] == pytest.approx(fpr)
    assert points[:, 1] == pytest.approx(tpr)
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(auc(y, p))


def test_youdens_threshold_is_the_best_of_all_cuts():
    for seed in range(6):
        y, p, _ = samples(seed, ties=bool(seed % 2))

        def gain(cut, y=y, p=p):
            return np.mean(p[y == 1] >= cut) + np.mean(p[y == 0] < cut)

        best = max(gain(cut) for cut in [*np.unique(p), 2.0])
        assert gain(youden_threshold(y, p)) == pytest.approx(best)


def test_youdens_threshold_lies_halfway_and_prefers_to_find_responders():
    y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.5, 0.9])
    assert youden_threshold(y, p) == pytest.approx(0.4)
    # Cuts between 0.1 and 0.2 and between 0.3 and 0.4 gain the same; the lower one misses nobody.
    y, p = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4])
    assert youden_threshold(y, p) == pytest.approx(0.15)


def test_the_sensitive_threshold_is_the_highest_that_finds_enough():
    y = np.array([1] * 10 + [0] * 3)
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.05, 0.15, 0.85])
    cut = sensitive_threshold(y, p, sensitivity=0.9)
    assert np.mean(p[y == 1] >= cut) == 0.9
    assert cut == pytest.approx(0.175)


def test_brier_of_a_hand_worked_example():
    # (0.7 - 1)^2 = 0.09 and (0.3 - 0)^2 = 0.09, (0.5 - 1)^2 = 0.25.
    assert brier(np.array([1, 0, 1]), np.array([0.7, 0.3, 0.5])) == pytest.approx(0.43 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_the_calibration_slope_is_that_of_an_unpenalised_logistic_regression(seed):
    y, p, _ = samples(seed, n=90)
    score = np.log(p / (1 - p))
    other = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(score[:, None], y)
    assert calibration_slope_intercept(y, p).slope == pytest.approx(other.coef_[0, 0], abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_calibration_intercept_makes_predicted_and_observed_events_equal(seed):
    y, p, _ = samples(seed, n=90)
    score = np.log(p / (1 - p))
    # The likelihood equation of an intercept with an offset: the sum of fitted probabilities is the events.
    expected = optimize.brentq(lambda a: np.sum(1 / (1 + np.exp(-(score + a)))) - y.sum(), -20, 20, xtol=1e-12)
    assert calibration_slope_intercept(y, p).intercept == pytest.approx(expected, abs=1e-8)


def test_overconfident_predictions_have_half_the_slope():
    # Doubling the log-odds of a perfectly calibrated model halves the slope exactly in a balanced design:
    # at each probability the outcomes occur in that very proportion.
    y, p = [], []
    for tenth in (2, 4, 6, 8):
        y += [1] * tenth + [0] * (10 - tenth)
        p += [tenth / 10] * 10
    y, score = np.array(y), np.log(np.array(p) / (1 - np.array(p)))
    found = calibration_slope_intercept(y, 1 / (1 + np.exp(-2 * score)))
    assert found.slope == pytest.approx(0.5, abs=1e-9)
    assert found.intercept == pytest.approx(0.0, abs=1e-9)
    shifted = calibration_slope_intercept(y, 1 / (1 + np.exp(-(score - 0.7))))
    assert shifted.intercept == pytest.approx(0.7, abs=1e-9)


def test_calibration_of_extreme_predictions_still_converges():
    y = np.array([0, 0, 0, 1, 1, 1, 0, 1])
    p = np.array([1e-15, 1e-9, 1e-6, 1 - 1e-9, 1.0, 1 - 1e-12, 1 - 1e-6, 1e-9])
    score = np.log(np.clip(p, 1e-12, 1 - 1e-12) / (1 - np.clip(p, 1e-12, 1 - 1e-12)))

    def loss(b):
        margin = b[0] + b[1] * score
        return np.sum(np.logaddexp(0, margin) - y * margin)

    other = optimize.minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12})
    assert calibration_slope_intercept(y, p).slope == pytest.approx(other.x[1], abs=1e-5)


def test_net_benefit_of_a_hand_worked_example():
    # Vickers & Elkin 2006: at t = 0.20 false positives weigh 0.25. Ten patients, four events; called: three
    # events and two others, so 0.3 - 0.2 * 0.25 = 0.25; treating all gives 0.4 - 0.6 * 0.25 = 0.25.
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    p = np.array([0.9, 0.8, 0.7, 0.1, 0.6, 0.5, 0.1, 0.1, 0.1, 0.1])
    curve = {round(t, 2): (model, everyone) for t, model, everyone in decision_curve(y, p)}
    assert curve[0.2] == pytest.approx((0.25, 0.25))
    assert (min(curve), max(curve), len(curve)) == (0.05, 0.8, 76)


def test_calibration_groups_hold_every_patient_once():
    y, p, _ = samples(0, n=47)
    groups = calibration_bins(y, p)
    assert sum(n for _, _, n in groups) == 47
    assert sum(mean * n for mean, _, n in groups) == pytest.approx(p.sum())
    assert sum(share * n for _, share, n in groups) == pytest.approx(y.sum())
    assert max(n for _, _, n in groups) - min(n for _, _, n in groups) <= 1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=4, max_size=40))
@settings(max_examples=60, deadline=None)
def test_the_area_of_reversed_scores_is_the_complement(pairs):
    y = np.array([event for event, _ in pairs], dtype=int)
    p = np.array([score for _, score in pairs], dtype=float)
    area = auc(y, p)
    if area is None:
        assert len(np.unique(y)) == 1
    else:
        assert auc(y, -p) == pytest.approx(1 - area)
        assert auc(1 - y, p) == pytest.approx(1 - area)
