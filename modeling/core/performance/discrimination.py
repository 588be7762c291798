"""Discrimination: the area under the ROC curve, its intervals and comparisons.

Everywhere ``y`` holds 1 for an event (a responder) and 0 otherwise, ``p`` a predicted probability
or score, both of shape (n_patients,).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PairedComparison:
    """Difference of two correlated areas, with its 95 % interval and two-sided p-value."""

    difference: float
    low: float
    high: float
    z: float
    p: float


def auc(y: Ints, p: Floats) -> float | None:
    """Give P(score of an event > score of a non-event) + half the ties, or None with one class."""
    events, others = p[y == 1], p[y == 0]
    if not len(events) or not len(others):
        return None
    return float(_placements(events, others).mean())


def delong_interval(y: Ints, p: Floats, *, level: float = 0.95) -> tuple[float, float] | None:
    """Give the DeLong interval of the area, on the logit scale when the area exceeds 0.9.

    Returns None where the variance cannot be known: fewer than two patients of a class, or a
    perfect separation, for which DeLong's variance is zero whatever the number of patients.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837-845. Logit scale: Pepe, The Statistical
    Evaluation of Medical Tests, 2003, section 5.2.
    """
    area, variance = auc(y, p), _delong_covariance(y, p)
    if area is None or variance is None or variance[0, 0] <= 0:
        return None
    half = stats.norm.ppf(0.5 + level / 2) * float(np.sqrt(variance[0, 0]))
    if area > 0.9:
        half /= area * (1 - area)
        return float(expit(logit(area) - half)), float(expit(logit(area) + half))
    return max(0.0, area - half), min(1.0, area + half)


def paired_delong(y: Ints, p_one: Floats, p_two: Floats, *, level: float = 0.95) -> PairedComparison | None:
    """Compare the areas of two predictions for the same patients; None where it is undefined.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837-845.
    """
    covariance = _delong_covariance(y, p_one, p_two)
    one, two = auc(y, p_one), auc(y, p_two)
    if covariance is None or one is None or two is None:
        return None
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    difference = one - two
    # Rounding leaves about 1e-18 where two predictions rank all patients alike.
    if variance <= 1e-14:
        return PairedComparison(difference, difference, difference, 0.0, 1.0) if difference == 0 else None
    error = float(np.sqrt(variance))
    half = float(stats.norm.ppf(0.5 + level / 2)) * error
    z = difference / error
    return PairedComparison(difference, difference - half, difference + half, z, float(2 * stats.norm.sf(abs(z))))


def holm(p_values: list[float]) -> list[float]:
    """Adjust p-values for several comparisons (Holm, Scand J Stat 1979;6:65-70)."""
    order = np.argsort(p_values, kind="stable")
    steps = np.array(p_values)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


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


def _placements(events: Floats, others: Floats) -> Floats:
    distance = events[:, None] - others[None, :]
    return np.where(distance > 0, 1.0, np.where(distance == 0, 0.5, 0.0))


def _delong_covariance(y: Ints, *predictions: Floats) -> Floats | None:
    m, n = int(np.sum(y == 1)), int(np.sum(y == 0))
    if m < 2 or n < 2:
        return None
    tables = [_placements(*_by_class(y, p)) for p in predictions]
    of_events = np.cov([table.mean(axis=1) for table in tables]).reshape(len(tables), -1)
    of_others = np.cov([table.mean(axis=0) for table in tables]).reshape(len(tables), -1)
    covariance: Floats = of_events / m + of_others / n
    return covariance


def _by_class(y: Ints, p: Floats) -> tuple[Floats, Floats]:
    return p[y == 1], p[y == 0]
