"""Every measure of one set of predictions, together, with the reason where one is undefined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.core.performance.calibration import brier, calibration_bins, calibration_slope_intercept
from modeling.core.performance.classification import Confusion, confusion, wilson
from modeling.core.performance.discrimination import auc, delong_interval, roc_points
from modeling.core.performance.net_benefit import decision_curve

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


def measure(y: Ints, p: Floats, *, threshold: float, split: str, centre: str | None) -> EvaluationResult:
    """Compute every measure of predictions p, shape (n_patients,), against outcomes y."""
    undefined: dict[str, str] = {}
    counts = confusion(y, p, threshold=threshold)
    shares = _proportions(counts)
    values = {name: _share(name, *share, undefined) for name, share in shares.items()}
    area, low, high = _area(y, p, undefined)
    calibration = calibration_slope_intercept(y, p)
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
        brier=brier(y, p),
        scaled_brier=_scaled_brier(y, p, undefined),
        calibration_slope=calibration.slope,
        calibration_intercept=calibration.intercept,
        threshold=threshold,
        roc=roc_points(y, p),
        undefined=undefined,
        confusion=asdict(counts),
        intervals={name: found for name, share in shares.items() if (found := wilson(*share)) is not None},
        calibration=calibration_bins(y, p),
        decision_curve=decision_curve(y, p),
    )


def _area(y: Ints, p: Floats, undefined: dict[str, str]) -> tuple[float | None, float | None, float | None]:
    area = auc(y, p)
    if area is None:
        kind = "responders" if y.any() else "non-responders"
        reason = f"All {len(y)} patients are {kind}; the area needs both."
        undefined |= dict.fromkeys(("auc", "auc_low", "auc_high"), reason)
        return None, None, None
    interval = delong_interval(y, p)
    if interval is None:
        smallest = int(np.bincount(y, minlength=2).min())
        undefined["auc_low"] = undefined["auc_high"] = (
            "The smaller class has one patient, so the variance is unknown."
            if smallest < 2
            else "The classes are separated perfectly or not ordered at all, so DeLong's variance is zero."
        )
        return area, None, None
    return area, *interval


def _proportions(counts: Confusion) -> dict[str, tuple[int, int]]:
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
    counts: Confusion, values: Mapping[str, float | None], undefined: dict[str, str]
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
    return 1 - brier(y, p) / (share * (1 - share))
