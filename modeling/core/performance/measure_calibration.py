"""The calibration of one set of predictions, with the reason where a measure is undefined.

Everywhere ``scores`` has the shape (n_patients, n_repeats); a measure is the mean over the repeats
and undefined where one of theirs is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from modeling.core.performance.calibration import (
    brier,
    calibration_slope_intercept,
    expected_calibration_error,
    hosmer_lemeshow,
    integrated_calibration_index,
    observed_expected,
    why_not_smooth,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Values = dict[str, float | None]
Reasons = dict[str, str]


def calibration_measures(y: Ints, scores: Floats) -> tuple[Values, Reasons]:
    """Give Brier score, slope and intercept, O:E, ICI and ECE, and why one of them is None."""
    fits = [calibration_slope_intercept(y, score) for score in scores.T]
    smooth = [integrated_calibration_index(y, score) for score in scores.T]
    ratio = observed_expected(y, scores.mean(axis=1))
    error, variance = float(np.mean([brier(y, score) for score in scores.T])), float(np.var(y))
    values = {
        "brier": error,
        "scaled_brier": 1 - error / variance if variance else None,
        "ece": _mean([expected_calibration_error(y, score) for score in scores.T]),
        "calibration_slope": _mean([fit.slope for fit in fits]),
        "calibration_intercept": _mean([fit.intercept for fit in fits]),
        "observed_expected": ratio.ratio,
        "oe_low": ratio.low,
        "oe_high": ratio.high,
        **{name: _mean([getattr(found, name, None) for found in smooth]) for name in ("ici", "e50", "e90")},
    }
    no_slope = next((fit.reason for fit in fits if fit.reason), "")
    rough = next((reason for score in scores.T if (reason := why_not_smooth(y, score))), "")
    reasons = {
        "scaled_brier": "all patients have the same outcome",
        **dict.fromkeys(("calibration_slope", "calibration_intercept"), no_slope),
        **dict.fromkeys(("observed_expected", "oe_low", "oe_high"), ratio.reason),
        **dict.fromkeys(("ici", "e50", "e90"), rough),
    }
    return values, {name: f"Not defined: {reasons[name]}." for name, value in values.items() if value is None}


def fit_measure(y: Ints, scores: Floats, *, development: bool) -> tuple[dict[str, float] | None, Reasons]:
    """Give Hosmer and Lemeshow's test of the patients' mean predictions, or why there is none."""
    found = hosmer_lemeshow(y, scores.mean(axis=1), development=development)
    if found is not None:
        return asdict(found), {}
    reason = "The test needs ten patients in three groups of different predictions, none of them all 0 or all 1."
    return None, {"hosmer_lemeshow": reason}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
