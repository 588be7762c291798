"""ICC(2,1) against a slow analysis of variance in plain loops, and by what must hold for any numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import stats

from imaging.core.errors import TooFewCases
from imaging.core.reliability import Reliability, reliability

Table = NDArray[np.float64]


def one(table: Table, **options: float) -> Reliability:
    return reliability(np.asarray(table, dtype=float)[:, :, None], names=("feature",), **options)


def slowly(table: Table, confidence: float = 0.95) -> tuple[float, float, float]:
    """Give ICC(A,1) and its limits as McGraw and Wong print them, cell by cell."""
    n, c = len(table), len(table[0])
    grand = sum(sum(row) for row in table) / (n * c)
    row_means = [sum(row) / c for row in table]
    column_means = [sum(table[i][j] for i in range(n)) / n for j in range(c)]
    msr = c * sum((mean - grand) ** 2 for mean in row_means) / (n - 1)
    msc = n * sum((mean - grand) ** 2 for mean in column_means) / (c - 1)
    total = sum((table[i][j] - grand) ** 2 for i in range(n) for j in range(c))
    mse = (total - (n - 1) * msr - (c - 1) * msc) / ((n - 1) * (c - 1))
    icc = (msr - mse) / (msr + (c - 1) * mse + c * (msc - mse) / n)
    a = c * icc / (n * (1 - icc))
    b = 1 + c * icc * (n - 1) / (n * (1 - icc))
    v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (c - 1) + (b * mse) ** 2 / ((n - 1) * (c - 1)))
    low = stats.f.ppf(0.5 + confidence / 2, n - 1, v)
    high = stats.f.ppf(0.5 + confidence / 2, v, n - 1)
    return (
        icc,
        n * (msr - low * mse) / (low * (c * msc + (c * n - c - n) * mse) + n * msr),
        n * (high * msr - mse) / (c * msc + (c * n - c - n) * mse + n * high * msr),
    )


def drawn(seed: int, *, cases: int = 12, raters: int = 5, between: float = 3.0, bias: float = 0.5) -> Table:
    random = np.random.default_rng(seed)
    return (
        random.normal(0, between, (cases, 1)) + random.normal(0, bias, raters) + random.normal(0, 1, (cases, raters))
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("between", [0.0, 0.7, 3.0, 20.0])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_many_features_at_once_equal_the_slow_way_one_by_one(seed: int, between: float, confidence: float) -> None:
    tables = [drawn(100 * seed + i, between=between, cases=9 + seed) for i in range(4)]
    found = reliability(np.stack(tables, axis=2), names=("a", "b", "c", "d"), confidence=confidence)
    for i, table in enumerate(tables):
        expected = slowly(table, confidence)
        np.testing.assert_allclose([found.icc[i], found.lower[i], found.upper[i]], expected, rtol=1e-9)
    assert (found.names, found.raters, found.confidence) == (("a", "b", "c", "d"), 5, confidence)
    assert found.cases.tolist() == [9 + seed] * 4
    assert found.undefined == {}


def test_a_case_that_lacks_one_measurement_of_a_feature_does_not_count_for_it() -> None:
    whole, holed = drawn(1), drawn(2)
    holed[3, 4] = np.nan
    holed[7, 0] = np.inf
    found = reliability(np.stack([whole, holed], axis=2), names=("whole", "holed"))
    assert found.cases.tolist() == [12, 10]
    np.testing.assert_allclose(found.icc, [slowly(whole)[0], slowly(np.delete(holed, [3, 7], axis=0))[0]], rtol=1e-9)


def test_what_cannot_be_had_is_nan_with_a_reason() -> None:
    constant, lacking = np.full((6, 3), 0.1), np.full((6, 3), np.nan)
    lacking[2] = 1.0
    found = reliability(np.stack([constant, lacking, drawn(3, cases=6, raters=3)], axis=2), names=("c", "l", "ok"))
    assert np.isnan(found.icc[:2]).all()
    assert np.isnan(found.lower[:2]).all()
    assert np.isnan(found.upper[:2]).all()
    assert found.cases.tolist() == [6, 1, 6]
    assert set(found.undefined) == {"c", "l"}
    assert "no two measurements differ" in found.undefined["c"]
    assert "1 cases" in found.undefined["l"]
    assert not found.stable()[:2].any()


@pytest.mark.parametrize(("cases", "raters"), [(1, 4), (0, 4), (5, 1)])
def test_one_case_or_one_measurement_says_that_it_is_too_few(cases: int, raters: int) -> None:
    with pytest.raises(TooFewCases, match=f"there are {cases}, each measured {raters} times"):
        one(np.zeros((cases, raters)))


def test_names_and_features_must_go_together() -> None:
    with pytest.raises(ValueError, match="2 names cannot go with 1 features"):
        reliability(np.zeros((3, 3, 1)), names=("a", "b"))


def test_stable_is_judged_by_the_coefficient_or_by_its_lower_limit() -> None:
    found = reliability(np.stack([drawn(5, between=b) for b in (0.3, 2.0, 60.0)], axis=2), names=("a", "b", "c"))
    assert found.stable().tolist() == [False, True, True]
    assert found.stable(by_lower_limit=True).tolist() == [False, False, True]
    assert found.stable(at_least=0.9999).tolist() == [False, False, False]


numbers = st.floats(-100, 100).map(lambda value: round(value, 3))
tables = hnp.array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=7).flatmap(
    lambda shape: hnp.arrays(np.float64, shape, elements=numbers)
)


def varies(table: Table) -> bool:
    return (
        float(np.ptp(table.mean(axis=1))) > 0.01 and float(np.ptp(table - table.mean(axis=1, keepdims=True))) > 0.01
    )


@given(tables)
def test_identical_raters_agree_perfectly(table: Table) -> None:
    assume(np.ptp(table[:, 0]) > 0.01)
    found = one(np.repeat(table[:, :1], 4, axis=1))
    np.testing.assert_allclose([found.icc, found.lower, found.upper], 1, atol=1e-9)


@given(tables, st.floats(0.1, 1e6), st.floats(-1e3, 1e3))
def test_unit_and_zero_of_a_feature_do_not_matter(table: Table, scale: float, offset: float) -> None:
    assume(varies(table))
    first, second = one(table), one(scale * table + offset)
    np.testing.assert_allclose(second.icc, first.icc, atol=1e-5)
    np.testing.assert_allclose(second.lower, first.lower, atol=1e-4)
    np.testing.assert_allclose(second.upper, first.upper, atol=1e-4)


@given(tables, st.floats(50, 5000))
def test_a_constant_error_of_one_rater_lowers_absolute_agreement(table: Table, bias: float) -> None:
    centred = table - table.mean(axis=0)  # raters of equal mean; any bias makes them differ
    assume(varies(centred))
    before = one(centred).icc[0]
    assume(before > 0.01)
    biased = centred.copy()
    biased[:, 0] += bias
    assert one(biased).icc[0] < before


@given(tables, st.integers(0, 2**32 - 1))
def test_the_order_of_cases_and_of_raters_does_not_matter(table: Table, seed: int) -> None:
    assume(varies(table))
    random = np.random.default_rng(seed)
    rows, columns = random.permutation(len(table)), random.permutation(table.shape[1])
    np.testing.assert_allclose(one(table[rows][:, columns]).icc, one(table).icc, atol=1e-9)


@given(tables)
def test_the_interval_holds_the_coefficient_which_is_one_at_most(table: Table) -> None:
    assume(varies(table))
    found = one(table)
    assert found.icc[0] <= 1 + 1e-9
    if found.icc[0] > 0:
        assert found.lower[0] <= found.icc[0] + 1e-9
        assert found.upper[0] >= found.icc[0] - 1e-9


def test_the_interval_holds_the_true_value_about_as_often_as_it_says() -> None:
    cases, raters, features = 30, 6, 600
    random = np.random.default_rng(11)
    truth = 4 / (4 + 0.3 + 1)  # variances of cases, raters and error
    values = (
        random.normal(0, 2, (cases, 1, features))
        + random.normal(0, np.sqrt(0.3), (1, raters, features))
        + random.normal(0, 1, (cases, raters, features))
    )
    found = reliability(values, names=[str(i) for i in range(features)])
    covered = float(np.mean((found.lower <= truth) & (truth <= found.upper)))
    # Binomial standard deviation of 0.95 over 600 features: 0.009. The interval is approximate.
    assert covered == pytest.approx(0.95, abs=0.03)


#: McGraw and Wong's a + b is nearly zero: two parts of opposite sign.
CANCELLING = np.array([[0.0, 0, 0, 0]] * 3 + [[0.0, 0, 16, -13]])


@pytest.mark.parametrize("scale", [1.0, 2.0, 0.1, 1e6, 1 / 3])
@pytest.mark.parametrize(
    "table", [CANCELLING, np.array([[1.0, 2], [2, 1], [1, 2], [2, 1]]), np.array([[0.0, 5]] * 4)]
)
def test_limits_that_mean_nothing_are_withheld_with_the_reason(table: Table, scale: float) -> None:
    found = one(table * scale)
    assert np.isfinite(found.icc[0])
    assert np.isnan([found.lower[0], found.upper[0]]).all()
    assert "degrees of freedom" in found.undefined["feature"]
    assert not found.stable(by_lower_limit=True).any()


@settings(deadline=None, max_examples=50)
@given(hnp.arrays(np.float64, st.tuples(st.integers(3, 6), st.integers(2, 5)), elements=st.integers(-20, 20)))
def test_limits_are_finite_and_in_order_or_withheld(table: Table) -> None:
    found = one(table)
    lower, upper = found.lower[0], found.upper[0]
    assert (np.isfinite(lower) and np.isfinite(upper)) or (np.isnan(lower) and np.isnan(upper))
    assert np.isnan(lower) == bool(found.undefined)
    assert np.isnan(lower) or lower <= upper + 1e-6
