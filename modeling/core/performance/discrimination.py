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

from modeling.core.performance.resampling import areas_of_resamples, draw_counts
from modeling.core.performance.shared_training import widening

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Confidence of every interval.
_LEVEL = 0.95


@dataclass(frozen=True)
class PairedComparison:
    """Difference of two correlated areas, with its 95 % interval and two-sided p-value."""

    difference: float
    low: float
    high: float
    z: float
    p: float


@dataclass(frozen=True)
class CrossValidatedAuc:
    """Mean area within test folds, with its 95 % interval and standard error where they exist."""

    auc: float
    low: float | None
    high: float | None
    standard_error: float | None


def auc(y: Ints, p: Floats) -> float | None:
    """Give P(score of an event > score of a non-event) + half the ties, or None with one class."""
    if not np.any(y == 1) or not np.any(y == 0):
        return None
    return float(placements(y, p)[0].mean())


def delong_interval(y: Ints, p: Floats, *, level: float = _LEVEL) -> tuple[float, float] | None:
    """Return the DeLong interval of the area, two-sided at `level`, on the logit scale when the area exceeds 0.9.

    Returns None where the variance cannot be known: fewer than two patients of a class, or a
    perfect separation, for which DeLong's variance is zero whatever the number of patients.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837-845. Logit scale: Pepe, The Statistical
    Evaluation of Medical Tests, 2003, section 5.2.
    """
    area, variance = auc(y, p), _delong_covariance(y, p)
    if area is None or variance is None:
        return None
    return _interval_of(area, variance=float(variance[0, 0]), level=level)


def paired_delong(y: Ints, p_one: Floats, p_two: Floats) -> PairedComparison | None:
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
    half = float(stats.norm.ppf(0.5 + _LEVEL / 2)) * error
    z = difference / error
    return PairedComparison(difference, difference - half, difference + half, z, float(2 * stats.norm.sf(abs(z))))


def holm(p_values: list[float]) -> list[float]:
    """Adjust p-values for several comparisons (Holm, Scand J Stat 1979;6:65-70)."""
    order = np.argsort(p_values, kind="stable")
    steps = np.array(p_values)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


def placements(y: Ints, p: Floats) -> tuple[Floats, Floats]:
    """Give the share of non-events below each event, and of events above each non-event.

    Ties count half. By mid-ranks, in the time of a sort.

    References
    ----------
    Sun & Xu, IEEE Signal Process Lett 2014;21:1389-1393.
    """
    events, others = p[y == 1], p[y == 0]
    ranks = stats.rankdata(p)
    below = (ranks[y == 1] - stats.rankdata(events)) / len(others)
    above = 1 - (ranks[y == 0] - stats.rankdata(others)) / len(events)
    return below, above


def cross_validated_auc(y: Ints, p: Floats, folds: Ints) -> CrossValidatedAuc | None:
    """Compute the mean area within test folds, with the interval of its influence curve, widened.

    Patients of different folds are never compared: their predictions come from different models. A
    fold with one class contributes nothing, neither to the mean nor to the variance. The influence curve
    takes the folds as independent; `widening` makes up for the training patients that they share. How often
    the interval holds the area of the final model in new patients: ``python -m bench --only coverage``.

    Parameters
    ----------
    y : array of shape (n_patients,)
    p : array of shape (n_patients,) or (n_patients, n_repeats)
        With repeats the area is the mean over them and the variance is the mean of theirs: repeats
        share the patients, so that more of them make no larger sample.
    folds : array of shape (n_patients,) or that of p
        Any integers; in a column, equal ones mean the same test fold.

    Returns
    -------
    CrossValidatedAuc or None
        None where no fold has both classes. No interval where every fold is separated perfectly or
        has one patient of each class: the influence curve is zero then.

    References
    ----------
    LeDell, Petersen & van der Laan, Electron J Stat 2015;9:1583-1607.
    """
    found = [_of_division(y, score, part) for score, part in _repeats(y, p, folds)]
    usable = [division for division in found if division is not None]
    if not usable:
        return None
    area, variance, k = (float(np.mean([getattr(one, of) for one in usable])) for of in ("area", "variance", "folds"))
    # Rounding leaves about 1e-33 where all folds are separated perfectly.
    variance = variance * widening(k) ** 2 if variance > 1e-14 else 0.0
    interval = _interval_of(area, variance=variance)
    if interval is None:
        return CrossValidatedAuc(area, None, None, None)
    return CrossValidatedAuc(area, *interval, standard_error=float(np.sqrt(variance)))


def stratified_bootstrap(y: Ints, p: Floats, *, n: int, seed: int) -> tuple[float, float] | None:
    """Compute the percentile interval of the area over n resamples of the patients, class by class.

    Parameters
    ----------
    y, p : arrays of shape (n_patients,)
    n : int
        Resamples; 0 gives None.
    seed : int

    Returns
    -------
    (low, high) or None
        None with fewer than two patients of a class, or where all resamples have the same area. The
        order of the patients does not matter.
    """
    if n < 1 or min(np.sum(y == 1), np.sum(y == 0)) < 2:
        return None
    order = np.lexsort((p, y))
    areas = areas_of_resamples(y[order], p[order], draw_counts(y[order], n=n, seed=seed))
    if np.ptp(areas) < 1e-12:
        return None
    low, high = np.quantile(areas, [0.5 - _LEVEL / 2, 0.5 + _LEVEL / 2])
    return float(low), float(high)


def _interval_of(area: float, *, variance: float, level: float = _LEVEL) -> tuple[float, float] | None:
    """Give the normal interval of an area, on the logit scale above 0.9; None without a variance."""
    if variance <= 0:
        return None
    half = float(stats.norm.ppf(0.5 + level / 2) * np.sqrt(variance))
    if 0.9 < area < 1:
        half /= area * (1 - area)
        return float(expit(logit(area) - half)), float(expit(logit(area) + half))
    return max(0.0, area - half), min(1.0, area + half)


def _repeats(y: Ints, p: Floats, folds: Ints) -> list[tuple[Floats, Ints]]:
    scores = p.reshape(len(y), -1)
    parts = np.broadcast_to(folds.reshape(len(y), -1), scores.shape)
    return list(zip(scores.T, parts.T, strict=True))


@dataclass(frozen=True)
class _Division:
    """One division into folds: the mean area within them and its variance, as if their models were independent."""

    area: float
    variance: float
    folds: int


def _of_division(y: Ints, p: Floats, folds: Ints) -> _Division | None:
    tests = [folds == fold for fold in np.unique(folds)]
    tests = [test for test in tests if 0 < np.sum(y[test]) < np.sum(test)]
    if not tests:
        return None
    used = np.any(tests, axis=0)
    share = float(np.mean(y[used]))
    areas, spreads = [], []
    for test in tests:
        below, above = placements(y[test], p[test])
        area = below.mean()
        influence = np.append((below - area) / share, (above - area) / (1 - share))
        areas.append(area)
        spreads.append(np.mean(influence**2))
    return _Division(float(np.mean(areas)), float(np.mean(spreads) / np.sum(used)), len(tests))


def _delong_covariance(y: Ints, *predictions: Floats) -> Floats | None:
    m, n = int(np.sum(y == 1)), int(np.sum(y == 0))
    if m < 2 or n < 2:
        return None
    of_events, of_others = zip(*(placements(y, p) for p in predictions), strict=True)
    size = len(predictions)
    covariance: Floats = np.cov(of_events).reshape(size, size) / m + np.cov(of_others).reshape(size, size) / n
    return covariance
