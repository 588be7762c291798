"""Fitting on some patients and predicting others, many times: what every honest estimate is made of.

A fold is fitted on its training patients with everything that learns: habitats, reproducibility,
selection, classifier and threshold. Nothing of its test patients reaches it but their features, and
those only to be predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from modeling.core.estimators.view_model import ViewModel
from modeling.core.recipes import Recipe
from modeling.core.study.feasibility import obstacle
from modeling.core.study.fitted_model import Estimator
from modeling.core.study.fold_sources import FoldSources
from modeling.core.study.folds import Fold
from modeling.core.study.training import fit_estimator, fusions_last, threshold_of
from modeling.core.table import FeatureTable
from modeling.core.views import LEARNED_GROUPS, columns_of, own_views

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
OnStep = Callable[[str], None]

#: Name of what predicts the share of responders where a fold has no usable column of a view.
PREVALENCE = "prevalence"


@dataclass(frozen=True, eq=False)
class Predicted:
    """What the model of one view, fitted on one fold, says of the fold's test patients.

    Parameters
    ----------
    p : array of shape (n_test,)
        Probabilities in the order of the fold's test codes.
    called : array of bool, shape (n_test,)
        Whether they reach the threshold of this fold's own model.
    threshold : float
    classifier : str
    selected : tuple of str
    """

    p: Floats
    called: Bools
    threshold: float
    classifier: str
    selected: tuple[str, ...]


def fit_folds(
    table: FeatureTable,
    recipe: Recipe,
    folds: Sequence[Fold],
    *,
    views: Sequence[str],
    sources: FoldSources | None = None,
    on_step: OnStep | None = None,
) -> list[dict[str, Predicted]]:
    """Fit every view on every fold and predict the fold's test patients.

    Parameters
    ----------
    table : FeatureTable
    recipe : Recipe
    folds : sequence of Fold
    views : sequence of str
    sources : FoldSources, optional
        Asked once for each fold, with the fold's training codes.
    on_step : callable, optional
        Called with the fold's name after each view; what it raises ends the work.

    Returns
    -------
    list of dict of str to Predicted
        By view, in the order of `folds`.
    """
    with threadpool_limits(limits=1):
        return [_fit(_prepare(table, fold, sources), recipe, views, on_step) for fold in folds]


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A fold with what was learned for it."""

    fold: Fold
    table: FeatureTable
    learned: pd.DataFrame | None
    icc: dict[str, float] | None

    def features(self, codes: tuple[str, ...]) -> pd.DataFrame:
        rows = self.table.X.loc[list(codes)]
        if self.learned is None:
            return rows
        kept = [name for name in rows.columns if name.split("|")[0] not in LEARNED_GROUPS]
        return pd.concat([rows[kept], self.learned.loc[list(codes)]], axis=1)


def _prepare(table: FeatureTable, fold: Fold, sources: FoldSources | None) -> _Prepared:
    sources = sources or FoldSources()
    return _Prepared(
        fold,
        table,
        learned=sources.habitats(fold.train) if sources.habitats else None,
        icc=sources.icc(fold.train) if sources.icc else None,
    )


def _fit(prepared: _Prepared, recipe: Recipe, views: Sequence[str], on_step: OnStep | None) -> dict[str, Predicted]:
    fold, table = prepared.fold, prepared.table
    X, unseen = prepared.features(fold.train), prepared.features(fold.test)
    y, centre = table.outcomes(fold.train), table.centres(fold.train)
    own = own_views(recipe.own_views)
    fitted: dict[str, ViewModel] = {}
    found: dict[str, Predicted] = {}
    for view in fusions_last(views, recipe):
        if obstacle(X, view, recipe):
            found[view] = _prevalence(y, len(unseen))
        else:
            columns = columns_of(X.columns, view, own=own)
            estimator = fit_estimator(
                view, X, y, recipe, columns=columns, centre=centre, icc=prepared.icc, bases=fitted
            )
            if isinstance(estimator, ViewModel):
                fitted[view] = estimator
            values = unseen.loc[:, list(columns)].to_numpy(dtype=np.float64)
            log_odds = estimator.decision_function(values, centre=table.centres(fold.test))
            found[view] = _predicted(estimator, log_odds, threshold_of(estimator, y, recipe), columns)
        if on_step is not None:
            on_step(fold.name)
    return found


def _predicted(estimator: Estimator, log_odds: Floats, threshold: float, columns: tuple[str, ...]) -> Predicted:
    p: Floats = expit(log_odds)
    return Predicted(
        p, p >= threshold, threshold, estimator.classifier_name_, tuple(estimator.selected_names(columns))
    )


def _prevalence(y: Ints, n: int) -> Predicted:
    share = float(y.mean())
    return Predicted(np.full(n, share), np.ones(n, dtype=bool), share, PREVALENCE, ())
