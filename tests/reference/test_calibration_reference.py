"""Calibration against published examples and independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.linear_model import LogisticRegression
from statsmodels.nonparametric.smoothers_lowess import lowess

from modeling.core.performance.calibration import (
    brier,
    calibration_bins,
    calibration_slope_intercept,
    expected_calibration_error,
    hosmer_lemeshow,
    integrated_calibration_index,
    loess_curve,
    observed_expected,
)
from modeling.core.performance.logistic import log_odds, maximum_likelihood
from modeling.core.performance.smoothing import SPAN, loess
from tests.reference.scores import samples


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


def test_calibration_groups_hold_every_patient_once():
    y, p, _ = samples(0, n=47)
    groups = calibration_bins(y, p)
    assert sum(n for _, _, n in groups) == 47
    assert sum(mean * n for mean, _, n in groups) == pytest.approx(p.sum())
    assert sum(share * n for _, share, n in groups) == pytest.approx(y.sum())
    assert max(n for _, _, n in groups) - min(n for _, _, n in groups) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_the_fit_and_its_likelihood_are_statsmodels(seed):
    y, p, q = samples(seed, n=90)
    Z = np.column_stack([np.ones(90), log_odds(p), log_odds(q)])
    found, other = maximum_likelihood(Z, y), sm.Logit(y, Z).fit(disp=0, tol=1e-12)
    assert found.coefficients == pytest.approx(other.params, abs=1e-6)
    assert found.log_likelihood == pytest.approx(other.llf, abs=1e-8)


def test_observed_over_expected_of_a_hand_worked_example():
    # 25 of 100 occurred, 20 were predicted: 1.25; the error of the logarithm is sqrt(0.75 / 25) = 0.1732.
    y, p = np.repeat([1, 0], [25, 75]), np.full(100, 0.2)
    found = observed_expected(y, p)
    assert found.ratio == pytest.approx(1.25)
    assert (found.low, found.high) == pytest.approx((1.25 / np.exp(0.339475), 1.25 * np.exp(0.339475)), abs=1e-5)


def test_the_interval_of_observed_over_expected_covers_one_as_often_as_it_says():
    random = np.random.default_rng(5)
    p = np.full(300, 0.3)
    found = [observed_expected((random.random(300) < 0.3).astype(int), p) for _ in range(800)]
    covered = sum(row.low <= 1 <= row.high for row in found)
    # 95 % of 800 is 760, three standard errors are 18.
    assert 740 <= covered <= 780


def test_observed_over_expected_says_where_it_is_undefined():
    assert observed_expected(np.zeros(5, int), np.full(5, 0.2)).ratio is None
    assert observed_expected(np.array([0, 1]), np.zeros(2)).ratio is None
    every = observed_expected(np.ones(5, int), np.full(5, 0.5))
    assert (every.ratio, every.low, every.reason) == (2.0, None, "all patients have the same outcome")


@pytest.mark.parametrize("n", [23, 60, 121])
@pytest.mark.parametrize("ties", [False, True])
def test_the_smooth_curve_is_statsmodels_lowess(n, ties):
    y, p, _ = samples(n, n=n)
    # Ties in the hundredths: statsmodels gives up where a whole neighbourhood is tied.
    p = np.round(p, 2) if ties else p
    other = lowess(y, p, frac=SPAN, it=0, delta=0.0)
    assert loess(y, p, at=other[:, 0]) == pytest.approx(np.clip(other[:, 1], 0, 1), abs=1e-9)


def test_the_smooth_curve_of_a_straight_line_is_that_line():
    p = np.linspace(0.05, 0.95, 40)
    assert loess(0.2 + 0.5 * p, p, at=p[::7]) == pytest.approx(0.2 + 0.5 * p[::7], abs=1e-12)


def test_the_smooth_curve_of_few_different_predictions_holds_their_shares():
    # Each neighbourhood of 8 of 60 patients is one prediction; 10 %, 75 % and 20 % do not lie on a line.
    y = np.concatenate([np.repeat([1, 0], [events, 20 - events]) for events in (2, 15, 4)])
    p = np.repeat([0.1, 0.5, 0.8], 20)
    assert loess(y, p, at=np.array([0.1, 0.5, 0.8]), span=0.15) == pytest.approx([0.1, 0.75, 0.2])


def test_the_curve_has_few_points_in_order():
    y, p, _ = samples(0, n=400)
    curve = np.array(loess_curve(y, p, points=60))
    assert curve.shape == (60, 2)
    assert (np.diff(curve[:, 0]) > 0).all()
    assert (curve[0, 0], curve[-1, 0]) == (p.min(), p.max())
    assert loess_curve(y[:9], p[:9]) == []
    assert loess_curve(y, np.full(400, 0.3)) == []


@pytest.mark.parametrize("n", [80, 900])
def test_the_calibration_index_is_that_of_its_definition(n):
    y, p, _ = samples(1, n=n)
    smooth = lowess(y, p, frac=SPAN, it=0, delta=0.0, return_sorted=False)
    distance = np.abs(np.clip(smooth, 0, 1) - p)
    found = integrated_calibration_index(y, p)
    # With 900 patients the curve is interpolated between 500 of them.
    assert found.ici == pytest.approx(distance.mean(), abs=1e-9 if n == 80 else 1e-4)
    assert found.e50 == pytest.approx(np.median(distance), abs=1e-9 if n == 80 else 1e-4)
    assert found.e90 == pytest.approx(np.quantile(distance, 0.9), abs=1e-9 if n == 80 else 1e-4)


def test_predictions_that_are_all_too_high_by_a_tenth_have_that_index():
    # In each group of ten the outcomes occur a tenth less often than predicted.
    truth = np.repeat(np.arange(1, 8) / 10, 100)
    y = np.concatenate(
        [np.repeat([1, 0], [int(10 * share) * 10, 100 - int(10 * share) * 10]) for share in truth[::100]]
    )
    found = integrated_calibration_index(y, truth + 0.1)
    assert (found.ici, found.e50, found.e90) == pytest.approx((0.1, 0.1, 0.1), abs=1e-9)
    assert integrated_calibration_index(y, truth).ici == pytest.approx(0, abs=1e-9)
    assert expected_calibration_error(y, truth + 0.1) == pytest.approx(0.1)


@pytest.mark.parametrize("seed", range(3))
def test_the_expected_calibration_error_is_that_of_a_slow_loop(seed):
    y, p, _ = samples(seed, n=90)
    p[:2] = 0.0, 1.0
    total = 0.0
    for low in range(10):
        here = [i for i in range(90) if min(int(p[i] * 10), 9) == low]
        if here:
            total += len(here) / 90 * abs(np.mean(y[here]) - np.mean(p[here]))
    assert expected_calibration_error(y, p) == pytest.approx(total)


def test_a_certain_prediction_belongs_to_the_last_bin():
    # |(1 - 0) + (0.95 - 1)| / 2 in one bin.
    assert expected_calibration_error(np.array([0, 1]), np.array([1.0, 0.95])) == pytest.approx(0.475)


def test_hosmer_and_lemeshows_test_of_a_hand_worked_example():
    # Three groups of ten: expected 2, 5, 8 and observed 3, 5, 6 give 1/1.6 + 0 + 4/1.6 = 3.125.
    p = np.repeat([0.2, 0.5, 0.8], 10)
    y = np.concatenate([np.repeat([1, 0], [k, 10 - k]) for k in (3, 5, 6)])
    found = hosmer_lemeshow(y, p, groups=3, development=True)
    assert (found.chi2, found.df) == (pytest.approx(3.125), 1)
    assert found.p == pytest.approx(stats.chi2.sf(3.125, 1))
    assert hosmer_lemeshow(y, p, groups=3, development=False).df == 3


@pytest.mark.parametrize("seed", range(3))
def test_hosmer_and_lemeshows_groups_are_those_of_quantiles(seed):
    y, p, _ = samples(seed, n=200)
    # As ResourceSelection::hoslem.test in R: cut(p, quantile(p, 0 to 1 by 0.1), include.lowest).
    edges = np.quantile(p, np.linspace(0, 1, 11))
    groups = [(p <= edges[1]) if g == 0 else (p > edges[g]) & (p <= edges[g + 1]) for g in range(10)]
    chi2 = 0.0
    for group in groups:
        for observed, expected in ((y[group].sum(), p[group].sum()), ((1 - y[group]).sum(), (1 - p[group]).sum())):
            chi2 += (observed - expected) ** 2 / expected
    found = hosmer_lemeshow(y, p, development=True)
    assert (found.chi2, found.df) == (pytest.approx(chi2), 8)
    assert found.p == pytest.approx(stats.chi2.sf(chi2, 8))
    assert hosmer_lemeshow(y, p, development=False).df == 10


def test_hosmer_and_lemeshows_test_rejects_true_probabilities_as_rarely_as_it_says():
    random = np.random.default_rng(3)
    rejected = 0
    for _ in range(500):
        p = random.uniform(0.1, 0.9, 200)
        rejected += hosmer_lemeshow((random.random(200) < p).astype(int), p, development=False).p < 0.05
    # 5 % of 500 is 25, three standard errors are 15.
    assert 10 <= rejected <= 40


def test_hosmer_and_lemeshows_test_is_undefined_where_it_has_no_groups():
    y = np.array([0, 1] * 10)
    assert hosmer_lemeshow(y[:9], np.linspace(0.1, 0.9, 9), development=False) is None
    assert hosmer_lemeshow(y, np.full(20, 0.4), development=False) is None
    assert hosmer_lemeshow(y, np.repeat([0.0, 0.5, 0.7, 1.0], 5), development=False) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 99)), min_size=20, max_size=60), st.randoms())
@settings(max_examples=50, deadline=None)
def test_the_order_of_patients_does_not_matter(patients, chance):
    mixed = chance.sample(patients, len(patients))
    (y, p), (y_mixed, p_mixed) = (
        (np.array([event for event, _ in rows], dtype=int), np.array([percent / 100 for _, percent in rows]))
        for rows in (patients, mixed)
    )
    assert expected_calibration_error(y, p) == pytest.approx(expected_calibration_error(y_mixed, p_mixed))
    one, two = (hosmer_lemeshow(*data, development=False) for data in ((y, p), (y_mixed, p_mixed)))
    assert (one is None) == (two is None)
    assert one is None or one.chi2 == pytest.approx(two.chi2)
    one, two = (integrated_calibration_index(*data) for data in ((y, p), (y_mixed, p_mixed)))
    assert (one is None) == (two is None)
    assert one is None or (one.ici == pytest.approx(two.ici) and 0 <= one.e50 <= one.e90 <= 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 99)), min_size=20, max_size=60))
@settings(max_examples=50, deadline=None)
def test_calibration_of_the_other_outcome_mirrors(patients):
    y = np.array([event for event, _ in patients], dtype=int)
    p = np.array([percent / 100 for _, percent in patients])
    one, two = calibration_slope_intercept(y, p), calibration_slope_intercept(1 - y, 1 - p)
    assert (one.slope is None) == (two.slope is None)
    if one.slope is not None:
        assert one.slope == pytest.approx(two.slope, abs=1e-6)
        assert one.intercept == pytest.approx(-two.intercept, abs=1e-6)
    assert brier(y, p) == pytest.approx(brier(1 - y, 1 - p))


def test_a_slope_through_predictions_that_hardly_differ_is_not_given():
    # The likelihood has a maximum, in the hundreds: noise divided by almost nothing.
    random = np.random.default_rng(3)
    y = random.integers(0, 2, 90)
    found = calibration_slope_intercept(y, 0.48 + 1e-4 * random.normal(size=90))
    assert (found.slope, found.reason) == (None, "all patients have nearly the same prediction")
    assert found.intercept is not None
