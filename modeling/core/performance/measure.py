"""Every measure of one set of predictions, together, with the reason where one is undefined."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.core.performance.calibration import calibration_bins, loess_curve
from modeling.core.performance.classification import count_calls, rates
from modeling.core.performance.measure_area import area_measures, roc_of_folds
from modeling.core.performance.measure_calibration import calibration_measures, fit_measure
from modeling.core.performance.net_benefit import decision_curve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Interval = tuple[float, float]


@dataclass(frozen=True)
class EvaluationResult:
    """One model on one split, or on one centre of it.

    A measure that is not defined is None, and `undefined` says why. `intervals` holds 95 % Wilson
    intervals of the proportions. `auc_low` and `auc_high` are DeLong's, or those of the influence
    curve where there are test folds; `auc_boot_low` and `auc_boot_high` come from resampling.
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
    confusion: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    calibration: list[tuple[float, float, int]] = field(default_factory=list)
    decision_curve: list[tuple[float, float, float]] = field(default_factory=list)
    auc_boot_low: float | None = None
    auc_boot_high: float | None = None
    observed_expected: float | None = None
    oe_low: float | None = None
    oe_high: float | None = None
    ici: float | None = None
    e50: float | None = None
    e90: float | None = None
    ece: float | None = None
    loess: list[tuple[float, float]] = field(default_factory=list)
    hosmer_lemeshow: dict[str, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give a JSON-ready form."""
        return asdict(self)


def measure(
    y: Ints,
    p: Floats,
    *,
    threshold: float,
    split: str,
    centre: str | None,
    called: Bools | None = None,
    folds: Ints | None = None,
    bootstraps: int = 0,
    seed: int = 0,
    development: bool = False,
) -> EvaluationResult:
    """Compute every measure of predictions against outcomes.

    With repeats a measure is the mean over them, the calibration and decision curves pool them, and
    intervals count each patient once. The two-by-two table is the mean one, and what is computed
    from it (PPV, NPV, F1, MCC) belongs to that table. Hosmer and Lemeshow's test takes each
    patient's mean prediction, because p-values have no useful mean.

    Parameters
    ----------
    y : array of shape (n_patients,)
        1 and 0; at least one patient.
    p : array of shape (n_patients,) or (n_patients, n_repeats)
        Probabilities.
    threshold : float
        A patient is called positive when ``p >= threshold``, unless `called` says otherwise.
    split : str
    centre : str or None
        None for all centres together.
    called : array of bool of the shape of p, optional
        Who was called positive, where each fold had its own threshold.
    folds : array of int, shape (n_patients,) or that of p, optional
        Test fold of each prediction. The area and the ROC curve then compare patients of one fold
        only (see `cross_validated_auc`), and the ROC curve is the mean over folds.
    bootstraps : int
        Resamples of the stratified bootstrap; with 0 there is no such interval.
    seed : int
    development : bool
        Whether the model was fitted on these patients (degrees of freedom of Hosmer and Lemeshow).
    """
    scores = p.reshape(len(y), -1)
    repeats = scores.shape[1]
    parts = np.zeros_like(scores, dtype=np.int64) if folds is None and repeats > 1 else folds
    table = count_calls(y, (p >= threshold) if called is None else called)
    found = rates(table)
    area, no_area = area_measures(y, scores, folds=parts, bootstraps=bootstraps, seed=seed)
    calibration, no_calibration = calibration_measures(y, scores)
    fit, no_fit = fit_measure(y, scores, development=development)
    outcomes, pooled = np.repeat(y, repeats), scores.ravel()
    return EvaluationResult(
        split=split,
        centre=centre,
        n=len(y),
        events=int(y.sum()),
        **found.values,
        **area,
        **calibration,
        hosmer_lemeshow=fit,
        threshold=threshold,
        roc=roc_of_folds(y, scores, folds=parts),
        undefined={**found.undefined, **no_area, **no_calibration, **no_fit},
        confusion=asdict(table),
        intervals=found.intervals,
        calibration=[
            (mean, share, round(count / repeats)) for mean, share, count in calibration_bins(outcomes, pooled)
        ],
        decision_curve=decision_curve(outcomes, pooled),
        loess=loess_curve(outcomes, pooled) if calibration["ici"] is not None else [],
    )
