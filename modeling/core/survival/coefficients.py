"""Coefficients of a Cox model as hazard ratios with their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.survival.chain import SurvivalModel
from modeling.core.survival.cox import MONOTONE, fit_cox, is_monotone

Floats = NDArray[np.float64]


def hazard_ratios(model: SurvivalModel, X: pd.DataFrame, time: Floats, event: Floats) -> list[dict[str, Any]]:
    """Compute the hazard ratio of each feature, per standard deviation and per unit, with 95 % limits.

    The ridge draws ratios towards one; limits are those of the penalised likelihood and leave out what choosing the
    features adds. A ratio that is finite by the penalty alone is withheld with the reason.

    Parameters
    ----------
    model : SurvivalModel
    X : DataFrame of shape (n_patients, n_columns)
        Of the patients that the model was fitted on.
    time, event : arrays of shape (n_patients,)

    Returns
    -------
    list of dict
        ``feature``, ``log_hazard_per_sd``, ``standard_deviation``, ``hazard_ratio_per_sd`` and
        ``hazard_ratio_per_unit`` with ``_low`` and ``_high`` (None where withheld), and ``reason``.
    """
    Z = model.scaled(X)
    fitted = fit_cox(Z, time, event, penalizer=model.penalizer)
    reason = MONOTONE if is_monotone(Z, time, event) else ""
    logs = {"": model.coefficients, "_low": fitted.low, "_high": fitted.high}
    rows = []
    for place, feature in enumerate(model.columns):
        row: dict[str, Any] = {"feature": feature, "log_hazard_per_sd": float(model.coefficients[place])}
        row["standard_deviation"] = float(model.deviation[place])
        for unit, width in (("sd", 1.0), ("unit", float(model.deviation[place]))):
            for part, values in logs.items():
                ratio = None if reason else float(np.exp(values[place] / width))
                row[f"hazard_ratio_per_{unit}{part}"] = ratio
        rows.append({**row, "reason": reason})
    return rows
