"""Whether a challenger is as good as the champion: one rule, on the same patients of other hospitals.

A challenger is non-inferior when the lower bound of the difference of the two areas (challenger minus
champion, paired DeLong) lies above minus the margin, and when its probabilities are calibrated well
enough. What cannot be computed is not shown, so it does not promote.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modeling.core.errors import NotComparable
from modeling.core.performance.calibration import Calibration, calibration_slope_intercept
from modeling.core.performance.discrimination import auc, paired_delong

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Verdict:
    """The comparison of a challenger with the champion.

    Parameters
    ----------
    non_inferior : bool
        Whether the challenger may be promoted without an override.
    difference : float or None
        AUC of the challenger minus AUC of the champion.
    low : float or None
        Lower bound of the difference, one-sided at 97.5 %.
    margin : float
        The largest loss of AUC that still counts as not inferior.
    slope, intercept : float or None
        Calibration of the challenger: slope of the log-odds (1 is perfect), and intercept with the
        slope held at 1 (0 is perfect).
    slope_bounds : tuple of float
        Lowest and highest acceptable slope.
    calibration_ok : bool
    n, events : int
        Patients and responders on whom both models were compared.
    auc_challenger, auc_champion : float or None
    sentence : str
        What was found, for a person.
    reason : str
        Why the challenger is not promotable; empty when it is.
    """

    non_inferior: bool
    difference: float | None
    low: float | None
    margin: float
    slope: float | None
    intercept: float | None
    slope_bounds: Bounds
    calibration_ok: bool
    n: int
    events: int
    auc_challenger: float | None
    auc_champion: float | None
    sentence: str
    reason: str


def judge(y: Ints, p_challenger: Floats, p_champion: Floats, *, margin: float, slope_bounds: Bounds) -> Verdict:
    """Judge a challenger against the champion on the same patients.

    Parameters
    ----------
    y : array of int, shape (n_patients,)
        1 for a responder, 0 otherwise.
    p_challenger, p_champion : array of float, shape (n_patients,)
        Probabilities of response, each by a model that was not fitted on these patients.
    margin : float
        The largest loss of AUC that still counts as not inferior, above 0.
    slope_bounds : tuple of float
        Lowest and highest acceptable calibration slope of the challenger.

    Returns
    -------
    Verdict

    Raises
    ------
    NotComparable
        If the three arrays are not of one length.

    References
    ----------
    Paired areas: DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837-845. Non-inferiority of
    areas: Liu et al., Stat Med 2006;25:1219-1238. Slope: Cox, Biometrika 1958;45:562-565.
    """
    if not len(y) == len(p_challenger) == len(p_champion):
        raise NotComparable("Challenger and champion were not given the same patients.")
    difference, low, why_no_area = _difference(y, p_challenger, p_champion)
    calibration = calibration_slope_intercept(y, p_challenger) if len(y) else Calibration(None, None, "no patient")
    slope, (lowest, highest) = calibration.slope, slope_bounds
    calibration_ok = slope is not None and lowest <= slope <= highest
    reasons = (why_no_area or _loss(low, margin), _miscalibration(calibration, slope_bounds) if len(y) else "")
    reason = " ".join(filter(None, reasons))
    return Verdict(
        non_inferior=not reason,
        difference=difference,
        low=low,
        margin=margin,
        slope=slope,
        intercept=calibration.intercept,
        slope_bounds=slope_bounds,
        calibration_ok=calibration_ok,
        n=len(y),
        events=int(np.sum(y == 1)),
        auc_challenger=auc(y, p_challenger),
        auc_champion=auc(y, p_champion),
        sentence=_sentence(y, difference, low, slope),
        reason=reason,
    )


def undecided(reason: str, *, margin: float, slope_bounds: Bounds) -> Verdict:
    """Give the verdict of a challenger that could not be compared with anybody.

    Parameters
    ----------
    reason : str
        Why not, as a sentence.
    margin, slope_bounds
        As for `judge`.
    """
    nothing = np.zeros(0)
    blank = judge(nothing.astype(np.int64), nothing, nothing, margin=margin, slope_bounds=slope_bounds)
    return replace(blank, reason=reason, sentence="The two models were not compared.")


def _difference(y: Ints, one: Floats, two: Floats) -> tuple[float | None, float | None, str]:
    events, others = int(np.sum(y == 1)), int(np.sum(y == 0))
    if not len(y):
        return None, None, "There is no patient of another hospital on whom both models can be compared."
    if min(events, others) < 2:
        return (
            None,
            None,
            (
                f"The comparison has {events} responder{'s' * (events != 1)} and {others} "
                f"non-responder{'s' * (others != 1)}; it needs at least two of each."
            ),
        )
    compared = paired_delong(y, one, two)
    if compared is None:
        return None, None, "The variance of the difference is zero, so no bound of it can be given."
    return compared.difference, compared.low, ""


def _loss(low: float | None, margin: float) -> str:
    if low is None or low > -margin:
        return ""
    return (
        f"The challenger's AUC may be {_number(-low)} lower than the champion's; at most {_number(margin)} "
        "would count as not inferior."
    )


def _miscalibration(calibration: Calibration, bounds: Bounds) -> str:
    if calibration.slope is None:
        return f"The calibration slope is not defined: {calibration.reason}."
    if bounds[0] <= calibration.slope <= bounds[1]:
        return ""
    return (
        f"The calibration slope, {_number(calibration.slope)}, must lie between {_number(bounds[0])} and "
        f"{_number(bounds[1])}."
    )


def _sentence(y: Ints, difference: float | None, low: float | None, slope: float | None) -> str:
    patients = f"On {len(y)} patients of other hospitals ({int(np.sum(y == 1))} responders)"
    if difference is None or low is None:
        return f"{patients} the difference of the areas is not defined."
    how = "lower than" if difference < 0 else "higher than"
    compared = f"is {_number(abs(difference))} {how}" if difference else "equals"
    calibration = f", and its calibration slope is {_number(slope)}" if slope is not None else ""
    return (
        f"{patients} the challenger's AUC {compared} the champion's "
        f"(lower 97.5 % bound of the difference {_number(low)}){calibration}."
    )


def _number(value: float) -> str:
    text = f"{abs(value):.3f}".rstrip("0")
    text = text + "0" * max(0, 2 - len(text.partition(".")[2]))
    return f"\N{MINUS SIGN}{text}" if value < 0 and float(text) else text
