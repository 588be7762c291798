"""How well each feature on its own tells responders from others: areas under the ROC curve, all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import rankdata

FloatArray = NDArray[np.float64]

_Z95 = 1.959963984540054
#: Beyond this area, and below its mirror image, the interval is made on the logit scale, so that it stays below 1.
_LOGIT_FROM = 0.9


@dataclass(frozen=True, eq=False)
class Separation:
    """Areas of many features, each shape (n_features,); NaN where a class has no value.

    Parameters
    ----------
    auc : ndarray of float64
        Chance that a responder has the higher value, half the ties counted; 0.5 is a coin.
    lower, upper : ndarray of float64
        DeLong's 95 % limits, for one feature looked at alone; NaN where the variance cannot be known.
    responders, others : ndarray of int64
        Patients with a value.
    """

    auc: FloatArray
    lower: FloatArray
    upper: FloatArray
    responders: NDArray[np.int64]
    others: NDArray[np.int64]

    @property
    def strength(self) -> FloatArray:
        """Distance from a coin, whichever group is the higher: the larger of the area and its mirror image."""
        return np.maximum(self.auc, 1 - self.auc)


def separation(values: FloatArray, responder: NDArray[np.bool_]) -> Separation:
    """Compute the area of every feature, each from the patients that have it.

    Parameters
    ----------
    values : ndarray of float64, shape (n_patients, n_features)
        NaN where a patient has no value.
    responder : ndarray of bool, shape (n_patients,)
        Which patients responded.

    Returns
    -------
    Separation
        The limits are not corrected for how many features were looked at.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837-845.
    """
    known = np.isfinite(values)
    mine = known & responder[:, None]
    n1, n0 = mine.sum(axis=0), (known & ~responder[:, None]).sum(axis=0)
    # What is missing ranks last, and so changes no rank of what is there.
    filled = np.where(known, values, np.inf)
    overall = rankdata(filled, axis=0)
    within = np.empty_like(overall)
    for chosen in (responder, ~responder):
        within[chosen] = rankdata(filled[chosen], axis=0) if chosen.any() else 0.0
    # Placement of a patient: the share of the other group below it (ties half).
    with np.errstate(invalid="ignore", divide="ignore"):
        beaten = (overall - within) / np.where(responder[:, None], n0, n1)
        beaten[~known] = np.nan
        auc = _mean(np.where(mine, beaten, 0.0).sum(axis=0), n1)
        auc[n0 == 0] = np.nan
        variance = _variance(beaten, mine) / n1 + _variance(beaten, known & ~mine) / n0
        lower, upper = _limits(auc, variance)
    return Separation(auc, lower, upper, n1.astype(np.int64), n0.astype(np.int64))


def _mean(total: FloatArray, n: NDArray[np.int_]) -> FloatArray:
    return np.where(n > 0, total / n, np.nan)


def _variance(values: FloatArray, chosen: NDArray[np.bool_]) -> FloatArray:
    """Give the variance of the chosen values of each column; NaN below two of them."""
    n = chosen.sum(axis=0)
    mean = _mean(np.where(chosen, values, 0.0).sum(axis=0), n)
    squares = (np.where(chosen, values - mean, 0.0) ** 2).sum(axis=0)
    return np.where(n > 1, squares / (n - 1), np.nan)


def _limits(auc: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    error = np.sqrt(np.where(variance > 1e-18, variance, np.nan))  # all placed alike: nothing is known
    low, high = auc - _Z95 * error, auc + _Z95 * error
    extreme = (auc > _LOGIT_FROM) | (auc < 1 - _LOGIT_FROM)
    half = _Z95 * error / (auc * (1 - auc))
    low = np.where(extreme, expit(logit(auc) - half), low)
    high = np.where(extreme, expit(logit(auc) + half), high)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)
