from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from modeling.core.errors import MissingColumns, OneClassOnly, TooFewPatients
from modeling.core.study.analyse import analyse
from modeling.core.study.size import count_candidates
from modeling.core.table import FeatureTable


@pytest.fixture(scope="module")
def known(make_table) -> FeatureTable:
    table = make_table(110, training=60)
    sex = pd.Series(np.where(np.arange(110) % 2, "female", "male"), index=table.X.index)
    days = pd.Series(np.arange(110.0), index=table.X.index)
    facts = pd.DataFrame({"subgroup|sex": sex, "order|days": days, "scan|pre|manufacturer": "Aquila"})
    return FeatureTable(table.X, table.y, table.centre, table.split, facts)


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture(scope="module")
def result(known, cheap, steps):
    return analyse(known, cheap, on_progress=lambda *step: steps.append(step))


def test_every_model_is_tested_in_every_way_that_the_table_allows(cheap, result):
    assert tuple(result.models) == tuple(result.nested) == tuple(result.evaluations) == cheap.views
    for rows in result.evaluations.values():
        assert [(row.split, row.centre) for row in rows] == [
            ("nested_cv", None),
            ("internal_test", None),
            ("external", None),
            ("external", "B"),
            ("external", "C"),
            ("leave_one_centre_out", None),
            ("leave_one_centre_out", "A"),
            ("leave_one_centre_out", "B"),
            ("leave_one_centre_out", "C"),
            ("temporal", None),
        ]


def test_counts_of_the_splits_are_those_of_the_table(known, result):
    rows = {(row.split, row.centre): row for row in result.evaluations["integrated"]}
    assert rows["nested_cv", None].n == 60
    assert rows["leave_one_centre_out", None].n == 110
    assert rows["leave_one_centre_out", "B"].n == (known.centre == "B").sum()
    assert rows["temporal", None].n == round(0.3 * (known.split != "external").sum())


def test_models_hold_the_nested_predictions_and_the_scans(result):
    for view, model in result.models.items():
        expected = result.nested[view].predictions.mean(axis=1)
        assert model.oof.index.tolist() == list(model.fitted_on)
        assert np.array_equal(model.oof, expected.loc[list(model.fitted_on)])
        assert model.scans["pre"]["manufacturer"] == {"Aquila": 60}


def test_the_selection_frequency_is_the_share_of_bootstrap_refits(cheap, known, result):
    frequency = result.models["habitat"].selection_frequency
    assert frequency["habitat|post|signal"] == 1.0
    assert all(share * cheap.selection_bootstraps == pytest.approx(round(share * 5)) for share in frequency.values())
    fused = result.models["integrated"].selection_frequency
    assert fused == frequency | result.models["whole_tumour"].selection_frequency
    without = analyse(known, replace(cheap, views=("habitat",), cv_repeats=1, selection_bootstraps=0))
    assert without.models["habitat"].selection_frequency == without.nested["habitat"].selected


def test_the_primary_model_is_compared_with_every_other_one_on_every_pooled_split(result):
    counted = Counter(row.split for row in result.comparisons)
    assert counted == dict.fromkeys(("nested_cv", "internal_test", "external", "leave_one_centre_out", "temporal"), 4)
    assert {row.model for row in result.comparisons} == {"integrated"}
    tested = [row for row in result.comparisons if row.p is not None]
    assert all(row.p <= row.p_holm <= 1 for row in tested)
    smallest = min(tested, key=lambda row: row.p)
    assert smallest.p_holm == pytest.approx(min(1, smallest.p * len(tested)))


def test_reclassification_speaks_of_test_patients_only(result):
    assert {row.split for row in result.reclassification} == {"internal_test", "external"}
    assert Counter(row.index for row in result.reclassification) == {"nri_continuous": 8, "idi": 8}
    assert all(row.caution for row in result.reclassification)


def test_external_areas_are_pooled_over_the_hospitals(result):
    assert result.heterogeneity["habitat"].k == 2
    external = [row.auc for row in result.evaluations["habitat"] if row.split == "external" and row.centre]
    assert min(external) <= result.heterogeneity["habitat"].estimate <= max(external)


def test_subgroups_are_those_of_the_test_patients(known, result):
    rows = result.subgroups["integrated"]
    assert {row.factor for row in rows} == {"sex", "centre"}
    assert sum(row.n for row in rows if row.factor == "sex") == (known.split != "training").sum()


def test_the_advice_counts_every_column_that_meets_the_outcome(cheap, known, result):
    # 6 noise columns of 3 timepoints and the signal in both parts, and the two volumes; not the eight that each part keeps.
    assert "among 40 candidate features" in result.sample_size.sentence
    assert "Counted is every column that is compared with the outcome" in result.sample_size.sentence
    assert result.sample_size.n == 60
    assert result.sample_size.sentence in result.warnings


def test_what_cannot_meet_the_outcome_is_no_candidate_and_an_indicator_of_gaps_is_one(cheap, known):
    def count(icc=None, **columns):
        X = known.X.assign(**columns)
        table = FeatureTable(X, known.y, known.centre, known.split)
        return count_candidates(table, cheap, view="whole_tumour", icc=icc)

    gaps = np.where(np.arange(len(known.X)) % 10, np.arange(len(known.X)), np.nan)
    mostly = np.where(np.arange(len(known.X)) % 2, np.arange(len(known.X)), np.nan)
    assert count() == 21
    assert count(**{"whole_tumour|pre|more": np.arange(len(known.X)) * 1.0}) == 22
    assert count(**{"whole_tumour|pre|constant": np.ones(len(known.X))}) == 21
    assert count(**{"whole_tumour|pre|mostly_missing": mostly}) == 21
    assert count(**{"whole_tumour|pre|gaps": gaps}) == 23
    assert count(icc={"whole_tumour|pre|noise_0": 0.2, "whole_tumour|pre|noise_1": 0.9}) == 20
    assert count_candidates(known, cheap, view="volume_change") == 1
    assert count_candidates(known, cheap, view="integrated") == 21 + 19


def test_the_number_of_candidates_does_not_follow_the_outcome_or_the_test_patients(cheap, known):
    assert count_candidates(known, cheap, view="habitat") == count_candidates(
        FeatureTable(known.X, 1 - known.y, known.centre, known.split), cheap, view="habitat"
    )
    holed = known.X.where((known.split == "training"), np.nan)
    table = FeatureTable(holed, known.y, known.centre, known.split)
    assert count_candidates(table, cheap, view="habitat") == 19


def test_the_candidates_are_those_that_the_fitted_chains_first_test_takes(cheap, known, result):
    for view in ("clinical", "whole_tumour", "habitat"):
        univariate = dict(result.models[view].estimator.chain_.steps_)["univariate"]
        assert count_candidates(known, cheap, view=view) == univariate.n_features_in_


def test_progress_rises_by_one_to_its_end(cheap, steps, result):
    # A fit, a redrawing, six outer folds, three hospitals and the later patients, for five views.
    assert [done for _, done, _ in steps] == list(range(1, 5 * 12 + 1))
    assert {total for _, _, total in steps} == {60}


def test_a_closed_external_test_stays_closed(known, cheap):
    recipe = replace(cheap, views=("habitat",), cv_repeats=1)
    y = known.y.copy()
    y[known.split == "external"] = 1 - y[known.split == "external"]
    one, two = (
        analyse(FeatureTable(known.X, labels, known.centre, known.split, known.facts), recipe, open_external=False)
        for labels in (known.y, y)
    )
    assert {row.split for row in one.evaluations["habitat"]} == {"nested_cv", "internal_test", "temporal"}
    assert one.evaluations == two.evaluations
    assert one.subgroups == two.subgroups
    assert one.heterogeneity == {}


def test_everything_that_is_stored_is_strict_json(result):
    parts = [
        asdict(result.sample_size),
        [asdict(row) for row in result.comparisons],
        [asdict(row) for row in result.reclassification],
        {name: asdict(one) for name, one in result.heterogeneity.items()},
        {name: [asdict(row) for row in rows] for name, rows in result.subgroups.items()},
        result.centre_predictability,
        {name: [row.as_dict() for row in rows] for name, rows in result.evaluations.items()},
    ]
    assert json.loads(json.dumps(parts, allow_nan=False))


def test_an_own_table_with_own_views_and_an_own_fusion_is_a_study(table, cheap):
    X = table.X.rename(columns=lambda name: "own|" + name.replace("|", "_"))
    own = {
        "first": {"columns": ["whole_tumour_*"]},
        "second": {"columns": ["habitat_*"]},
        "both": {"fuse": ["first", "second"]},
    }
    recipe = replace(cheap, views=("both", "first"), own_views=own, cv_repeats=1)
    found = analyse(FeatureTable(X, table.y, table.centre, table.split), recipe)
    assert tuple(found.models) == ("both", "first")
    assert {row.model for row in found.comparisons} == {"first"}
    assert "own|habitat_post_signal" in found.models["both"].selected


def test_a_view_without_columns_is_explained_among_the_warnings(table, cheap):
    recipe = replace(cheap, views=("habitat", "transitions"), cv_repeats=1)
    found = analyse(table, recipe)
    assert tuple(found.models) == ("habitat",)
    assert "The table has no column for the view transitions." in found.warnings


def test_a_table_that_is_no_base_for_a_model_is_refused(make_table, cheap):
    with pytest.raises(TooFewPatients, match="4 responders"):
        analyse(make_table(14, share=4 / 14, training=14), cheap)
    with pytest.raises(OneClassOnly):
        analyse(make_table(14, share=0.0, training=14), cheap)
    with pytest.raises(TooFewPatients):
        analyse(make_table(14, training=0), cheap)
    with pytest.raises(MissingColumns, match="No view can be fitted"):
        analyse(make_table(40), replace(cheap, views=("transitions",)))
