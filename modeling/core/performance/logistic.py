"""Unpenalised logistic regression of a few columns by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Probabilities are kept this far from 0 and 1 before a logarithm.
_MARGIN = 1e-12


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """Coefficients of shape (n_columns,) and the log-likelihood that they reach."""

    coefficients: Floats
    log_likelihood: float


def log_odds(p: Floats) -> Floats:
    """Give logit(p) of any shape, finite also where p is 0 or 1."""
    odds: Floats = logit(np.clip(p, _MARGIN, 1 - _MARGIN))
    return odds


def maximum_likelihood(Z: Floats, y: Ints, *, offset: Floats | None = None) -> LogisticFit:
    """Fit logit P(y = 1) = Z b + offset by Newton's method with halved steps.

    Where the columns separate the classes the coefficients have no finite optimum: they end where
    the likelihood stops rising.

    Parameters
    ----------
    Z : array of shape (n_patients, n_columns)
        With a column of ones if there is to be an intercept.
    y : array of shape (n_patients,)
    offset : array of shape (n_patients,), optional
    """
    shift = np.zeros(len(y)) if offset is None else offset

    def log_likelihood(b: Floats) -> float:
        margin = Z @ b + shift
        return float(np.sum(y * margin - np.logaddexp(0, margin)))

    b, reached = np.zeros(Z.shape[1]), log_likelihood(np.zeros(Z.shape[1]))
    for _ in range(200):
        fitted = expit(Z @ b + shift)
        information = (Z * (fitted * (1 - fitted))[:, None]).T @ Z
        step = np.linalg.lstsq(information, Z.T @ (y - fitted), rcond=None)[0]
        # Newton may overshoot where predictions are extreme; halving keeps the likelihood rising.
        while log_likelihood(b + step) < reached - 1e-12 and np.abs(step).max() > 1e-12:
            step = step / 2
        b, reached = b + step, log_likelihood(b + step)
        if np.abs(step).max() < 1e-10:
            break
    return LogisticFit(b, reached)
