"""Predictions against other cuts of the viable percentage: the outcome changes, the predictions never."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modeling.core.performance.discrimination import auc, delong_interval
from modeling.core.study.analyse import StudyResult, analyse
from modeling.core.study.cuts import BY_HISTOLOGY, CUTS, HISTOLOGY, OWN_CUT, VIABLE, CutRow, at_other_cuts
from modeling.core.study.validation import Predictions
from modeling.core.table import FeatureTable


def with_readings(table: FeatureTable, *, own: float = 10.0) -> FeatureTable:
    """Set every patient a viable percentage on the right side of the own cut, and a histology."""
    random = np.random.default_rng(8)
    viable = np.where(
        table.y == 1, random.choice([0, 4, 8, own], len(table.y)), random.choice([15, 40, 90], len(table.y))
    )
    kinds = np.array(["adenocarcinoma", "squamous", "other", ""])[np.arange(len(table.y)) % 4]
    facts = pd.DataFrame({VIABLE: viable.astype(float), OWN_CUT: own, HISTOLOGY: kinds}, index=table.X.index)
    return FeatureTable(table.X, table.y, table.centre, table.split, facts)


@pytest.fixture(scope="module")
def read(make_table) -> FeatureTable:
    return with_readings(make_table(150, training=60))


@pytest.fixture(scope="module")
def result(read, cheap) -> StudyResult:
    return analyse(read, replace(cheap, views=("volume_change", "habitat")))


def row_of(rows: list[CutRow], split: str, cut: str) -> CutRow:
    return next(row for row in rows if (row.split, row.cut) == (split, cut))


def test_at_the_cohorts_own_cut_the_areas_are_those_of_the_evaluations(result):
    for evaluation in result.evaluations["habitat"]:
        if evaluation.centre is None and evaluation.split in ("nested_cv", "internal_test", "external"):
            row = row_of(result.cuts, evaluation.split, "10")
            assert row.own
            assert (row.n, row.events, row.left_out) == (evaluation.n, evaluation.events, 0)
            assert row.auc == pytest.approx(evaluation.auc)
            if evaluation.split != "nested_cv":
                assert (row.low, row.high) == (evaluation.auc_low, evaluation.auc_high)


def test_another_cut_counts_other_responders_in_the_same_predictions(read, result):
    model = result.models["habitat"]
    chosen = read.split == "external"
    p = model.predict_proba(read.X[chosen], centre=read.centre[chosen].tolist())
    y = (read.facts.loc[chosen, VIABLE] <= 20).to_numpy().astype(int)
    row = row_of(result.cuts, "external", "20")
    assert (row.n, row.events, row.own) == (int(chosen.sum()), int(y.sum()), False)
    assert row.auc == pytest.approx(auc(y, p))
    assert (row.low, row.high) == pytest.approx(delong_interval(y, p))
    assert row.events > row_of(result.cuts, "external", "10").events > row_of(result.cuts, "external", "0").events


def test_by_histology_the_line_is_65_in_adenocarcinoma_and_10_in_squamous_and_nowhere_else(read, result):
    facts = read.facts[read.split == "external"]
    adeno, squamous = facts[HISTOLOGY] == "adenocarcinoma", facts[HISTOLOGY] == "squamous"
    row = row_of(result.cuts, "external", BY_HISTOLOGY)
    assert row.n == (adeno | squamous).sum()
    assert row.left_out == len(facts) - row.n > 0
    assert row.events == (facts[VIABLE][adeno] <= 65).sum() + (facts[VIABLE][squamous] <= 10).sum()


def test_every_split_has_every_cut_and_the_cuts_stand_in_their_order(result):
    cuts = [*(f"{cut:g}" for cut in CUTS), BY_HISTOLOGY]
    expected = [(split, cut) for split in ("nested_cv", "internal_test", "external") for cut in cuts]
    assert [(row.split, row.cut) for row in result.cuts] == expected


def test_out_of_fold_predictions_get_an_area_and_no_interval(result):
    nested = [row for row in result.cuts if row.split == "nested_cv"]
    assert all(row.low is None and row.high is None and row.reason for row in nested)
    assert row_of(nested, "nested_cv", "20").auc is not None


def test_a_cut_of_the_cohort_that_is_not_a_usual_one_is_added(make_table, read):
    table = with_readings(make_table(150, training=60), own=12.5)
    found = {"external": Predictions(table.y, pd.Series(np.linspace(0.1, 0.9, 150), index=table.X.index))}
    rows = at_other_cuts(table, found, nested=None)
    assert [row.cut for row in rows] == ["0", "5", "10", "12.5", "20", BY_HISTOLOGY]
    assert [row.cut for row in rows if row.own] == ["12.5"]


def test_a_table_that_does_not_know_the_percentage_has_no_cuts(study, table):
    assert study.cuts == []
    empty = table.facts.assign(**{VIABLE: np.nan})
    without = FeatureTable(table.X, table.y, table.centre, table.split, empty)
    assert at_other_cuts(without, {"external": Predictions(table.y, table.y.astype(float))}, nested=None) == []


def test_few_patients_on_one_side_give_an_area_without_an_interval_and_none_give_neither(read):
    codes = read.X.index[:30]
    facts = read.facts.assign(**{VIABLE: 50.0})
    facts.loc[codes[:4], VIABLE] = 0.0
    table = FeatureTable(read.X, read.y, read.centre, read.split, facts)
    p = pd.Series(np.linspace(0.9, 0.1, 30), index=codes)
    row = row_of(at_other_cuts(table, {"external": Predictions(read.y.loc[codes], p)}, nested=None), "external", "10")
    assert (row.events, row.auc, row.low) == (4, 1.0, None)
    assert "10 patients on either side" in row.reason
    facts.loc[codes, VIABLE] = 50.0
    same = FeatureTable(read.X, read.y, read.centre, read.split, facts)
    rest = row_of(at_other_cuts(same, {"external": Predictions(read.y.loc[codes], p)}, nested=None), "external", "10")
    assert (rest.events, rest.auc) == (0, None)
    assert rest.reason


def test_external_patients_whose_outcomes_are_closed_have_no_cuts(read, cheap):
    closed = analyse(read, replace(cheap, views=("volume_change",), selection_bootstraps=0), open_external=False)
    assert {row.split for row in closed.cuts} == {"nested_cv", "internal_test"}


def test_the_size_of_an_external_validation_assumes_what_nested_cross_validation_showed(read, result):
    size = result.external_size
    nested = next(row for row in result.evaluations["habitat"] if row.split == "nested_cv")
    assert size is not None
    assert (size.prevalence, size.area) == (nested.events / nested.n, nested.auc)
    assert size.needed == max(number for number in size.criteria.values() if number is not None)
