from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from modeling.core.performance.discrimination import auc
from modeling.core.study.fold_sources import FoldSources
from modeling.core.study.folds import Fold, centre_folds, later_fold, outer_folds
from modeling.core.study.held_out import PREVALENCE, fit_folds
from modeling.core.study.nested import nested_cv, temporal
from modeling.core.study.validation import nested_row
from modeling.core.table import FeatureTable

VIEWS = ("clinical", "habitat", "integrated")


def ordered(table: FeatureTable, days: pd.Series) -> FeatureTable:
    return FeatureTable(table.X, table.y, table.centre, table.split, pd.DataFrame({"order|days": days}))


@pytest.fixture(scope="module")
def nested(table, cheap):
    return nested_cv(table, cheap, views=VIEWS)


def test_each_repeat_tests_every_training_patient_once_with_both_outcomes_in_each_fold(table, cheap):
    folds = outer_folds(table, cheap)
    assert len(folds) == cheap.cv_folds * cheap.cv_repeats
    training = set(table.codes("training"))
    for start in range(0, len(folds), cheap.cv_folds):
        tested = [code for fold in folds[start : start + cheap.cv_folds] for code in fold.test]
        assert sorted(tested) == sorted(training)
    for fold in folds:
        assert set(fold.train) | set(fold.test) == training
        assert not set(fold.train) & set(fold.test)
        assert set(table.y.loc[list(fold.test)]) == {0, 1}
    assert len({fold.test for fold in folds}) == len(folds)


def test_all_views_share_the_folds_and_have_a_prediction_for_every_patient_and_repeat(table, cheap, nested):
    for one in nested.values():
        assert one.predictions.index.tolist() == list(table.codes("training"))
        assert one.predictions.shape == one.called.shape == one.folds.shape == (60, cheap.cv_repeats)
        assert one.predictions.gt(0).all(axis=None)
        assert one.predictions.lt(1).all(axis=None)
        pd.testing.assert_frame_equal(one.folds, nested["clinical"].folds)
        assert sum(one.chosen.values()) == cheap.cv_folds * cheap.cv_repeats


def test_the_share_of_folds_that_select_a_feature_is_counted(nested):
    assert nested["habitat"].selected["habitat|post|signal"] == 1.0
    assert all(0 < share <= 1 for share in nested["habitat"].selected.values())
    assert set(nested["integrated"].selected) >= set(nested["habitat"].selected)


def test_running_it_again_gives_the_same_bits(table, cheap, nested):
    again = nested_cv(table, cheap, views=VIEWS)
    for view, one in nested.items():
        assert np.array_equal(again[view].predictions, one.predictions)
        assert np.array_equal(again[view].called, one.called)
        assert again[view].selected == one.selected


def test_the_order_of_the_views_does_not_change_a_bit(table, cheap, nested):
    again = nested_cv(table, cheap, views=("integrated", "habitat"))
    for view, one in again.items():
        assert np.array_equal(one.predictions, nested[view].predictions)


def test_progress_is_reported_after_each_view_of_each_fold(table, cheap):
    seen = []
    nested_cv(table, replace(cheap, cv_repeats=1), views=VIEWS, on_progress=seen.append)
    assert len(seen) == cheap.cv_folds * len(VIEWS)


def test_what_progress_raises_ends_the_work(table, cheap):
    seen = []

    def stop(note: str) -> None:
        seen.append(note)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nested_cv(table, cheap, views=VIEWS, on_progress=stop)
    assert len(seen) == 1


def test_a_planted_signal_has_the_area_of_its_closed_form(make_table, cheap):
    # Two normal classes d standard deviations apart have an area of Phi(d / sqrt 2).
    shift = 1.2
    table = make_table(400, shift=shift, training=400, seed=4)
    nested = nested_cv(table, replace(cheap, cv_repeats=1), views=("habitat",))
    row = nested_row(nested["habitat"], table, replace(cheap, bootstraps=0), threshold=0.5)
    assert abs(row.auc - norm.cdf(shift / np.sqrt(2))) < 3 * (row.auc_high - row.auc_low) / (2 * 1.96)


def test_each_fold_has_habitats_of_its_own(table, cheap):
    # The fold's own columns hold the signal; those of the table were learned with everybody and hold none.
    lean = FeatureTable(
        table.X.assign(**{"habitat|post|signal": 0.0}), table.y, table.centre, table.split, table.facts
    )

    def habitats(codes: tuple[str, ...]) -> pd.DataFrame:
        number = len(codes) + int(codes[0][-1])
        return pd.DataFrame({f"habitat|post|signal_{number}": table.X["habitat|post|signal"]})

    nested = nested_cv(lean, cheap, views=("habitat",), sources=FoldSources(habitats=habitats))["habitat"]
    assert all(name.startswith("habitat|post|signal_") for name in nested.selected)
    y = table.outcomes(nested.predictions.index)
    assert auc(y, nested.predictions.mean(axis=1).to_numpy()) > 0.75


def test_each_fold_has_a_reproducibility_of_its_own(table, cheap):
    def icc(codes: tuple[str, ...]) -> dict[str, float]:
        return {"habitat|post|signal": 0.2}

    nested = nested_cv(table, cheap, views=("habitat",), sources=FoldSources(icc=icc))["habitat"]
    assert "habitat|post|signal" not in nested.selected


def test_a_fold_without_a_usable_column_predicts_the_share_of_responders(table, cheap):
    codes = table.codes("training")
    fold = Fold("one", codes[:40], codes[40:])
    X = table.X.copy()
    X.loc[list(codes[:40]), list(table.columns_of("clinical"))] = np.nan
    (found,) = fit_folds(FeatureTable(X, table.y, table.centre, table.split), cheap, [fold], views=("clinical",))
    assert found["clinical"].classifier == PREVALENCE
    assert np.all(found["clinical"].p == table.y.loc[list(codes[:40])].mean())


def test_hospitals_that_cannot_be_tested_say_why(table, cheap):
    centre, y = table.centre.copy(), table.y.copy()
    b, c = centre.index[centre == "B"], centre.index[centre == "C"]
    centre[b[:3]] = "D"
    y[c] = 1
    folds, reasons = centre_folds(FeatureTable(table.X, y, centre, table.split), cheap)
    assert set(reasons) == {"B", "C", "D"}
    assert "It has 3 patients" in reasons["D"]
    assert "the same outcome" in reasons["C"]
    assert set(folds) == {"A"} or "The others have" in reasons["A"]


def test_a_single_hospital_is_not_left_out(make_table, cheap):
    assert centre_folds(make_table(40, training=40), cheap) == ({}, {})


def test_the_later_patients_of_the_training_hospital_are_held_out(table, cheap):
    days = pd.Series(np.random.default_rng(0).permutation(len(table.X)).astype(float), index=table.X.index)
    fold, reason = later_fold(ordered(table, days), cheap)
    home = days[table.split != "external"]
    assert reason == ""
    assert len(fold.test) == round(0.3 * len(home))
    assert days[list(fold.train)].max() < days[list(fold.test)].min()
    assert set(fold.train) | set(fold.test) == set(home.index)
    held = temporal(ordered(table, days), cheap, views=("habitat",))["habitat"]
    assert held.codes == fold.test
    assert held.p.shape == held.y.shape == held.called.shape


def test_patients_of_one_day_stay_together(table, cheap):
    days = pd.Series(np.arange(len(table.X)) // 20, index=table.X.index, dtype=float)
    fold, _ = later_fold(ordered(table, days), cheap)
    assert not set(days[list(fold.train)]) & set(days[list(fold.test)])


@pytest.mark.parametrize("days", [None, np.nan])
def test_without_an_order_there_is_no_later_patient(table, cheap, days):
    given = table if days is None else ordered(table, pd.Series(days, index=table.X.index))
    assert later_fold(given, cheap) == (None, "The order of treatment is not known.")
    assert temporal(given, cheap, views=("habitat",)) == {}
