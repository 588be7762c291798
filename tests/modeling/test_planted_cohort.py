"""A small planted cohort, from images to a study: the models find what was planted, and nothing where nothing is.

That the order of the models is the planted one cannot be told from so few patients (`expect` says how rarely it
shows); `python -m bench --only planted` tells it from 394.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.planted import VIEWS, Planted, expect, external_aucs, measure_cohort
from modeling.core.recipes import QUICK
from modeling.core.study.analyse import StudyResult, analyse

PATIENTS = 80
RECIPE = replace(QUICK, name="planted", views=VIEWS, classifiers=("logistic",), bootstraps=50, selection_bootstraps=2)


@pytest.fixture(scope="module")
def cohort() -> Planted:
    return measure_cohort(PATIENTS, spacing_mm=2.0)


@pytest.fixture(scope="module")
def found(cohort: Planted) -> StudyResult:
    return analyse(cohort.table, RECIPE, sources=cohort.sources)


def test_the_study_has_every_view_and_every_split(found: StudyResult) -> None:
    assert tuple(found.models) == VIEWS
    for rows in found.evaluations.values():
        splits = {row.split for row in rows}
        assert {"nested_cv", "internal_test", "external", "leave_one_centre_out"} <= splits


def test_the_external_areas_lie_where_the_plan_says(found: StudyResult) -> None:
    areas = external_aucs(found)
    outside = {
        view: (areas[view], low, high)
        for view, (low, high) in expect(PATIENTS).intervals.items()
        if not low <= areas[view] <= high
    }
    assert outside == {}


def test_permuted_outcomes_show_no_signal(cohort: Planted) -> None:
    null = analyse(cohort.permuted(1).table, RECIPE, sources=cohort.permuted(1).sources)
    assert any("no sign that any model does better than chance" in sentence for sentence in null.warnings)


def test_permuting_leaves_images_and_rates_alone(cohort: Planted) -> None:
    other = cohort.permuted(1)
    assert other.table.X.equals(cohort.table.X)
    assert not other.table.y.equals(cohort.table.y)
    for split in ("training", "internal_test", "external"):
        assert other.table.of_split(split).y.mean() == cohort.table.of_split(split).y.mean()


def test_habitats_of_a_fold_are_learned_from_its_own_patients(cohort: Planted) -> None:
    """The table's own columns are those of the codebook of all training patients."""
    training = tuple(cohort.table.X.index[cohort.table.split == "training"])
    whole = cohort.habitat_columns(training)
    columns = [name for name in cohort.table.X if name.startswith("habitat|")]
    np.testing.assert_array_equal(whole[columns], cohort.table.X[columns])
    part = cohort.habitat_columns(training[: len(training) // 2])
    assert list(part) != columns or not np.array_equal(part[columns], whole[columns], equal_nan=True)


def test_what_is_expected_follows_from_the_planted_correlations() -> None:
    """Alone and perfectly seen, a signal of correlation 0.4 with z has a known area; large samples come near it."""
    plan = expect(20_000, draws=4).intervals
    assert plan["volume_change"][1] == pytest.approx(0.69, abs=0.02)
    lowest = {view: low for view, (low, _) in plan.items()}
    assert max(lowest, key=lowest.get) == "integrated"
    assert min(lowest, key=lowest.get) == "volume_change"


def test_the_planted_order_needs_many_patients_to_show() -> None:
    assert expect(394).order > 0.9
    assert expect(PATIENTS).order < 0.75
