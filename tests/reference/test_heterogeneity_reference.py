"""Random-effects pooling against statsmodels and a published meta-analysis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit
from statsmodels.stats.meta_analysis import combine_effects

from modeling.core.performance.discrimination import delong_interval
from modeling.core.performance.heterogeneity import pool

#: Thirteen trials of BCG vaccine: cases and others vaccinated, cases and others not (Colditz et al., JAMA
#: 1994;271:698-702, table 1).
BCG = np.array(
    [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
        (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232),
        (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
    ],
    dtype=float,
)  # fmt: skip


def bcg() -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d = BCG.T
    return np.log(a / (a + b) * (c + d) / c), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def test_the_bcg_trials_give_the_published_estimate_and_heterogeneity():
    effects, variances = bcg()
    found = pool(effects.tolist(), standard_errors=np.sqrt(variances).tolist(), scale="identity")
    # R's metafor, rma(method = "DL") of dat.bcg: -0.7141, tau^2 0.3088, I^2 92.12 %, Q(12) = 152.2330.
    assert found.estimate == pytest.approx(-0.7141, abs=5e-5)
    assert found.tau2 == pytest.approx(0.3088, abs=5e-5)
    assert found.i2_percent == pytest.approx(92.12, abs=5e-3)
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    assert found.q_p < 1e-4
    assert found.k == 13


@pytest.mark.parametrize("seed", range(4))
def test_the_pooled_interval_is_that_of_statsmodels(seed):
    random = np.random.default_rng(seed)
    effects, variances = random.normal(0.5, 1.5, 6), random.uniform(0.02, 0.2, 6)
    other = combine_effects(effects, variances, method_re="dl")
    found = pool(effects.tolist(), standard_errors=np.sqrt(variances).tolist(), scale="identity")
    assert found.tau2 == pytest.approx(other.tau2)
    assert found.tau2 > 0
    assert found.estimate == pytest.approx(other.mean_effect_re)
    assert (found.q, found.i2_percent) == pytest.approx((other.q, 100 * other.i2))
    # Hartung, Knapp, Sidik and Jonkman's error, but not below that of the weights.
    error = max(other.sd_eff_w_re_hksj, other.sd_eff_w_re)
    assert found.high - found.estimate == pytest.approx(stats.t.ppf(0.975, 5) * error)
    spread = np.sqrt(other.tau2 + error**2)
    assert found.prediction_high - found.estimate == pytest.approx(stats.t.ppf(0.975, 4) * spread)


def test_centres_that_agree_have_the_fixed_estimate_but_no_narrower_interval():
    effects, variances = np.array([0.5, 0.51, 0.49, 0.5]), np.array([0.05, 0.1, 0.08, 0.2])
    found = pool(effects.tolist(), standard_errors=np.sqrt(variances).tolist(), scale="identity")
    assert (found.tau2, found.i2_percent) == (0.0, 0.0)
    assert found.estimate == pytest.approx(np.average(effects, weights=1 / variances))
    assert found.high - found.estimate == pytest.approx(stats.t.ppf(0.975, 3) / np.sqrt(np.sum(1 / variances)))


def test_areas_are_pooled_as_log_odds():
    areas, errors = [0.7, 0.8, 0.65], [0.05, 0.04, 0.08]
    found = pool(areas, standard_errors=errors)
    plain = pool(
        logit(areas).tolist(),
        standard_errors=[e / (a * (1 - a)) for a, e in zip(areas, errors, strict=True)],
        scale="identity",
    )
    assert (found.estimate, found.low, found.prediction_high) == pytest.approx(
        (expit(plain.estimate), expit(plain.low), expit(plain.prediction_high))
    )
    assert (found.tau2, found.q) == pytest.approx((plain.tau2, plain.q))


def test_intervals_give_the_same_as_their_standard_errors():
    effects, errors = [0.2, 0.9, 0.4], [0.1, 0.3, 0.2]
    intervals = [(v - 1.959964 * e, v + 1.959964 * e) for v, e in zip(effects, errors, strict=True)]
    one = pool(effects, standard_errors=errors, scale="identity")
    two = pool(effects, intervals=intervals, scale="identity")
    assert vars(two) == pytest.approx(vars(one), abs=1e-6)


def test_one_centre_keeps_its_own_interval():
    random = np.random.default_rng(0)
    y = np.arange(60) % 2
    interval = delong_interval(y, random.normal(size=60) + y)
    found = pool([0.75, None, 0.9], intervals=[interval, None, None])
    assert (found.estimate, found.low, found.high) == (pytest.approx(0.75), *interval)
    assert (found.tau2, found.q, found.i2_percent, found.prediction_low, found.k) == (None, None, None, None, 1)


def test_without_a_centre_nothing_is_known():
    assert set(vars(pool([None, 1.0], intervals=[None, None])).values()) == {None, 0}
    assert pool([], intervals=[]).k == 0


def test_two_centres_have_no_prediction_interval():
    found = pool([0.7, 0.8], standard_errors=[0.05, 0.05])
    assert found.prediction_low is None
    assert found.low < 0.7 < 0.8 < found.high


def test_an_interval_cut_at_one_is_read_from_its_other_end():
    found = pool([0.85, 0.7], intervals=[(0.68, 1.0), (0.6, 0.8)])
    cut = logit(0.85) - logit(0.68)
    expected = pool([0.85, 0.7], intervals=[(0.68, float(expit(logit(0.85) + cut))), (0.6, 0.8)])
    assert (found.estimate, found.low, found.tau2) == pytest.approx((expected.estimate, expected.low, expected.tau2))


def test_the_interval_of_the_mean_covers_it_as_often_as_it_says():
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(600):
        errors = random.uniform(0.1, 0.4, 5)
        found = pool(
            random.normal(0.8, np.hypot(0.3, errors)).tolist(), standard_errors=errors.tolist(), scale="identity"
        )
        covered += found.low <= 0.8 <= found.high
    # 95 % of 600 is 570; the factor held at 1 makes the interval wider rather than narrower.
    assert 554 <= covered <= 597


centres = st.lists(st.tuples(st.floats(0.05, 0.95), st.floats(0.02, 0.2)), min_size=2, max_size=8)


@given(centres)
@settings(max_examples=80, deadline=None)
def test_the_pooled_value_lies_between_the_extremes_and_inside_its_intervals(rows):
    values, errors = [value for value, _ in rows], [error for _, error in rows]
    found = pool(values, standard_errors=errors)
    assert min(values) - 1e-9 <= found.estimate <= max(values) + 1e-9
    assert found.low <= found.estimate <= found.high
    assert found.tau2 >= 0
    assert 0 <= found.i2_percent <= 100
    if len(rows) > 2:
        assert found.prediction_low <= found.low + 1e-12
        assert found.high <= found.prediction_high + 1e-12
    mixed = pool(values[::-1], standard_errors=errors[::-1])
    assert (mixed.estimate, mixed.low, mixed.tau2) == pytest.approx((found.estimate, found.low, found.tau2), abs=1e-9)
