"""How good predictions are: discrimination, classification and calibration, with intervals.

Everywhere ``y`` holds 1 for an event (a responder) and 0 otherwise, ``p`` a predicted probability
or score, both of shape (n_patients,); a patient is called positive when ``p >= threshold``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Probabilities are kept this far from 0 and 1 before a logarithm.
_MARGIN = 1e-12


@dataclass(frozen=True)
class Confusion:
    """Counts of a two-by-two table."""

    tp: int
    fp: int
    tn: int
    fn: int


@dataclass(frozen=True)
class PairedComparison:
    """Difference of two correlated areas, with its 95 % interval and two-sided p-value."""

    difference: float
    low: float
    high: float
    z: float
    p: float


@dataclass(frozen=True)
class Calibration:
    """Slope of the log-odds (1 is perfect) and intercept with the slope held at 1 (0 is perfect)."""

    slope: float | None
    intercept: float | None
    reason: str = ""


def auc(y: Ints, p: Floats) -> float | None:
    """Give P(score of an event > score of a non-event) + half the ties, or None with one class."""
    events, others = _by_class(y, p)
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


def wilson(successes: int, n: int, *, level: float = 0.95) -> tuple[float, float] | None:
    """Give the Wilson score interval of a proportion, or None when n is 0.

    References
    ----------
    Wilson, J Am Stat Assoc 1927;22:209-212.
    """
    if n == 0:
        return None
    z = float(stats.norm.ppf(0.5 + level / 2))
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))) / (1 + z**2 / n)
    # The formula is exact at both ends; rounding is not.
    return (0.0 if successes == 0 else centre - half), (1.0 if successes == n else centre + half)


def confusion(y: Ints, p: Floats, *, threshold: float) -> Confusion:
    """Count true and false positives and negatives."""
    called = p >= threshold
    return Confusion(
        tp=int(np.sum(called & (y == 1))),
        fp=int(np.sum(called & (y == 0))),
        tn=int(np.sum(~called & (y == 0))),
        fn=int(np.sum(~called & (y == 1))),
    )


def youden_threshold(y: Ints, p: Floats) -> float:
    """Give the threshold with the largest sensitivity + specificity - 1.

    It lies halfway between two neighbouring scores; of equal ones the lowest, which misses fewer
    events.

    References
    ----------
    Youden, Cancer 1950;3:32-35.
    """
    cuts, sensitivity, specificity = _cuts(y, p)
    gain = np.round(sensitivity + specificity, 12)
    return float(cuts[np.flatnonzero(gain == gain.max())[0]])


def sensitive_threshold(y: Ints, p: Floats, *, sensitivity: float) -> float:
    """Give the highest threshold that still finds this share of the events."""
    cuts, found, _ = _cuts(y, p)
    return float(cuts[np.flatnonzero(found >= sensitivity - 1e-12)[-1]])


def brier(y: Ints, p: Floats) -> float:
    """Give the mean squared distance between probability and outcome (Brier, 1950)."""
    return float(np.mean((p - y) ** 2))


def calibration_slope_intercept(y: Ints, p: Floats) -> Calibration:
    """Fit logit P(y = 1) = a + b logit(p) by maximum likelihood.

    The slope is b; the intercept is a of a second fit with b held at 1 (calibration in the large).

    References
    ----------
    Cox, Biometrika 1958;45:562-565. Steyerberg, Clinical Prediction Models, 2nd ed. 2019, ch. 15.
    """
    if len(np.unique(y)) < 2:
        return Calibration(None, None, "all patients have the same outcome")
    score = logit(np.clip(p, _MARGIN, 1 - _MARGIN))
    intercept = _maximum_likelihood(np.ones((len(y), 1)), y, offset=score)
    if np.ptp(score) == 0:
        return Calibration(None, intercept[0], "all patients have the same prediction")
    if not _overlapping(y, score):
        return Calibration(
            None, intercept[0], "the predictions separate the classes perfectly, the slope is infinite"
        )
    slope = _maximum_likelihood(np.column_stack([np.ones(len(y)), score]), y, offset=np.zeros(len(y)))[1]
    return Calibration(slope, intercept[0])


def calibration_bins(y: Ints, p: Floats, *, bins: int = 10) -> list[tuple[float, float, int]]:
    """Give (mean prediction, observed share, patients) of groups of nearly equal size."""
    order = np.argsort(p, kind="stable")
    groups = [group for group in np.array_split(order, min(bins, len(p))) if len(group)]
    return [(float(p[group].mean()), float(y[group].mean()), len(group)) for group in groups]


def decision_curve(y: Ints, p: Floats) -> list[tuple[float, float, float]]:
    """Give (threshold, net benefit of the model, net benefit of treating all) from 0.05 to 0.80.

    References
    ----------
    Vickers & Elkin, Med Decis Making 2006;26:565-574.
    """
    share = float(np.mean(y))
    curve = []
    for percent in range(5, 81):
        t = percent / 100
        counts = confusion(y, p, threshold=t)
        odds = t / (1 - t)
        curve.append((t, (counts.tp - counts.fp * odds) / len(y), share - (1 - share) * odds))
    return curve


def _by_class(y: Ints, p: Floats) -> tuple[Floats, Floats]:
    return p[y == 1], p[y == 0]


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


def _cuts(y: Ints, p: Floats) -> tuple[Floats, Floats, Floats]:
    scores = np.unique(p)
    cuts = np.append(scores[0], (scores[1:] + scores[:-1]) / 2)
    events, others = _by_class(y, p)
    sensitivity = 1 - np.searchsorted(np.sort(events), cuts) / len(events)
    specificity = np.searchsorted(np.sort(others), cuts) / len(others)
    return cuts, sensitivity, specificity


def _overlapping(y: Ints, score: Floats) -> bool:
    events, others = _by_class(y, score)
    return bool(events.min() < others.max() and others.min() < events.max())


def _maximum_likelihood(Z: Floats, y: Ints, *, offset: Floats) -> list[float]:
    def log_likelihood(b: Floats) -> float:
        margin = Z @ b + offset
        return float(np.sum(y * margin - np.logaddexp(0, margin)))

    b = np.zeros(Z.shape[1])
    for _ in range(200):
        fitted = expit(Z @ b + offset)
        information = (Z * (fitted * (1 - fitted))[:, None]).T @ Z
        step = np.linalg.lstsq(information, Z.T @ (y - fitted), rcond=None)[0]
        # Newton may overshoot where predictions are extreme; halving keeps the likelihood rising.
        while log_likelihood(b + step) < log_likelihood(b) - 1e-12 and np.abs(step).max() > 1e-12:
            step = step / 2
        b = b + step
        if np.abs(step).max() < 1e-10:
            break
    return [float(value) for value in b]
