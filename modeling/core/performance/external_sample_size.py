"""How many patients an external validation of a binary prediction model needs.

Of each measure the number of patients is computed at which its 95 % interval is as narrow as a target. What is
assumed of the new patients comes from development: the share of events, the spread of the log-odds, the area.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import asinh, ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

_Z = 1.96
#: Widths of the 95 % intervals that Riley and colleagues aim at by default.
OE_WIDTH, SLOPE_WIDTH, AREA_WIDTH, BENEFIT_WIDTH = 0.2, 0.2, 0.1, 0.2
#: Log-odds that vary less than this tell no slope.
_SMALLEST_SPREAD = 1e-6
NO_THRESHOLD = "No treatment decision is meant, so there is no threshold at which net benefit would be estimated."


@dataclass(frozen=True)
class ExternalSize:
    """Patients that an external validation needs, and what was assumed.

    Parameters
    ----------
    needed : int or None
        The largest of the criteria that are defined; None if none is.
    needed_events : int or None
        Responders among them at the assumed share.
    prevalence : float or None
        Assumed share of events, 0 to 1.
    area : float or None
        Assumed area under the ROC curve.
    spread : float or None
        Standard deviation of the assumed log-odds.
    criteria : dict of str to int or None
        ``observed_expected``, ``slope``, ``area`` and ``net_benefit``.
    widths : dict of str to float
        The widths of the intervals that are aimed at, by criterion.
    reasons : dict of str to str
        Why a criterion is None.
    """

    needed: int | None
    needed_events: int | None
    prevalence: float | None
    area: float | None
    spread: float | None
    criteria: dict[str, int | None]
    widths: dict[str, float]
    reasons: dict[str, str]


def error_of_observed_expected(n: float, *, prevalence: float) -> float:
    """Return the standard error of the logarithm of observed over expected events.

    Parameters
    ----------
    n : float
        Patients.
    prevalence : float
        Share of events, above 0 and below 1.

    Returns
    -------
    float

    References
    ----------
    Riley et al., Stat Med 2021;40:4230-4251, section 3.1.
    """
    return sqrt((1 - prevalence) / (n * prevalence))


def patients_for_observed_expected(*, prevalence: float, ratio: float = 1.0, width: float = OE_WIDTH) -> int:
    """Return the patients at which the interval of observed over expected is `width` wide.

    Parameters
    ----------
    prevalence : float
        Share of events, above 0 and below 1.
    ratio : float
        Observed over expected events that are anticipated.
    width : float
        Of the 95 % interval, which is symmetric on the logarithmic scale.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If a share does not lie between 0 and 1, or a width is not above 0.
    """
    _require(prevalence=prevalence)
    _require_width(width)
    # The width is ratio * (exp(1.96 e) - exp(-1.96 e)) = 2 ratio sinh(1.96 e).
    error = asinh(width / (2 * ratio)) / _Z
    return _up((1 - prevalence) / (prevalence * error**2))


def error_of_slope(n: float, log_odds: Floats, *, intercept: float = 0.0, slope: float = 1.0) -> float:
    """Return the standard error of the calibration slope, from the information matrix.

    Parameters
    ----------
    n : float
        Patients.
    log_odds : array of shape (n_assumed,)
        A sample of the log-odds that the model is expected to give.
    intercept, slope : float
        Anticipated calibration; 0 and 1 where the model is right.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the log-odds do not vary.

    References
    ----------
    Riley et al., Stat Med 2021;40:4230-4251, section 3.2.
    """
    return sqrt(_slope_variance(log_odds, intercept=intercept, slope=slope) / n)


def patients_for_slope(
    log_odds: Floats, *, intercept: float = 0.0, slope: float = 1.0, width: float = SLOPE_WIDTH
) -> int:
    """Return the patients at which the interval of the calibration slope is `width` wide; see `error_of_slope`.

    Parameters
    ----------
    log_odds : array of shape (n_assumed,)
    intercept, slope : float
    width : float
        Of the 95 % interval.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the log-odds do not vary, or the width is not above 0.
    """
    _require_width(width)
    return _up(_slope_variance(log_odds, intercept=intercept, slope=slope) / (width / (2 * _Z)) ** 2)


def error_of_area(n: float, *, area: float, prevalence: float) -> float:
    """Return the standard error of the area under the ROC curve.

    Parameters
    ----------
    n : float
        Patients.
    area, prevalence : float
        Anticipated, above 0 and below 1.

    Returns
    -------
    float

    References
    ----------
    Newcombe, Stat Med 2006;25:559-573; Riley et al., Stat Med 2021;40:4230-4251, equation 11.
    """
    half = n / 2 - 1
    spread = area * (1 - area) * (1 + half * (1 - area) / (2 - area) + half * area / (1 + area))
    return sqrt(spread / (n**2 * prevalence * (1 - prevalence)))


def patients_for_area(*, area: float, prevalence: float, width: float = AREA_WIDTH) -> int:
    """Return the patients at which the interval of the area is `width` wide; see `error_of_area`.

    Parameters
    ----------
    area, prevalence : float
        Anticipated, above 0 and below 1.
    width : float
        Of the 95 % interval.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If a share does not lie between 0 and 1, or the width is not above 0.
    """
    _require(area=area, prevalence=prevalence)
    _require_width(width)
    # n² e² pq = c(1-c) (1 + (n/2 - 1) b) is a quadratic equation in n.
    b = (1 - area) / (2 - area) + area / (1 + area)
    a = (width / (2 * _Z)) ** 2 * prevalence * (1 - prevalence)
    product = area * (1 - area)
    linear, constant = product * b / 2, product * (1 - b)
    return _up((linear + sqrt(linear**2 + 4 * a * constant)) / (2 * a))


def error_of_net_benefit(
    n: float, *, sensitivity: float, specificity: float, prevalence: float, threshold: float
) -> float:
    """Return the standard error of the standardised net benefit (net benefit over the share of events).

    Parameters
    ----------
    n : float
        Patients.
    sensitivity, specificity, prevalence : float
        Anticipated, 0 to 1; the prevalence above 0 and below 1.
    threshold : float
        Probability from which on one would act, above 0 and below 1.

    Returns
    -------
    float

    References
    ----------
    Riley et al., Stat Med 2021;40:4230-4251, section 3.4; Marsh et al., Biometrics 2020;76:843-852.
    """
    return sqrt(_benefit_variance(sensitivity, specificity, prevalence, threshold) / n)


def patients_for_net_benefit(
    *, sensitivity: float, specificity: float, prevalence: float, threshold: float, width: float = BENEFIT_WIDTH
) -> int:
    """Return the patients at which the interval of the standardised net benefit is `width` wide.

    Parameters
    ----------
    sensitivity, specificity, prevalence, threshold : float
        As in `error_of_net_benefit`.
    width : float
        Of the 95 % interval.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the prevalence or the threshold does not lie between 0 and 1, or the width is not above 0.
    """
    _require(prevalence=prevalence, threshold=threshold)
    _require_width(width)
    return _up(_benefit_variance(sensitivity, specificity, prevalence, threshold) / (width / (2 * _Z)) ** 2)


def advise_external(*, prevalence: float, area: float | None, log_odds: Floats) -> ExternalSize:
    """Compute how many external patients precise measures of a model would need.

    The model is assumed to be calibrated in the new patients (intercept 0, slope 1). Net benefit has no number,
    because the estimate informs no decision.

    Parameters
    ----------
    prevalence : float
        Share of events, 0 to 1.
    area : float or None
        Area under the ROC curve, from a validation within the development data.
    log_odds : array of shape (n_assumed,)
        Log-odds that the model gave to patients whom it had not seen.

    Returns
    -------
    ExternalSize

    References
    ----------
    Riley et al., Stat Med 2021;40:4230-4251.
    """
    widths = {"observed_expected": OE_WIDTH, "slope": SLOPE_WIDTH, "area": AREA_WIDTH, "net_benefit": BENEFIT_WIDTH}
    criteria: dict[str, int | None] = dict.fromkeys(widths)
    reasons = {"net_benefit": NO_THRESHOLD}
    spread = float(np.std(log_odds)) if len(log_odds) else None
    if not 0 < prevalence < 1:
        why = "All training patients have the same outcome."
        reasons |= dict.fromkeys(("observed_expected", "slope", "area"), why)
        return ExternalSize(None, None, None, area, spread, criteria, widths, reasons)
    criteria["observed_expected"] = patients_for_observed_expected(prevalence=prevalence)
    if spread is None or spread < _SMALLEST_SPREAD:
        reasons["slope"] = "The predictions of the training patients do not vary."
    else:
        criteria["slope"] = patients_for_slope(log_odds)
    if area is None or not 0 < area < 1:
        reasons["area"] = (
            "The area within the training patients is not known, or the classes are separated perfectly."
        )
    else:
        criteria["area"] = patients_for_area(area=area, prevalence=prevalence)
    needed = max(number for number in criteria.values() if number is not None)
    return ExternalSize(needed, _up(needed * prevalence), prevalence, area, spread, criteria, widths, reasons)


def _slope_variance(log_odds: Floats, *, intercept: float, slope: float) -> float:
    p = expit(intercept + slope * log_odds)
    weight = p * (1 - p)
    zero, one, two = (float(np.mean(weight * log_odds**power)) for power in (0, 1, 2))
    determinant = zero * two - one**2
    if not len(log_odds) or np.std(log_odds) < _SMALLEST_SPREAD or determinant <= 0:
        raise ValueError("The log-odds do not vary, so a calibration slope is not defined.")
    return zero / determinant


def _benefit_variance(sensitivity: float, specificity: float, prevalence: float, threshold: float) -> float:
    w = (1 - prevalence) / prevalence * threshold / (1 - threshold)
    of_events = sensitivity * (1 - sensitivity) / prevalence
    of_others = w**2 * specificity * (1 - specificity) / (1 - prevalence)
    of_prevalence = w**2 * (1 - specificity) ** 2 / (prevalence * (1 - prevalence))
    return of_events + of_others + of_prevalence


def _up(patients: float) -> int:
    # Rounding must not turn an exact number into the next one.
    return ceil(round(patients, 6))


def _require(**shares: float) -> None:
    wrong = [name for name, value in shares.items() if not 0 < value < 1]
    if wrong:
        raise ValueError(f"The {wrong[0]} must lie between 0 and 1, not at {shares[wrong[0]]}.")


def _require_width(width: float) -> None:
    if not width > 0:
        raise ValueError(f"The width of an interval must be above 0, not {width}.")
