"""Calibration: whether probabilities are as high as what is observed.

Everywhere ``y`` holds 1 for an event (a responder) and 0 otherwise, ``p`` a predicted probability,
both of shape (n_patients,).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from modeling.core.performance.logistic import log_odds, maximum_likelihood
from modeling.core.performance.smoothing import loess

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Below this number of patients a smooth curve would follow each of them.
FEWEST_TO_SMOOTH = 10

#: The curve is evaluated at no more predictions than this and interpolated between them.
_MOST_SMOOTHED = 500


#: Log-odds that differ by less say the same of everybody, and a slope through them is noise.
_LEAST_RANGE = 0.05


@dataclass(frozen=True)
class Calibration:
    """Slope of the log-odds (1 is perfect) and intercept with the slope held at 1 (0 is perfect)."""

    slope: float | None
    intercept: float | None
    reason: str = ""


@dataclass(frozen=True)
class ObservedExpected:
    """Events that occurred over events that were predicted (1 is perfect), with a 95 % interval."""

    ratio: float | None
    low: float | None
    high: float | None
    reason: str = ""


@dataclass(frozen=True)
class CalibrationErrors:
    """Mean, median and 90th percentile of the distance between prediction and smoothed outcome."""

    ici: float
    e50: float
    e90: float


@dataclass(frozen=True)
class HosmerLemeshow:
    """A goodness-of-fit test; weak, because it depends on the groups and has little power."""

    chi2: float
    df: int
    p: float


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
    score = log_odds(p)
    intercept = float(maximum_likelihood(np.ones((len(y), 1)), y, offset=score).coefficients[0])
    if np.ptp(score) < _LEAST_RANGE:
        nearly = "nearly " if np.ptp(score) > 0 else ""
        return Calibration(None, intercept, f"all patients have {nearly}the same prediction")
    if not _overlapping(y, score):
        return Calibration(None, intercept, "the predictions separate the classes perfectly, the slope is infinite")
    slope = maximum_likelihood(np.column_stack([np.ones(len(y)), score]), y).coefficients[1]
    return Calibration(float(slope), intercept)


def calibration_bins(y: Ints, p: Floats, *, bins: int = 10) -> list[tuple[float, float, int]]:
    """Give (mean prediction, observed share, patients) of groups of nearly equal size."""
    order = np.argsort(p, kind="stable")
    groups = [group for group in np.array_split(order, min(bins, len(p))) if len(group)]
    return [(float(p[group].mean()), float(y[group].mean()), len(group)) for group in groups]


def observed_expected(y: Ints, p: Floats, *, level: float = 0.95) -> ObservedExpected:
    """Give O:E with an interval that is symmetric on the log scale.

    The expected number counts as known: the standard error of ln(O:E) is sqrt((1 - O/n) / O).

    References
    ----------
    Debray et al., BMJ 2017;356:i6460.
    """
    observed, expected = int(y.sum()), float(p.sum())
    if not observed or expected <= 0:
        return ObservedExpected(None, None, None, "no event occurred or none was expected")
    ratio = observed / expected
    if observed == len(y):
        return ObservedExpected(ratio, None, None, "all patients have the same outcome")
    half = float(stats.norm.ppf(0.5 + level / 2) * np.sqrt((1 - observed / len(y)) / observed))
    return ObservedExpected(ratio, ratio * float(np.exp(-half)), ratio * float(np.exp(half)))


def loess_curve(y: Ints, p: Floats, *, points: int = 60) -> list[tuple[float, float]]:
    """Give (prediction, smoothed share of events) at up to `points` quantiles of the predictions.

    Empty where `why_not_smooth` has a reason. See `modeling.core.performance.smoothing` for the span.
    """
    if why_not_smooth(y, p):
        return []
    at = _places(p, most=points)
    return list(zip(at.tolist(), loess(y, p, at=at).tolist(), strict=True))


def integrated_calibration_index(y: Ints, p: Floats) -> CalibrationErrors | None:
    """Give ICI, E50 and E90, the distances between predictions and the loess curve of the outcomes.

    None where `why_not_smooth` has a reason.

    References
    ----------
    Austin & Steyerberg, Stat Med 2019;38:4051-4065.
    """
    if why_not_smooth(y, p):
        return None
    at = _places(p, most=_MOST_SMOOTHED)
    distance = np.abs(np.interp(p, at, loess(y, p, at=at)) - p)
    return CalibrationErrors(float(distance.mean()), *(float(value) for value in np.quantile(distance, [0.5, 0.9])))


def why_not_smooth(y: Ints, p: Floats) -> str:
    """Say why there is no smooth curve, or nothing where there is one."""
    if len(y) < FEWEST_TO_SMOOTH:
        return f"fewer than {FEWEST_TO_SMOOTH} patients, a smooth curve would follow each of them"
    if len(np.unique(y)) < 2:
        return "all patients have the same outcome"
    return "" if np.ptp(p) > 0 else "all patients have the same prediction"


def expected_calibration_error(y: Ints, p: Floats, *, bins: int = 10) -> float:
    """Give the mean distance of predicted from observed share over bins of equal width.

    Each bin counts with its number of patients; a prediction on an edge belongs to the upper bin.

    References
    ----------
    Naeini, Cooper & Hauskrecht, AAAI 2015:2901-2907.
    """
    places = np.minimum((p * bins).astype(np.int64), bins - 1)
    gap = np.bincount(places, weights=p - y, minlength=bins)
    return float(np.abs(gap).sum() / len(y))


def hosmer_lemeshow(y: Ints, p: Floats, *, groups: int = 10, development: bool) -> HosmerLemeshow | None:
    """Test the agreement of observed and expected events in groups of similar prediction.

    The groups lie between quantiles of p, so that equal predictions stay together; where many are
    equal there are fewer groups than asked for. Patients on whom the model was fitted
    (`development`) take two degrees of freedom away. None with fewer than three groups, or where a
    group's predictions are all 0 or all 1.

    References
    ----------
    Hosmer & Lemeshow, Commun Stat Theory Methods 1980;9:1043-1069. Degrees of freedom in other
    data: Hosmer, Lemeshow & Sturdivant, Applied Logistic Regression, 3rd ed. 2013, section 5.2.2.
    """
    if len(y) < groups:
        return None
    edges = np.unique(np.quantile(p, np.linspace(0, 1, groups + 1)))
    _, place = np.unique(np.searchsorted(edges[1:-1], p), return_inverse=True)
    n = np.bincount(place)
    expected = np.bincount(place, weights=p)
    variance = expected * (1 - expected / n)
    if len(n) < 3 or np.any(variance <= 0):
        return None
    chi2 = float(np.sum((np.bincount(place, weights=y) - expected) ** 2 / variance))
    df = len(n) - 2 if development else len(n)
    return HosmerLemeshow(chi2, df, float(stats.chi2.sf(chi2, df)))


def _overlapping(y: Ints, score: Floats) -> bool:
    events, others = score[y == 1], score[y == 0]
    return bool(events.min() < others.max() and others.min() < events.max())


def _places(p: Floats, *, most: int) -> Floats:
    values = np.unique(p)
    if len(values) <= most:
        return values
    places: Floats = np.unique(np.quantile(p, np.linspace(0, 1, most)))
    return places
