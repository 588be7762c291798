"""Subgroups: areas where there are enough patients, and the interaction test against statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from modeling.core.performance.discrimination import auc, delong_interval, holm
from modeling.core.performance.subgroups import forest, interaction_p


def cohort(seed: int = 0, n: int = 240, *, slopes: tuple[float, float] = (1.0, 1.0)):
    """Outcomes whose log-odds are `slopes` times those predicted, in two sexes by turns."""
    random = np.random.default_rng(seed)
    sex = np.array(["female", "male"])[np.arange(n) % 2]
    score = random.normal(size=n)
    slope = np.where(sex == "male", slopes[1], slopes[0])
    y = (random.random(n) < 1 / (1 + np.exp(-slope * score))).astype(int)
    return y, 1 / (1 + np.exp(-score)), sex


def likelihood_ratio(y, p, levels):
    """Twice the gain of statsmodels' log-likelihood when the score may differ by level."""
    score = np.log(p / (1 - p))
    dummies = pd.get_dummies(levels, drop_first=True).to_numpy(dtype=float)
    additive = np.column_stack([np.ones(len(y)), score, dummies])
    crossed = np.column_stack([additive, dummies * score[:, None]])
    one, two = (sm.Logit(y, Z).fit(disp=0, tol=1e-12, maxiter=200).llf for Z in (additive, crossed))
    return 2 * (two - one), dummies.shape[1]


@pytest.mark.parametrize("seed", range(3))
def test_the_interaction_is_tested_by_statsmodels_likelihood_ratio(seed):
    y, p, sex = cohort(seed, slopes=(0.5, 1.5))
    third = np.random.default_rng(seed).choice(["a", "b", "c"], len(y))
    for levels in (sex, third):
        chi2, df = likelihood_ratio(y, p, levels)
        assert interaction_p(y, p, levels.astype(object)) == pytest.approx(stats.chi2.sf(chi2, df), rel=1e-6)


def test_equal_slopes_are_rejected_as_rarely_as_the_test_says():
    rejected = 0
    for seed in range(300):
        y, p, sex = cohort(seed, n=160)
        rejected += interaction_p(y, p, sex.astype(object)) < 0.05
    # 5 % of 300 is 15, three standard errors are 11.
    assert 4 <= rejected <= 26


def test_a_score_that_works_in_one_sex_only_is_found():
    y, p, sex = cohort(1, n=600, slopes=(0.0, 2.0))
    rows = forest(y, p, pd.DataFrame({"sex": sex}))
    assert [row.level for row in rows] == ["female", "male"]
    assert rows[0].interaction_p == rows[1].interaction_p < 1e-4
    assert rows[0].high < rows[1].low


def test_each_row_has_the_area_of_its_patients():
    y, p, sex = cohort(2)
    for row in forest(y, p, pd.DataFrame({"sex": sex})):
        here = sex == row.level
        assert (row.n, row.events) == (here.sum(), y[here].sum())
        assert row.auc == auc(y[here], p[here])
        assert (row.low, row.high) == delong_interval(y[here], p[here])
        assert row.reason == ""


@pytest.mark.parametrize(("events", "others"), [(9, 30), (30, 9)])
def test_a_level_needs_ten_patients_of_each_class(events, others):
    random = np.random.default_rng(0)

    def rows(events, others):
        y = np.concatenate([np.tile([0, 1], 20), np.repeat([1, 0], [events, others])])
        levels = np.repeat(["common", "rare"], [40, events + others])
        return forest(y, random.uniform(0.1, 0.9, len(y)), pd.DataFrame({"kind": levels}))

    common, rare = rows(events, others)
    assert (rare.n, rare.events, rare.auc, rare.low) == (39, events, None, None)
    assert rare.reason == f"{events} events and {others} non-events; at least 10 of each are needed."
    assert common.auc is not None
    assert common.interaction_p is None
    assert "fewer than two levels" in common.reason
    assert all(
        row.auc is not None and row.interaction_p is not None for row in rows(max(events, 10), max(others, 10))
    )


def test_patients_of_an_unknown_level_are_counted_and_left_out_of_the_test():
    y, p, sex = cohort(3)
    known = forest(y, p, pd.DataFrame({"sex": sex}))
    extra = [None, "", float("nan"), None] * 10
    more = np.arange(40) % 2
    rows = forest(
        np.append(y, more), np.append(p, np.full(40, 0.5)), pd.DataFrame({"sex": [*sex, *extra]}, dtype=object)
    )
    assert rows[:2] == known
    assert (rows[2].level, rows[2].n, rows[2].events, rows[2].auc) == ("not known", 40, 20, None)
    assert (rows[2].reason, rows[2].interaction_p) == ("The level is not known.", None)


def test_levels_too_small_for_an_area_do_not_enter_the_test():
    y, p, sex = cohort(4)
    few = np.append(sex, ["other"] * 5)
    rows = forest(np.append(y, [1, 1, 1, 0, 1]), np.append(p, np.full(5, 0.9)), pd.DataFrame({"sex": few}))
    assert rows[0].interaction_p == forest(y, p, pd.DataFrame({"sex": sex}))[0].interaction_p


def test_p_values_are_adjusted_over_the_factors_that_were_tested():
    y, p, sex = cohort(5, slopes=(0.4, 1.6))
    random = np.random.default_rng(1)
    groups = pd.DataFrame(
        {
            "sex": sex,
            "side": random.choice(["left", "right"], len(y)),
            "constant": "same",
            "stage": random.choice(["II", "III"], len(y)),
        }
    )
    rows = {row.factor: row for row in forest(y, p, groups)}
    assert list(rows) == ["sex", "side", "constant", "stage"]
    tested = [name for name in rows if name != "constant"]
    adjusted = holm([rows[name].interaction_p for name in tested])
    assert [rows[name].interaction_p_holm for name in tested] == pytest.approx(adjusted)
    assert (rows["constant"].interaction_p, rows["constant"].interaction_p_holm) == (None, None)


def test_a_number_is_cut_at_its_median():
    y, p, _ = cohort(6)
    age = np.arange(len(y), dtype=float)
    age[:4] = np.nan
    rows = forest(y, p, pd.DataFrame({"age": age}))
    assert [(row.level, row.n) for row in rows] == [("121.5 or more", 118), ("below 121.5", 118), ("not known", 4)]
    coded = forest(y, p, pd.DataFrame({"grade": np.where(np.arange(len(y)) % 2, 1.0, 2.0)}))
    assert [row.level for row in coded] == ["1", "2"]


def test_the_order_of_patients_does_not_matter():
    y, p, sex = cohort(7)
    mixed = np.random.default_rng(0).permutation(len(y))
    groups = pd.DataFrame({"sex": sex}, index=[f"EC-{i}" for i in range(len(y))])
    for one, two in zip(forest(y, p, groups), forest(y[mixed], p[mixed], groups.iloc[mixed]), strict=True):
        assert (one.level, one.n, one.events) == (two.level, two.n, two.events)
        assert (one.auc, one.low, one.interaction_p) == pytest.approx((two.auc, two.low, two.interaction_p))


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_a_constant_or_certain_prediction_is_no_error(p):
    y, _, sex = cohort(8)
    rows = forest(y, np.full(len(y), p), pd.DataFrame({"sex": sex}))
    assert [row.auc for row in rows] == [0.5, 0.5]
    assert rows[0].interaction_p == pytest.approx(1.0)


def test_a_perfect_separation_has_no_interval_and_says_so():
    y, _, sex = cohort(9)
    rows = forest(y, 0.2 + 0.6 * y, pd.DataFrame({"sex": sex}))
    assert [(row.auc, row.low) for row in rows] == [(1.0, None)] * 2
    assert "separated perfectly" in rows[0].reason
    assert 0 <= rows[0].interaction_p <= 1
