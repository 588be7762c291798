"""The chain from a table to a Cox model: cleaning, a score test, pruning, a cap, a ridge. Fitted on training rows only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.model_selection import StratifiedKFold

from modeling.core.errors import MissingColumns, NotEstimable
from modeling.core.estimators.rank_statistics import standardised_ranks
from modeling.core.recipes import Recipe
from modeling.core.study.feasibility import usable
from modeling.core.survival.concordance import harrell
from modeling.core.survival.cox import fit_cox

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Weights of the ridge penalty among which inner folds choose, the strongest first: it wins a tie.
PENALTIES = (1.0, 0.1, 0.01)


@dataclass(frozen=True, eq=False)
class SurvivalModel:
    """A fitted chain; all arrays are of the features that it holds.

    Parameters
    ----------
    name : str
        Of the view.
    columns : tuple of str
    fill, lower, upper, mean, deviation : arrays of shape (n_selected,)
        Median for absent values, limits of the winsorising, and the scale.
    coefficients : array of shape (n_selected,)
        Log hazard ratio per standard deviation.
    penalizer : float
    threshold : float
        Median risk of the training patients.
    fitted_on : tuple of str
    """

    name: str
    columns: tuple[str, ...]
    fill: Floats
    lower: Floats
    upper: Floats
    mean: Floats
    deviation: Floats
    coefficients: Floats
    penalizer: float
    threshold: float = 0.0
    fitted_on: tuple[str, ...] = ()

    def risk(self, X: pd.DataFrame) -> Floats:
        """Give the log hazard relative to a patient with average features, shape (n_patients,).

        Raises
        ------
        MissingColumns
            If X lacks columns of the model.
        """
        if absent := [name for name in self.columns if name not in X.columns]:
            raise MissingColumns(f"The model {self.name} needs the column {', '.join(absent[:3])}.")
        risks: Floats = self.scaled(X) @ self.coefficients
        return risks

    def scaled(self, X: pd.DataFrame) -> Floats:
        """Give what the regression sees: filled, winsorised and in standard deviations."""
        values = X.loc[:, list(self.columns)].to_numpy(dtype=np.float64)
        filled = np.where(np.isnan(values), self.fill, values)
        scaled: Floats = (np.clip(filled, self.lower, self.upper) - self.mean) / self.deviation
        return scaled

    def as_dict(self) -> dict[str, Any]:
        """Give everything that is needed to apply the model, JSON-ready."""
        arrays = ("fill", "lower", "upper", "mean", "deviation", "coefficients")
        features = [
            {"feature": name, **{part: float(getattr(self, part)[place]) for part in arrays}}
            for place, name in enumerate(self.columns)
        ]
        return {
            "name": self.name,
            "classifier": "cox",
            "penalizer": self.penalizer,
            "threshold": self.threshold,
            "features": features,
            "fitted_on": list(self.fitted_on),
        }


def fit_survival(X: pd.DataFrame, time: Floats, event: Floats, recipe: Recipe, *, name: str) -> SurvivalModel:
    """Fit the chain; the penalty is chosen by inner folds in which the whole chain is fitted anew.

    Columns that are absent too often or constant go; the median is filled in; values are winsorised and scaled;
    features with a score test below the recipe's limit stay, the more significant of two that correlate, at most one
    for ten events and at least one.

    Parameters
    ----------
    X : DataFrame of shape (n_patients, n_columns)
        Indexed by patient code; NaN where a value is not known.
    time, event : arrays of shape (n_patients,)
    recipe : Recipe
    name : str
        Of the view.

    Returns
    -------
    SurvivalModel

    Raises
    ------
    MissingColumns
        If no column varies and is known often enough.
    NotEstimable
        If no penalty gives a solution.
    """
    held, folds = _held_out(X, time, event, recipe)
    scores = {penalty: harrell(risks, time, event, folds=folds).value or 0.0 for penalty, risks in held.items()}
    best = max(PENALTIES, key=lambda penalty: scores[penalty])
    prepared = _prepared(X, time, event, recipe)
    fitted = fit_cox(prepared.scaled(X), time, event, penalizer=best)
    model = replace(prepared, name=name, coefficients=fitted.coefficients, penalizer=best)
    codes = tuple(str(code) for code in X.index)
    return replace(model, threshold=float(np.median(model.risk(X))), fitted_on=codes)


def score_test(Z: Floats, time: Floats, event: Floats) -> Floats:
    """Give the chi-squared of the Cox score test of each column alone, shape (n_columns,).

    At a coefficient of zero, with Breslow's ties; of a column of two groups and untied times it is the log-rank test.

    Parameters
    ----------
    Z : array of shape (n_patients, n_columns)
        Without absent values; scaled, so that squares lose no digits.
    time, event : arrays of shape (n_patients,)
    """
    order = np.argsort(-time, kind="stable")
    z, t, e = Z[order], time[order], event[order] == 1
    last = np.searchsorted(-t, -t, side="right") - 1  # all with this time or a later one are at risk
    at_risk = (last + 1)[:, None].astype(np.float64)
    mean = np.cumsum(z, axis=0)[last] / at_risk
    variance = np.cumsum(z**2, axis=0)[last] / at_risk - mean**2
    surplus = (z - mean)[e].sum(axis=0)
    spread = variance[e].sum(axis=0)
    found: Floats = np.divide(surplus**2, spread, out=np.zeros_like(surplus), where=spread > 1e-12)
    return found


def folds_of(event: Floats, *, wanted: int, seed: int) -> list[tuple[Ints, Ints]]:
    """Give folds stratified by the event, as many as wanted if the events allow; training and test rows."""
    fewer = [int(count) for count in (np.sum(event == 1), np.sum(event == 0)) if count]
    splitter = StratifiedKFold(max(2, min(wanted, *fewer)), shuffle=True, random_state=seed)
    return list(splitter.split(event[:, None], event.astype(int)))


def _held_out(X: pd.DataFrame, time: Floats, event: Floats, recipe: Recipe) -> tuple[dict[float, Floats], Ints]:
    """Give risks of each penalty by models of the other folds, and the fold of each patient."""
    held = {penalty: np.zeros(len(time)) for penalty in PENALTIES}
    folds = np.zeros(len(time), dtype=np.int64)
    for number, (train, test) in enumerate(folds_of(event, wanted=recipe.inner_folds, seed=recipe.seed)):
        folds[test] = number
        try:
            prepared = _prepared(X.iloc[train], time[train], event[train], recipe)
            z_train, z_test = prepared.scaled(X.iloc[train]), prepared.scaled(X.iloc[test])
            for penalty in PENALTIES:
                fitted = fit_cox(z_train, time[train], event[train], penalizer=penalty)
                held[penalty][test] = fitted.risk(z_test)
        except (MissingColumns, NotEstimable):
            continue  # all risks stay equal, which is worth a half
    return held, folds


def _prepared(X: pd.DataFrame, time: Floats, event: Floats, recipe: Recipe) -> SurvivalModel:
    """Clean and select; the coefficients are not fitted yet."""
    places = np.flatnonzero(usable(X.to_numpy(), recipe))
    if not len(places):
        raise MissingColumns("No column varies and is known often enough among training patients.")
    values = X.to_numpy()[:, places]
    fill = np.nanmedian(values, axis=0)
    filled = np.where(np.isnan(values), fill, values)
    lower, upper = np.percentile(filled, recipe.winsor_percentiles, axis=0)
    clipped = np.clip(filled, lower, upper)
    mean, spread = clipped.mean(axis=0), clipped.std(axis=0)
    flat = spread <= 1e-12 * np.abs(mean)
    deviation = np.where(flat, 1.0, spread)
    kept = _selected(np.where(flat, 0.0, (clipped - mean) / deviation), time, event, recipe)
    return SurvivalModel(
        name="",
        columns=tuple(str(X.columns[place]) for place in places[kept]),
        fill=fill[kept],
        lower=lower[kept],
        upper=upper[kept],
        mean=mean[kept],
        deviation=deviation[kept],
        coefficients=np.zeros(len(kept)),
        penalizer=0.0,
    )


def _selected(Z: Floats, time: Floats, event: Floats, recipe: Recipe) -> Ints:
    chi2 = score_test(Z, time, event)
    order = np.argsort(-chi2, kind="stable")
    p = stats.chi2.sf(chi2[order], 1)
    candidates = order[: max(1, int(np.sum(p < recipe.univariate_p)))]
    ranks = standardised_ranks(Z[:, candidates])
    most = max(1, int(np.sum(event == 1)) // recipe.patients_per_feature)
    kept: list[int] = []
    for place in range(len(candidates)):
        if len(kept) == most:
            break
        if not kept or np.abs(ranks[:, kept].T @ ranks[:, place]).max() <= recipe.max_abs_spearman:
            kept.append(place)
    return np.sort(candidates[kept])
