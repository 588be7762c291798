"""Kaplan-Meier curves, the median with its interval, and the numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Numbers at risk are shown at about so many times.
_TIMES_SHOWN = 6
#: A curve is at a half if it is as near to it as this (as R's survfit has it).
_TOLERANCE = float(np.sqrt(np.finfo(np.float64).eps))


@dataclass(frozen=True)
class MedianSurvival:
    """Time by which half have had the event, with 95 % limits; None where a curve does not come down to a half."""

    value: float | None
    low: float | None
    high: float | None


def kaplan_meier(time: Floats, event: Floats) -> list[dict[str, float]]:
    """Estimate survival with 95 % limits (Greenwood's variance on the log-log scale).

    Parameters
    ----------
    time, event : arrays of shape (n_patients,)

    Returns
    -------
    list of dict
        ``time``, ``survival``, ``low``, ``high`` and the number ``at_risk`` at each time that occurs, from 0.
    """
    from lifelines import KaplanMeierFitter

    fitted = KaplanMeierFitter().fit(time, event)
    limits = fitted.confidence_interval_survival_function_.to_numpy()
    survival = fitted.survival_function_.to_numpy()[:, 0]
    at_risk = fitted.event_table["at_risk"].to_numpy()
    rows = zip(fitted.timeline, survival, limits[:, 0], limits[:, 1], at_risk, strict=True)
    return [
        {"time": float(t), "survival": float(s), "low": float(a), "high": float(b), "at_risk": int(n)}
        for t, s, a, b, n in rows
    ]


def median_survival(curve: Sequence[dict[str, float]]) -> MedianSurvival:
    """Compute the median of a curve and its interval after Brookmeyer and Crowley, on the log-log scale.

    The interval holds the times at which the limits of the curve enclose a half (Brookmeyer and Crowley, Biometrics
    1982;38:29). Where a curve runs at a half exactly, the middle of that stretch counts.

    Parameters
    ----------
    curve : sequence of dict
        As `kaplan_meier` returns it.

    Returns
    -------
    MedianSurvival
    """
    time = np.array([point["time"] for point in curve])
    survival = np.array([point["survival"] for point in curve])
    # Where nobody is left, Greenwood's variance is not defined, and neither are limits.
    limits = [np.where(survival > 0, [point[name] for point in curve], np.nan) for name in ("low", "high")]
    return MedianSurvival(_at_a_half(time, survival), *(_at_a_half(time, limit) for limit in limits))


def _at_a_half(time: Floats, height: Floats) -> float | None:
    low = np.flatnonzero(height < 0.5 + _TOLERANCE)
    if not len(low):
        return None
    first = low[0]
    further = low[height[low] < height[first] - _TOLERANCE]
    if abs(height[first] - 0.5) < _TOLERANCE and len(further):
        return float((time[first] + time[further[0]]) / 2)
    return float(time[first])


def numbers_at_risk(time: Floats, times: Sequence[float]) -> list[int]:
    """Count the patients under observation just before each of some times."""
    return [int(np.sum(time >= one)) for one in times]


def times_shown(time: Floats) -> list[float]:
    """Return round, evenly spaced times from 0 up to the longest observation, about six of them."""
    longest = float(np.max(time))
    if longest <= 0:
        return [0.0]
    rough = longest / (_TIMES_SHOWN - 1)
    decade = 10.0 ** np.floor(np.log10(rough))
    step = next(width * decade for width in (1, 2, 2.5, 5, 10) if width * decade >= rough * (1 - 1e-12))
    return [round(float(number * step), 9) for number in range(int(np.floor(longest / step + 1e-9)) + 1)]
