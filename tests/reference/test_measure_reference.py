"""All measures of one set of predictions together, also where they are few, perfect or repeated."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from modeling.core.performance.calibration import hosmer_lemeshow, integrated_calibration_index
from modeling.core.performance.classification import wilson
from modeling.core.performance.discrimination import auc, cross_validated_auc, delong_interval, stratified_bootstrap
from modeling.core.performance.measure import EvaluationResult, measure
from tests.reference.scores import samples


def measured(y, p, **options) -> EvaluationResult:
    return measure(y, p, **{"threshold": 0.5, "split": "external", "centre": None, **options})


def require_reasons(row: EvaluationResult) -> None:
    content = json.loads(json.dumps(row.as_dict(), allow_nan=False))
    empty = {name for name, value in content.items() if value is None and name != "centre"}
    assert empty == set(row.undefined)
    assert all(
        reason.endswith(".") and "None" not in reason and ": ." not in reason for reason in row.undefined.values()
    )


@pytest.mark.parametrize("seed", range(3))
def test_one_set_of_predictions_has_the_measures_of_the_modules(seed):
    y, p, _ = samples(seed, n=80)
    row = measured(y, p, bootstraps=100, seed=4, development=True)
    assert (row.n, row.events) == (80, y.sum())
    assert row.auc == pytest.approx(metrics.roc_auc_score(y, p))
    assert (row.auc_low, row.auc_high) == delong_interval(y, p)
    assert (row.auc_boot_low, row.auc_boot_high) == stratified_bootstrap(y, p, n=100, seed=4)
    assert row.brier == pytest.approx(metrics.brier_score_loss(y, p))
    assert row.scaled_brier == pytest.approx(1 - row.brier / np.var(y))
    assert row.observed_expected == pytest.approx(y.sum() / p.sum())
    assert row.ici == integrated_calibration_index(y, p).ici
    assert row.hosmer_lemeshow == vars(hosmer_lemeshow(y, p, development=True))
    assert row.mcc == pytest.approx(metrics.matthews_corrcoef(y, p >= 0.5))
    assert row.intervals["npv"] == wilson(row.confusion["tn"], row.confusion["tn"] + row.confusion["fn"])
    assert [row.undefined, len(row.loess)] == [{}, 60]


def test_patients_are_called_positive_by_who_was_called_not_by_the_threshold():
    y, p, _ = samples(0)
    called = np.arange(60) % 2 == 0
    row = measured(y, p, called=called)
    assert row.sensitivity == pytest.approx(called[y == 1].mean())
    assert row.ppv == pytest.approx(y[called].mean())
    assert row.auc == auc(y, p)


def test_repeats_give_the_mean_and_count_each_patient_once():
    y, p, q = samples(1)
    folds = np.column_stack([np.arange(60) % 4, np.arange(60)[::-1] % 5])
    both = np.column_stack([p, q])
    row, one, two = (
        measured(y, both, folds=folds),
        measured(y, p, folds=folds[:, 0]),
        measured(y, q, folds=folds[:, 1]),
    )
    assert (row.n, row.events) == (60, y.sum())
    for name in (
        "auc", "sensitivity", "specificity", "accuracy", "balanced_accuracy", "brier", "scaled_brier",
        "calibration_slope", "calibration_intercept", "ici", "e50", "e90", "ece",
    ):  # fmt: skip
        assert getattr(row, name) == pytest.approx((getattr(one, name) + getattr(two, name)) / 2), name
    found = cross_validated_auc(y, both, folds)
    assert (row.auc, row.auc_low, row.auc_high) == (found.auc, found.low, found.high)
    assert row.observed_expected == pytest.approx(2 * y.sum() / both.sum())
    assert row.intervals["accuracy"] == wilson(60 * row.accuracy, 60)
    assert sum(row.confusion.values()) == pytest.approx(60)
    # 120 predictions of 60 patients: twelve to a tenth, six patients.
    assert [count for *_, count in row.calibration] == [6] * 10


def test_predictions_of_several_models_have_no_bootstrap_interval():
    y, p, _ = samples(1)
    row = measured(y, p, folds=np.arange(60) % 4, bootstraps=50, seed=2)
    assert (row.auc_boot_low, row.auc_boot_high) == (None, None)
    assert "too short" in row.undefined["auc_boot_low"]


def test_a_measure_that_one_repeat_lacks_has_no_mean():
    y, p, _ = samples(1)
    row = measured(y, np.column_stack([p, np.full(60, 0.5)]))
    assert (row.calibration_slope, row.ici) == (None, None)
    assert row.undefined["calibration_slope"] == "Not defined: all patients have the same prediction."
    assert row.undefined["ici"] == "Not defined: all patients have the same prediction."
    assert row.calibration_intercept is not None


def test_repeating_the_same_predictions_changes_nothing():
    y, p, _ = samples(2)
    folds = np.arange(60) % 3
    once, often = measured(y, p, folds=folds), measured(y, np.column_stack([p] * 5), folds=folds)
    content = once.as_dict()
    for name, value in often.as_dict().items():
        if isinstance(value, float):
            assert value == pytest.approx(content[name]), name
    assert np.array(often.decision_curve) == pytest.approx(np.array(once.decision_curve))
    assert {k: list(v) for k, v in often.intervals.items()} == {
        k: pytest.approx(v) for k, v in once.intervals.items()
    }


def test_the_curve_of_folds_encloses_the_reported_area():
    y, p, q = samples(3)
    folds = np.column_stack([np.arange(60) % 4, np.arange(60)[::-1] % 4])
    row = measured(y, np.column_stack([p, q]), folds=folds)
    fpr, tpr = np.array(row.roc).T
    assert np.trapezoid(tpr, fpr) == pytest.approx(row.auc, abs=1e-12)


def test_repeats_without_folds_are_each_compared_as_a_whole():
    y, p, q = samples(4)
    row = measured(y, np.column_stack([p, q]))
    assert row.auc == pytest.approx((auc(y, p) + auc(y, q)) / 2)
    low, high = delong_interval(y, p)
    assert row.auc_high - row.auc_low == pytest.approx(high - low, rel=0.2)


DEGENERATE = {
    "one patient": ([1], [0.9]),
    "one patient without response": ([0], [0.0]),
    "one of each": ([0, 1], [0.5, 0.5]),
    "all responders": ([1] * 12, [0.1 * k for k in range(1, 10)] + [0.95, 0.96, 0.97]),
    "no responder": ([0] * 20, [0.3] * 20),
    "same prediction": ([0, 1] * 10, [0.4] * 20),
    "perfect and certain": ([0, 1] * 10, [0.0, 1.0] * 10),
    "wrong and certain": ([1, 0] * 10, [0.0, 1.0] * 10),
    "never": ([0, 1] * 10, [0.0] * 20),
    "always": ([0, 1] * 10, [1.0] * 20),
    "one responder": ([1] + [0] * 30, list(np.linspace(0, 1, 31))),
}


@pytest.mark.parametrize("folds", [None, 2], ids=["whole", "folds"])
@pytest.mark.parametrize("repeats", [0, 3])
@pytest.mark.parametrize("bootstraps", [0, 20])
@pytest.mark.parametrize("case", DEGENERATE)
def test_tiny_and_degenerate_predictions_give_reasons_and_no_error(case, bootstraps, repeats, folds):
    y, p = (np.array(values) for values in DEGENERATE[case])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = measured(
            y,
            np.column_stack([p] * repeats) if repeats else p,
            folds=None if folds is None else np.arange(len(y)) % folds,
            bootstraps=bootstraps,
        )
    require_reasons(row)


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 10), st.integers(0, 10), st.integers(0, 2)), min_size=1, max_size=25
    )
)
@settings(max_examples=80, deadline=None)
def test_every_measure_of_whatever_predictions_is_in_range_or_has_a_reason(patients):
    y = np.array([event for event, *_ in patients], dtype=int)
    p = np.array([[one / 10, two / 10] for _, one, two, _ in patients])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = measured(y, p, folds=np.array([fold for *_, fold in patients]), bootstraps=20)
    require_reasons(row)
    for name in (
        "auc",
        "sensitivity",
        "specificity",
        "ppv",
        "npv",
        "accuracy",
        "brier",
        "ici",
        "ece",
        "auc_boot_low",
    ):
        value = getattr(row, name)
        assert value is None or -1e-12 <= value <= 1 + 1e-12, name
    for low, high in row.intervals.values():
        assert 0 <= low <= high <= 1


def test_reasons_say_what_is_the_matter():
    y, p, _ = samples(0)
    assert measured(y, p).undefined == {
        "auc_boot_low": "No bootstrap was asked for.",
        "auc_boot_high": "No bootstrap was asked for.",
    }
    assert "No test fold has both" in measured(y, p, folds=y).undefined["auc"]
    few = measured(np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.5, 0.8]), bootstraps=10).undefined
    assert "fewer than 10 patients" in few["ici"]
    assert "ten patients" in few["hosmer_lemeshow"]
