"""RECIST at its limits, and comparators that nobody fitted, on tables whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from imaging.core.engine.region import PaddedRegion
from imaging.core.engine.shape import shape_features
from imaging.core.features import feature_names
from imaging.core.spec import STANDARD
from modeling.core.performance.classification import wilson
from modeling.core.performance.discrimination import auc, delong_interval
from modeling.core.performance.recist import recist_category
from modeling.core.study.comparators import (
    AXIAL_POST,
    AXIAL_PRE,
    RADIOLOGIST,
    SUV_POST,
    SUV_PRE,
    axial_recist,
    comparators,
)
from modeling.core.table import FeatureTable

NAN = float("nan")


@pytest.mark.parametrize(
    ("before", "after", "category"),
    [
        (30.0, 0.0, "CR"),
        (30.0, 21.0, "PR"),  # exactly 30 % less
        (30.3, 21.21, "PR"),  # the same, where binary fractions fall short of it
        (30.1, 36.12, "PD"),  # exactly 20 % more, likewise
        (30.0, 21.1, "SD"),
        (30.0, 35.9, "SD"),
        (30.0, 36.0, "PD"),  # exactly 20 % and 6 mm more
        (20.0, 24.0, "SD"),  # 20 %, but 4 mm only
        (20.0, 25.0, "PD"),  # 25 % and exactly 5 mm
        (50.0, 56.0, "SD"),  # 6 mm, but 12 % only
        (10.0, 7.0, "PR"),  # the smallest measurable lesion
        (9.99, 5.0, ""),
        (NAN, 5.0, ""),
        (30.0, NAN, ""),
    ],
)
def test_recist_turns_exactly_at_its_limits(before: float, after: float, category: str) -> None:
    assert recist_category(before, after) == category


def test_the_diameter_of_recist_lies_within_an_axial_slice() -> None:
    """An ellipsoid of half axes 30 (z), 12 (y) and 8 mm (x), turned by 40 degrees about z: in a slice it measures 24 mm."""
    half, spacing, angle = np.array([30.0, 12.0, 8.0]), (1.0, 0.5, 0.5), np.deg2rad(40)
    z, y, x = np.meshgrid(np.arange(-34, 35), np.arange(-15, 15.1, 0.5), np.arange(-15, 15.1, 0.5), indexing="ij")
    along = np.cos(angle) * y + np.sin(angle) * x
    across = -np.sin(angle) * y + np.cos(angle) * x
    inside = (z / half[0]) ** 2 + (along / half[1]) ** 2 + (across / half[2]) ** 2 <= 1
    found = shape_features(PaddedRegion.of(inside), spacing_zyx_mm=spacing)
    assert found["Maximum2DDiameterSlice"] == pytest.approx(24, abs=1)
    assert found["Maximum3DDiameter"] == pytest.approx(60, abs=1.5)


def test_the_diameter_is_among_the_features_that_every_protocol_extracts() -> None:
    for column in (AXIAL_PRE, AXIAL_POST):
        assert column.rpartition("|")[2] in feature_names(STANDARD)


def a_table(before: list[float], after: list[float], y: list[int], **facts: list[object]) -> FeatureTable:
    codes = pd.Index([f"C-{i}" for i in range(len(y))], name="code")
    X = pd.DataFrame({AXIAL_PRE: before, AXIAL_POST: after}, index=codes)
    named = {"radiologist": RADIOLOGIST, "pre": SUV_PRE, "post": SUV_POST}
    known = pd.DataFrame({named[name]: values for name, values in facts.items()}, index=codes)
    centre = pd.Series("A", index=codes)
    split = pd.Series([*["training"] * (len(y) - 2), "internal_test", "internal_test"], index=codes)
    return FeatureTable(X, pd.Series(y, index=codes), centre, split, known)


def test_a_response_by_the_outlines_is_counted_against_mpr_with_wilson_intervals() -> None:
    table = a_table([40, 40, 40, 40, 40, 8], [20, 30, 20, 60, 20, 4], [1, 1, 0, 0, 1, 0])
    assert axial_recist(table).tolist() == ["PR", "SD", "PR", "PD", "PR", ""]
    rows = {(row.comparator, row.split): row for row in comparators(table)}
    training, test = rows["axial_recist", "training"], rows["axial_recist", "internal_test"]
    assert (training.n, training.events, training.n_of_split) == (4, 2, 4)
    assert training.counts == {"CR": 0, "PR": 2, "SD": 1, "PD": 1}
    assert (training.sensitivity, training.specificity) == (0.5, 0.5)
    assert training.sensitivity_interval == wilson(1, 2)
    # The lesion of 8 mm was not measurable: one patient is left, and no specificity.
    assert (test.n, test.n_of_split, test.sensitivity, test.specificity) == (1, 2, 1.0, None)
    assert test.reason == "No patient is a non-responder."


def test_a_larger_fall_speaks_for_mpr() -> None:
    before, after = [40.0] * 8, [10.0, 15, 30, 35, 39, 50, 10, 50]
    y = [1, 1, 1, 0, 0, 0, 1, 0]
    row = next(row for row in comparators(a_table(before, after, y)) if row.comparator == "axial_diameter_change")
    fall, outcomes = (40 - np.array(after[:6])) / 40, np.array(y[:6])
    assert row.auc == auc(outcomes, fall) == 1.0
    assert delong_interval(outcomes, fall) is None
    assert row.reason == "The classes are separated perfectly, so the interval is not known."
    mixed = a_table(before, after, [1, 0, 1, 0, 1, 0, 1, 0])
    row = next(row for row in comparators(mixed) if row.comparator == "axial_diameter_change")
    expected = delong_interval(np.array([1, 0, 1, 0, 1, 0]), fall)
    assert (row.auc_low, row.auc_high) == pytest.approx(expected)


def test_what_nobody_entered_is_no_comparator_and_gaps_are_counted_out() -> None:
    readings = ["CR", "SD", "", "PR", "PD", "PR"]
    table = a_table(
        [NAN] * 6,
        [NAN] * 6,
        [1, 0, 1, 1, 0, 0],
        radiologist=readings,
        pre=[10.0, 12, 8, NAN, 9, 9],
        post=[2.0, 11, 1, 4, 8, 3],
    )
    rows = {(row.comparator, row.split): row for row in comparators(table)}
    assert {name for name, _ in rows} == {"radiologist", "suv_max_change"}
    assert rows["radiologist", "training"].n == 3
    assert rows["radiologist", "training"].sensitivity == 1.0
    assert rows["suv_max_change", "training"].n == 3
    assert rows["suv_max_change", "training"].auc == 1.0


def test_a_table_of_an_older_version_has_no_comparator_and_no_error(make_table) -> None:
    assert comparators(make_table(30)) == []
