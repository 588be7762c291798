"""The area under the ROC curve of one set of predictions, with the reason where it is undefined.

Everywhere ``scores`` has the shape (n_patients, n_repeats) and ``folds`` that of scores, or
(n_patients,), or is None where all patients can be compared with each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modeling.core.performance.discrimination import auc, cross_validated_auc, delong_interval, stratified_bootstrap
from modeling.core.performance.roc import mean_roc, roc_points

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Values = dict[str, float | None]
Reasons = dict[str, str]
Area = tuple[float | None, tuple[float, float] | None]

_ONE_MODEL = "Resampling the patients keeps the models of the folds, so its interval would be too short."


def area_measures(
    y: Ints, scores: Floats, *, folds: Ints | None, bootstraps: int, seed: int
) -> tuple[Values, Reasons]:
    """Give the area, its interval and its bootstrap interval, and why one of them is None."""
    undefined: Reasons = {}
    area, interval = _area(y, scores, folds)
    if area is None:
        undefined |= dict.fromkeys(("auc", "auc_low", "auc_high"), _why_no_area(y))
    elif interval is None:
        undefined |= dict.fromkeys(("auc_low", "auc_high"), _why_no_interval(y, folds))
    # Patients resampled within folds are tested by the same models again: such intervals are too short.
    resampled = stratified_bootstrap(y, scores[:, 0], n=bootstraps, seed=seed) if folds is None else None
    if resampled is None:
        reason = _ONE_MODEL if folds is not None else _why_no_bootstrap(y, bootstraps)
        undefined |= dict.fromkeys(("auc_boot_low", "auc_boot_high"), reason)
    low, high = interval or (None, None)
    boot_low, boot_high = resampled or (None, None)
    values = {"auc": area, "auc_low": low, "auc_high": high, "auc_boot_low": boot_low, "auc_boot_high": boot_high}
    return values, undefined


def roc_of_folds(y: Ints, scores: Floats, *, folds: Ints | None) -> list[tuple[float, float]]:
    """Give the ROC curve, with folds the mean of theirs: the area under it is that of `area_measures`.

    It is so exactly as long as every repeat has equally many folds with both classes.
    """
    if folds is None:
        return roc_points(y, scores[:, 0])
    parts = np.broadcast_to(folds.reshape(len(y), -1), scores.shape)
    return mean_roc(
        roc_points(y[here], score[here])
        for score, part in zip(scores.T, parts.T, strict=True)
        for here in (part == fold for fold in np.unique(part))
    )


def _area(y: Ints, scores: Floats, folds: Ints | None) -> Area:
    if folds is None:
        return auc(y, scores[:, 0]), delong_interval(y, scores[:, 0])
    found = cross_validated_auc(y, scores, folds)
    if found is None:
        return None, None
    return found.auc, None if found.low is None or found.high is None else (found.low, found.high)


def _why_no_area(y: Ints) -> str:
    if len(np.unique(y)) > 1:
        return "No test fold has both responders and non-responders."
    return f"All {len(y)} patients are {'responders' if y.any() else 'non-responders'}; the area needs both."


def _why_no_interval(y: Ints, folds: Ints | None) -> str:
    if np.bincount(y, minlength=2).min() < 2:
        return "The smaller class has one patient, so the variance is unknown."
    if folds is None:
        return "The classes are separated perfectly or not ordered at all, so DeLong's variance is zero."
    return "In each test fold the classes are separated perfectly or not ordered at all, so the variance is zero."


def _why_no_bootstrap(y: Ints, bootstraps: int) -> str:
    if bootstraps < 1:
        return "No bootstrap was asked for."
    if np.bincount(y, minlength=2).min() < 2:
        return "The bootstrap needs two patients of each class."
    return "Resampling the patients does not change the area."
