"""How a model does on patients that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core import metrics
from modeling.core.errors import NotComparable, OverlapError
from modeling.core.table import FeatureTable
from modeling.core.training import FittedModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class EvaluationResult:
    """One model on one split, or on one centre of it.

    A measure that is not defined is None, and `undefined` says why. `intervals` holds 95 % Wilson
    intervals of the proportions. The cross-validated sensitivity and specificity are optimistic,
    because the threshold was chosen on the same predictions; those of the other splits are not.
    """

    split: str
    centre: str | None
    n: int
    events: int
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    sensitivity: float | None
    specificity: float | None
    accuracy: float | None
    ppv: float | None
    npv: float | None
    balanced_accuracy: float | None
    f1: float | None
    brier: float | None
    calibration_slope: float | None
    calibration_intercept: float | None
    threshold: float
    roc: list[tuple[float, float]]
    undefined: dict[str, str]
    mcc: float | None = None
    scaled_brier: float | None = None
    confusion: dict[str, int] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    calibration: list[tuple[float, float, int]] = field(default_factory=list)
    decision_curve: list[tuple[float, float, float]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Give a JSON-ready form."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """Two models on the same patients: difference of their areas by paired DeLong.

    `p_holm` is adjusted for all comparisons of one call. Where the test is undefined the numbers are
    None and `reason` says why.
    """

    split: str
    model: str
    reference: str
    n: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    reason: str = ""


def evaluate(model: FittedModel, table: FeatureTable) -> list[EvaluationResult]:
    """Evaluate a model on everything that the table holds.

    Parameters
    ----------
    model : FittedModel
    table : FeatureTable

    Returns
    -------
    list of EvaluationResult
        Cross-validation (if the table holds the patients the model was fitted on), the internal
        test, the external test of all centres together (centre None) and of each centre. Splits
        without a patient are absent.

    Raises
    ------
    OverlapError
        If a test patient was among those the model was fitted on.
    MissingColumns
        If the table lacks columns of the model.
    """
    require_unseen(model, table)
    return [
        measure(y, p, threshold=model.threshold, split=split, centre=centre)
        for split, centre, y, p in _predictions(model, table)
    ]


def compare(models: Mapping[str, FittedModel], table: FeatureTable, *, model: str) -> list[Comparison]:
    """Compare one model with each of the others on every split, Holm-adjusted over all of it.

    Parameters
    ----------
    models : mapping of str to FittedModel
        All fitted on the same patients.
    table : FeatureTable
    model : str
        The one that the others are compared with, usually ``integrated``.

    Returns
    -------
    list of Comparison

    Raises
    ------
    NotComparable
        If the models were fitted on different patients.
    OverlapError
        If a test patient was among those a model was fitted on.
    """
    for fitted in models.values():
        require_unseen(fitted, table)
    strangers = [name for name in models if set(models[name].fitted_on) != set(models[model].fitted_on)]
    if strangers:
        raise NotComparable(f"{', '.join(strangers)} and {model} were not fitted on the same patients.")
    own = _pooled(models[model], table)
    theirs = {other: _pooled(models[other], table) for other in models if other != model}
    rows = [
        _compared(split, (model, other), y, own[split][1], theirs[other][split][1].loc[y.index])
        for other in theirs
        for split, (y, _) in own.items()
    ]
    tested = [row.p for row in rows if row.p is not None]
    adjusted = iter(metrics.holm(tested))
    return [Comparison(**{**asdict(row), "p_holm": None if row.p is None else next(adjusted)}) for row in rows]


def require_unseen(model: FittedModel, table: FeatureTable) -> None:
    """Refuse a table whose test patients were among those the model was fitted on."""
    tested = set(table.X.index[table.split != "training"])
    seen = sorted(tested & set(model.fitted_on))
    if seen:
        raise OverlapError(
            f"{len(seen)} test patients are among those the model {model.name} was fitted on: "
            f"{', '.join(seen[:3])}{' …' if len(seen) > 3 else ''}."
        )


def measure(y: Ints, p: Floats, *, threshold: float, split: str, centre: str | None) -> EvaluationResult:
    """Compute every measure of predictions p, shape (n_patients,), against outcomes y."""
    undefined: dict[str, str] = {}
    counts = metrics.confusion(y, p, threshold=threshold)
    shares = _proportions(counts)
    values = {name: _share(name, *share, undefined) for name, share in shares.items()}
    area, low, high = _area(y, p, undefined)
    calibration = metrics.calibration_slope_intercept(y, p)
    for name in ("slope", "intercept"):
        if getattr(calibration, name) is None:
            undefined[f"calibration_{name}"] = f"Not defined: {calibration.reason}."
    return EvaluationResult(
        split=split,
        centre=centre,
        n=len(y),
        events=int(y.sum()),
        auc=area,
        auc_low=low,
        auc_high=high,
        **values,
        **_combined(counts, values, undefined),
        brier=metrics.brier(y, p),
        scaled_brier=_scaled_brier(y, p, undefined),
        calibration_slope=calibration.slope,
        calibration_intercept=calibration.intercept,
        threshold=threshold,
        roc=metrics.roc_points(y, p),
        undefined=undefined,
        confusion=asdict(counts),
        intervals={name: found for name, share in shares.items() if (found := metrics.wilson(*share)) is not None},
        calibration=metrics.calibration_bins(y, p),
        decision_curve=metrics.decision_curve(y, p),
    )


def _predictions(model: FittedModel, table: FeatureTable) -> Iterator[tuple[str, str | None, Ints, Floats]]:
    for split, (y, p) in _pooled(model, table).items():
        outcomes, predictions = np.asarray(y, dtype=np.int64), np.asarray(p, dtype=np.float64)
        yield split, None, outcomes, predictions
        if split == "external":
            centres = table.centre.loc[y.index]
            for centre in sorted(centres.unique()):
                here = (centres == centre).to_numpy()
                yield split, str(centre), outcomes[here], predictions[here]


def _pooled(model: FittedModel, table: FeatureTable) -> dict[str, tuple[pd.Series[int], pd.Series[float]]]:
    pooled: dict[str, tuple[pd.Series[int], pd.Series[float]]] = {}
    if set(model.fitted_on) <= set(table.X.index):
        pooled["cross_validation"] = (table.y.loc[list(model.fitted_on)], model.oof)
    for split in ("internal_test", "external"):
        chosen = table.split == split
        if chosen.any():
            X = table.X[chosen]
            pooled[split] = (table.y[chosen], pd.Series(model.predict_proba(X), index=X.index))
    return pooled


def _compared(
    split: str, names: tuple[str, str], y: pd.Series[int], one: pd.Series[float], two: pd.Series[float]
) -> Comparison:
    outcomes = np.asarray(y, dtype=np.int64)
    found = metrics.paired_delong(outcomes, np.asarray(one, dtype=np.float64), np.asarray(two, dtype=np.float64))
    if found is None:
        reason = "The paired test needs two patients of each class and predictions that vary."
        return Comparison(split, *names, len(y), None, None, None, None, None, reason)
    return Comparison(split, *names, len(y), found.difference, found.low, found.high, found.p, None)


def _area(y: Ints, p: Floats, undefined: dict[str, str]) -> tuple[float | None, float | None, float | None]:
    area = metrics.auc(y, p)
    if area is None:
        kind = "responders" if y.any() else "non-responders"
        reason = f"All {len(y)} patients are {kind}; the area needs both."
        undefined |= dict.fromkeys(("auc", "auc_low", "auc_high"), reason)
        return None, None, None
    interval = metrics.delong_interval(y, p)
    if interval is None:
        smallest = int(np.bincount(y, minlength=2).min())
        undefined["auc_low"] = undefined["auc_high"] = (
            "The smaller class has one patient, so the variance is unknown."
            if smallest < 2
            else "The classes are separated perfectly or not ordered at all, so DeLong's variance is zero."
        )
        return area, None, None
    return area, *interval


def _proportions(counts: metrics.Confusion) -> dict[str, tuple[int, int]]:
    return {
        "sensitivity": (counts.tp, counts.tp + counts.fn),
        "specificity": (counts.tn, counts.tn + counts.fp),
        "ppv": (counts.tp, counts.tp + counts.fp),
        "npv": (counts.tn, counts.tn + counts.fn),
        "accuracy": (counts.tp + counts.tn, counts.tp + counts.fp + counts.tn + counts.fn),
    }


_NOBODY = {
    "sensitivity": "No patient is a responder.",
    "specificity": "No patient is a non-responder.",
    "ppv": "No patient is called positive.",
    "npv": "No patient is called negative.",
    "accuracy": "There is no patient.",
}


def _share(name: str, part: int, whole: int, undefined: dict[str, str]) -> float | None:
    if whole == 0:
        undefined[name] = _NOBODY[name]
        return None
    return part / whole


def _combined(
    counts: metrics.Confusion, values: Mapping[str, float | None], undefined: dict[str, str]
) -> dict[str, float | None]:
    sensitivity, specificity = values["sensitivity"], values["specificity"]
    combined: dict[str, float | None] = {"balanced_accuracy": None, "f1": None, "mcc": None}
    if sensitivity is None or specificity is None:
        undefined["balanced_accuracy"] = undefined["sensitivity" if sensitivity is None else "specificity"]
    else:
        combined["balanced_accuracy"] = (sensitivity + specificity) / 2
    tp, fp, tn, fn = counts.tp, counts.fp, counts.tn, counts.fn
    if 2 * tp + fp + fn == 0:
        undefined["f1"] = "No patient is a responder or called positive."
    else:
        combined["f1"] = 2 * tp / (2 * tp + fp + fn)
    margins = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    if margins == 0:
        undefined["mcc"] = "A row or column of the two-by-two table is empty."
    else:
        combined["mcc"] = (tp * tn - fp * fn) / float(np.sqrt(margins))
    return combined


def _scaled_brier(y: Ints, p: Floats, undefined: dict[str, str]) -> float | None:
    share = float(np.mean(y))
    if share in (0.0, 1.0):
        undefined["scaled_brier"] = "All patients have the same outcome."
        return None
    return 1 - metrics.brier(y, p) / (share * (1 - share))
