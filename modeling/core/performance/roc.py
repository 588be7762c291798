"""The ROC curve, of all patients or as the mean over test folds.

Everywhere ``y`` holds 1 for an event (a responder) and 0 otherwise, ``p`` a predicted probability
or score, both of shape (n_patients,).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def roc_points(y: Ints, p: Floats) -> list[tuple[float, float]]:
    """Give (false positive rate, true positive rate) from (0, 0) to (1, 1); empty with one class."""
    n1, n0 = int(np.sum(y == 1)), int(np.sum(y == 0))
    if not n1 or not n0:
        return []
    order = np.argsort(-p, kind="stable")
    last_of_tie = np.append(np.diff(p[order]) != 0, True)
    tpr = (np.cumsum(y[order] == 1) / n1)[last_of_tie]
    fpr = (np.cumsum(y[order] == 0) / n0)[last_of_tie]
    return [(0.0, 0.0), *zip(fpr.tolist(), tpr.tolist(), strict=True)]


def mean_roc(curves: Iterable[list[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Average curves of `roc_points` at each false positive rate; empty curves are left out.

    The area under the mean is exactly the mean of their areas: at each rate where a curve has a
    corner, the mean holds the value on its left and on its right.

    References
    ----------
    Vertical averaging: Fawcett, Pattern Recognit Lett 2006;27:861-874.
    """
    corners = [np.array(curve) for curve in curves if curve]
    if not corners:
        return []
    rates = np.unique(np.concatenate([curve[:, 0] for curve in corners]))
    left = np.mean([_value(curve, rates, side="left") for curve in corners], axis=0)
    right = np.mean([_value(curve, rates, side="right") for curve in corners], axis=0)
    points = np.column_stack([np.repeat(rates, 2), np.column_stack([left, right]).ravel()])
    kept = np.append(True, np.any(np.diff(points, axis=0) > 0, axis=1))
    return [(float(fpr), float(tpr)) for fpr, tpr in points[kept]]


def _value(curve: Floats, rates: Floats, *, side: str) -> Floats:
    """The curve at some rates; on a vertical piece its lower end (left) or upper end (right)."""
    fpr, tpr = curve.T
    between: Floats = np.interp(rates, fpr, tpr)
    place = np.searchsorted(fpr, rates) if side == "left" else np.searchsorted(fpr, rates, side="right") - 1
    value: Floats = np.where(fpr[place] == rates, tpr[place], between)
    return value
