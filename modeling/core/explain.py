"""Why a patient has a probability: exact additive contributions on the log-odds scale.

Every model is linear after its transformers, so the contribution of a feature is its coefficient
times its z-score (through a fusion: times the weight of its base as well). This equals the SHAP
value of a linear model with the training mean as background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from modeling.core.errors import InvalidTable
from modeling.core.estimators import LateFusion
from modeling.core.preprocessing import MISSING
from modeling.core.training import FittedModel, selected_features

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contribution:
    """What one feature adds to the log-odds of one patient.

    Parameters
    ----------
    feature : str
    value : float or None
        As measured; None if it was missing and the training median stood in. An indicator of a
        missing value has 1 or 0.
    log_odds : float
        Positive towards response.
    """

    feature: str
    value: float | None
    log_odds: float


@dataclass(frozen=True)
class Coefficient:
    """What one standard deviation of a feature adds to the log-odds."""

    feature: str
    log_odds_per_sd: float


def contributions(model: FittedModel, row: pd.DataFrame, *, top: int | None = 8) -> list[Contribution]:
    """Give the largest contributions to one patient's log-odds, largest first.

    Parameters
    ----------
    model : FittedModel
    row : DataFrame of shape (1, n_columns)
    top : int or None, default=8
        How many; None gives all. All of them plus `intercept` are the log-odds exactly.

    Returns
    -------
    list of Contribution

    Raises
    ------
    InvalidTable
        If there is not exactly one row.
    MissingColumns
        If the row lacks columns of the model.
    """
    if len(row) != 1:
        raise InvalidTable(f"An explanation needs exactly one patient, not {len(row)}.")
    values = model.values_of(row)
    terms = _terms(model.estimator, values)
    names = selected_features(model.estimator, model.columns)
    measured = _measured(model, values[0], names)
    everything = [
        Contribution(name, value, float(term)) for name, value, term in zip(names, measured, terms, strict=True)
    ]
    everything.sort(key=lambda one: -abs(one.log_odds))
    return everything if top is None else everything[:top]


def intercept(model: FittedModel) -> float:
    """Give the log-odds of a patient whose features all lie at the training mean."""
    return _intercept(model.estimator)


def coefficients(model: FittedModel) -> list[Coefficient]:
    """Give the weight of each selected feature, largest first."""
    names = selected_features(model.estimator, model.columns)
    weights = _weights(model.estimator)
    listed = [Coefficient(name, float(weight)) for name, weight in zip(names, weights, strict=True)]
    return sorted(listed, key=lambda one: -abs(one.log_odds_per_sd))


def _weights(estimator: Pipeline | LateFusion) -> Floats:
    if isinstance(estimator, LateFusion):
        shares = estimator.fusion_.coef_[0]
        return np.concatenate([share * _weights(base) for share, base in zip(shares, estimator.bases_, strict=True)])
    weights: Floats = estimator[-1].classifier_.coef_[0]
    return weights


def _terms(estimator: Pipeline | LateFusion, values: Floats) -> Floats:
    return _weights(estimator) * _scores(estimator, values)


def _scores(estimator: Pipeline | LateFusion, values: Floats) -> Floats:
    if isinstance(estimator, LateFusion):
        pairs = zip(estimator.bases_, estimator.bases, strict=True)
        return np.concatenate([_scores(base, values[:, places]) for base, (_, _, places) in pairs])
    scores: Floats = estimator[:-1].transform(values)[0]
    return scores


def _intercept(estimator: Pipeline | LateFusion) -> float:
    if isinstance(estimator, LateFusion):
        shares = estimator.fusion_.coef_[0]
        inner = sum(share * _intercept(base) for share, base in zip(shares, estimator.bases_, strict=True))
        return float(estimator.fusion_.intercept_[0] + inner)
    return float(estimator[-1].classifier_.intercept_[0])


def _measured(model: FittedModel, values: Floats, names: Sequence[str]) -> list[float | None]:
    if model.name == "volume_change":
        values, columns = model.estimator[0].transform(values[None])[0], names
    else:
        columns = model.columns
    known = {name: None if np.isnan(value) else float(value) for name, value in zip(columns, values, strict=True)}
    return [known[name] if name in known else float(known[name.removesuffix(MISSING)] is None) for name in names]
