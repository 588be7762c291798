"""Cox regression and the log-rank test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from modeling.core.errors import NotEstimable
from modeling.core.survival.partial_likelihood import PartialLikelihood, maximise

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Why there is no hazard ratio where the likelihood is monotone.
MONOTONE = (
    "At every event the patient who had it was, by these features, first among all who were still at risk (separation): "
    "the likelihood rises without end, so that no finite hazard ratio fits best."
)
_Z = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, eq=False)
class CoxFit:
    """Coefficients of a Cox regression with Efron's ties.

    Parameters
    ----------
    coefficients : array of shape (n_features,)
        Log hazard ratio per unit of a feature.
    low, high : arrays of shape (n_features,)
        95 % limits of the coefficients; they ignore that a penalty was used.
    p : array of shape (n_features,)
        Wald test.
    """

    coefficients: Floats
    low: Floats
    high: Floats
    p: Floats

    def risk(self, X: Floats) -> Floats:
        """Give the linear predictor of rows, shape (n_patients,); a constant is left out."""
        found: Floats = X @ self.coefficients
        return found


def fit_cox(X: Floats, time: Floats, event: Floats, *, penalizer: float = 0.0) -> CoxFit:
    """Fit a Cox regression to full convergence, with a ridge penalty on coefficients of scaled features.

    Parameters
    ----------
    X : array of shape (n_patients, n_features)
    time : array of shape (n_patients,)
        Until the event or the end of observation; not negative.
    event : array of shape (n_patients,)
        1 where it was the event.
    penalizer : float
        lifelines' weight of half the squared coefficients, per standard deviation, beside the mean log-likelihood.

    Returns
    -------
    CoxFit

    Raises
    ------
    NotEstimable
        If there is no event, or the likelihood has no maximum and no penalty gives it one, as when a feature orders
        all events.
    """
    if not np.any(event == 1):
        raise NotEstimable("The Cox regression has no event on these patients.")
    spread = X.std(axis=0, ddof=1) if len(X) > 1 else np.zeros(X.shape[1])
    scale = np.where(spread > 0, spread, 1.0)
    likelihood = PartialLikelihood.of((X - X.mean(axis=0)) / scale, time, event)
    if not penalizer and likelihood.is_monotone():
        raise NotEstimable(MONOTONE)
    scaled, information = maximise(likelihood, penalty=penalizer * len(X))
    error = np.sqrt(np.diag(np.linalg.inv(information))) / scale
    found = scaled / scale
    p = 2 * stats.norm.sf(np.abs(found / error))
    return CoxFit(found, found - _Z * error, found + _Z * error, p)


def is_monotone(X: Floats, time: Floats, event: Floats) -> bool:
    """Return whether the likelihood without a penalty rises without end, so that a hazard ratio is the penalty's.

    Parameters
    ----------
    X : array of shape (n_patients, n_features)
        Of scaled features.
    time, event : arrays of shape (n_patients,)
    """
    return PartialLikelihood.of(X, time, event).is_monotone()


def log_rank(time: Floats, event: Floats, high: Bools) -> float:
    """Give the two-sided p-value of the log-rank test between two groups.

    Parameters
    ----------
    time, event : arrays of shape (n_patients,)
    high : array of bool of shape (n_patients,)
        Membership of one group.
    """
    from lifelines.statistics import logrank_test

    return float(logrank_test(time[high], time[~high], event[high], event[~high]).p_value)
