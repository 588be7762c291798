"""Patients of several groups side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cohorts.core.baseline import counted, mean_difference, measured, share_difference


def test_numbers_are_described_by_median_quartiles_and_gaps() -> None:
    values = pd.Series([1.0, 2.0, 3.0, 10.0, 20.0, np.nan])
    group = pd.Series(["a", "a", "a", "b", "b", "b"])
    first, missing = measured("Age", values, group, ["a", "b"])
    assert (first.label, first.cells) == ("Age", ("2 [1.5 to 2.5]", "15 [12.5 to 17.5]"))
    assert missing.cells == ("0 (0 %)", "1 (33 %)")


def test_a_standardised_difference_is_the_distance_of_means_in_deviations() -> None:
    a = np.array([0.0, 2.0])  # mean 1, variance 2
    b = np.array([2.0, 4.0])  # mean 3, variance 2
    assert mean_difference(a, b) == pytest.approx(2 / np.sqrt(2))
    assert mean_difference(a, a) == 0
    assert mean_difference(np.array([1.0]), b) is None
    assert mean_difference(np.array([1.0, 1.0]), np.array([1.0, 1.0])) is None


def test_with_two_levels_the_difference_of_shares_is_the_usual_one() -> None:
    p, q = 0.3, 0.5
    expected = abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert share_difference(np.array([30.0, 70.0]), np.array([50.0, 50.0])) == pytest.approx(expected)


def test_the_difference_of_shares_does_not_depend_on_the_order_of_the_levels() -> None:
    a, b = np.array([10.0, 20.0, 30.0]), np.array([25.0, 20.0, 15.0])
    turned = share_difference(a[::-1], b[::-1])
    assert share_difference(a, b) == pytest.approx(turned)
    assert share_difference(a, 2 * a) == pytest.approx(0)
    assert share_difference(a, np.zeros(3)) is None


def test_a_level_that_neither_group_has_changes_nothing_and_groups_without_a_common_level_have_no_number() -> None:
    a, b = np.array([10.0, 20.0]), np.array([25.0, 20.0])
    assert share_difference(np.insert(a, 1, 0), np.insert(b, 1, 0)) == pytest.approx(share_difference(a, b))
    assert share_difference(np.array([5.0, 0.0]), np.array([0.0, 5.0])) is None


def test_categories_are_counted_among_those_known() -> None:
    values = pd.Series(["f", "m", "m", "", "f", "f"])
    group = pd.Series(["a", "a", "a", "a", "b", "b"])
    rows = counted("Sex", values, group, ["a", "b"], {"f": "Female", "m": "Male", "x": "Other"})
    assert [(row.label, row.cells) for row in rows] == [
        ("Sex", ("", "")),
        ("  Female", ("1 (33 %)", "2 (100 %)")),
        ("  Male", ("2 (67 %)", "0 (0 %)")),
        ("  Missing", ("1 (25 %)", "0 (0 %)")),
    ]
