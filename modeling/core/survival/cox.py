"""Cox regression, log-rank test and Kaplan-Meier curves. The only module that speaks to lifelines."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.errors import NotEstimable

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


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
    """Fit a Cox regression, with a ridge penalty on coefficients of scaled features.

    Parameters
    ----------
    X : array of shape (n_patients, n_features)
    time : array of shape (n_patients,)
        Until the event or the end of observation; not negative.
    event : array of shape (n_patients,)
        1 where it was the event.
    penalizer : float
        lifelines' weight of half the squared coefficients beside the mean log-likelihood.

    Returns
    -------
    CoxFit

    Raises
    ------
    NotEstimable
        If the likelihood has no maximum that could be found, as when a feature orders all events.
    """
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    names = [f"x{place}" for place in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=names).assign(time=time, event=event)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # doubts about convergence; what did not converge is refused below
            fitted = CoxPHFitter(penalizer=penalizer).fit(frame, "time", "event").summary
    except (ConvergenceError, ValueError, np.linalg.LinAlgError):
        raise NotEstimable("The Cox regression has no solution on these patients.") from None
    columns = ("coef", "coef lower 95%", "coef upper 95%", "p")
    found = CoxFit(*(fitted.loc[names, column].to_numpy(dtype=np.float64) for column in columns))
    if not np.isfinite(found.coefficients).all():
        raise NotEstimable("The Cox regression has no solution on these patients.")
    return found


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
