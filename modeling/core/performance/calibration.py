"""Calibration: whether probabilities are as high as what is observed.

Everywhere ``y`` holds 1 for an event (a responder) and 0 otherwise, ``p`` a predicted probability
or score, both of shape (n_patients,).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


#: Probabilities are kept this far from 0 and 1 before a logarithm.
_MARGIN = 1e-12


@dataclass(frozen=True)
class Calibration:
    """Slope of the log-odds (1 is perfect) and intercept with the slope held at 1 (0 is perfect)."""

    slope: float | None
    intercept: float | None
    reason: str = ""


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


def _overlapping(y: Ints, score: Floats) -> bool:
    events, others = score[y == 1], score[y == 0]
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
