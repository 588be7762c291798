from __future__ import annotations

import json

import numpy as np
import pytest

from modeling.core.errors import NotComparable, OverlapError
from modeling.core.performance.classification import wilson
from modeling.core.performance.discrimination import auc, delong_interval, holm
from modeling.core.performance.measure import measure
from modeling.core.study.nested import Held
from modeling.core.study.validation import Predictions, compare, evaluate, held_rows, nested_row, predict_splits
from modeling.core.table import FeatureTable


def altered(table: FeatureTable, **parts) -> FeatureTable:
    return FeatureTable(**{"X": table.X, "y": table.y, "centre": table.centre, "split": table.split, **parts})


def test_there_is_a_row_for_every_test_split_and_every_external_centre(table, models):
    rows = evaluate(models["integrated"], table)
    assert [(row.split, row.centre) for row in rows] == [
        ("internal_test", None),
        ("external", None),
        ("external", "B"),
        ("external", "C"),
    ]
    for row in rows:
        expected = table.split == row.split
        expected &= (table.centre == row.centre) if row.centre else True
        assert (row.n, row.events) == (expected.sum(), table.y[expected].sum())


def test_the_numbers_are_those_of_the_metrics(table, models):
    model = models["habitat"]
    chosen = table.split == "external"
    y, p = table.y[chosen].to_numpy(), model.predict_proba(table.X[chosen])
    row = next(r for r in evaluate(model, table) if r.split == "external" and r.centre is None)
    assert row.auc == auc(y, p)
    assert (row.auc_low, row.auc_high) == delong_interval(y, p)
    assert row.threshold == model.threshold
    called = p >= model.threshold
    assert row.sensitivity == pytest.approx(called[y == 1].mean())
    assert row.specificity == pytest.approx((~called)[y == 0].mean())
    assert row.ppv == pytest.approx(y[called].mean())
    assert row.npv == pytest.approx(1 - y[~called].mean())
    assert row.accuracy == pytest.approx((called == y).mean())
    assert row.balanced_accuracy == pytest.approx((row.sensitivity + row.specificity) / 2)
    assert row.f1 == pytest.approx(2 * row.ppv * row.sensitivity / (row.ppv + row.sensitivity))
    assert row.mcc == pytest.approx(np.corrcoef(called, y)[0, 1])
    assert row.brier == pytest.approx(np.mean((p - y) ** 2))
    assert row.scaled_brier == pytest.approx(1 - row.brier / np.var(y))
    assert row.intervals["sensitivity"] == wilson(row.confusion["tp"], int(y.sum()))


def test_the_bootstrapped_interval_is_there_when_it_is_asked_for(table, models):
    without, once, again = (evaluate(models["habitat"], table, bootstraps=b) for b in (0, 200, 200))
    assert all(row.auc_boot_low is None for row in without)
    assert all(row.auc_boot_low < row.auc < row.auc_boot_high or row.auc == 1 for row in once)
    assert [row.auc_boot_low for row in once] == [row.auc_boot_low for row in again]


def test_each_fold_calls_its_patients_at_its_own_threshold(table, cheap, study):
    nested = study.nested["habitat"]
    row = nested_row(nested, table, cheap, threshold=study.models["habitat"].threshold)
    events = table.y.loc[nested.called.index] == 1
    assert row.split == "nested_cv"
    assert row.n == 60
    assert row.sensitivity == pytest.approx(nested.called[events].to_numpy().mean())
    assert row.specificity == pytest.approx(1 - nested.called[~events].to_numpy().mean())


def test_patients_held_out_together_are_ranked_among_themselves(cheap):
    # Each hospital is ranked perfectly; between them the order is wrong.
    low = Held(("a", "b"), np.array([0, 1]), np.array([0.1, 0.2]), np.array([False, True]), 0.15)
    high = Held(("c", "d"), np.array([0, 1]), np.array([0.8, 0.9]), np.array([False, True]), 0.85)
    pooled, *each = held_rows({"B": low, "C": high}, cheap, split="leave_one_centre_out", threshold=0.5)
    assert (pooled.auc, pooled.accuracy, pooled.n) == (1.0, 1.0, 4)
    assert [(row.centre, row.threshold) for row in each] == [("B", 0.15), ("C", 0.85)]


@pytest.mark.parametrize("split", ["internal_test", "external"])
def test_a_patient_that_was_fitted_on_cannot_be_tested_on(table, models, split):
    swapped = table.split.copy()
    swapped.iloc[[0, 1]] = split
    with pytest.raises(OverlapError, match=r"2 test patients .* EC-0001, EC-0002"):
        evaluate(models["clinical"], altered(table, split=swapped))


@pytest.mark.parametrize(("outcome", "kind"), [(0, "non-responders"), (1, "responders")])
def test_with_one_class_the_area_is_undefined_and_says_why(table, models, outcome, kind):
    y = table.y.copy()
    y[table.centre == "B"] = outcome
    row = next(r for r in evaluate(models["habitat"], altered(table, y=y)) if r.centre == "B")
    assert (row.auc, row.auc_low, row.auc_high) == (None, None, None)
    assert row.undefined["auc"] == f"All {row.n} patients are {kind}; the area needs both."
    assert row.roc == []
    assert row.calibration_slope is None
    assert "same outcome" in row.undefined["calibration_slope"]
    missing = "sensitivity" if outcome == 0 else "specificity"
    assert getattr(row, missing) is None
    assert missing in row.undefined
    assert row.brier is not None


def test_every_measure_that_is_not_defined_has_a_reason():
    for y, p in [
        ([0, 0, 0], [0.1, 0.2, 0.3]),
        ([1, 1], [0.9, 0.8]),
        ([1], [0.9]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
        ([0, 1, 0, 1], [0.4, 0.4, 0.4, 0.4]),
        ([0, 0, 1], [0.1, 0.9, 0.2]),
    ]:
        row = measure(np.array(y), np.array(p), threshold=0.5, split="external", centre=None)
        empty = {name for name, value in row.as_dict().items() if value is None and name != "centre"}
        assert empty == set(row.undefined), (y, p)
        assert all(reason.endswith(".") for reason in row.undefined.values())


def test_a_perfect_separation_has_an_area_but_no_interval():
    row = measure(
        np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]), threshold=0.5, split="external", centre=None
    )
    assert (row.auc, row.auc_low, row.auc_high) == (1.0, None, None)
    assert "variance is zero" in row.undefined["auc_low"]
    assert "infinite" in row.undefined["calibration_slope"]


def test_every_result_is_strict_json(table, models):
    for row in evaluate(models["integrated"], table):
        assert json.loads(json.dumps(row.as_dict(), allow_nan=False))["split"] == row.split


def test_one_model_is_compared_with_every_other_one_on_every_split(table, models):
    found = {name: predict_splits(model, table) for name, model in models.items()}
    rows = compare(found, model="integrated")
    assert len(rows) == 4 * 2
    p_values = [row.p for row in rows]
    assert [row.p_holm for row in rows] == pytest.approx(holm(p_values))
    chosen = table.split == "external"
    y = table.y[chosen].to_numpy()
    one, two = (models[name].predict_proba(table.X[chosen]) for name in ("integrated", "clinical"))
    row = next(r for r in rows if (r.split, r.reference) == ("external", "clinical"))
    assert row.difference == pytest.approx(auc(y, one) - auc(y, two))


def test_a_comparison_does_not_depend_on_the_order_of_the_patients(table, models):
    found = {name: predict_splits(models[name], table) for name in ("integrated", "clinical")}
    turned = {split: Predictions(one.y[::-1], one.p[::-1]) for split, one in found["clinical"].items()}
    assert compare({**found, "clinical": turned}, model="integrated") == compare(found, model="integrated")


def test_a_comparison_that_is_undefined_says_why(table, models):
    y = table.y.copy()
    y[table.split == "internal_test"] = 0
    found = {name: predict_splits(model, altered(table, y=y)) for name, model in models.items()}
    undefined = [row for row in compare(found, model="integrated") if row.split == "internal_test"]
    assert undefined
    assert all(row.p is None and row.p_holm is None and row.reason for row in undefined)


def test_predictions_of_different_patients_are_not_compared(table, models):
    one = predict_splits(models["habitat"], table)
    other = predict_splits(models["clinical"], table.take(table.X.index[:-1]))
    with pytest.raises(NotComparable, match="clinical and habitat do not predict the same patients"):
        compare({"habitat": one, "clinical": other}, model="habitat")
