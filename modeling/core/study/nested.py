"""Predictions of patients who were held out: in nested cross-validation, by hospital, and by time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.recipes import Recipe
from modeling.core.study.fold_sources import FoldSources
from modeling.core.study.folds import Fold, centre_folds, later_fold, outer_folds
from modeling.core.study.held_out import OnStep, Predicted, fit_folds
from modeling.core.table import FeatureTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Nested:
    """Out-of-fold predictions of one view for the training patients.

    Parameters
    ----------
    predictions : DataFrame of float, shape (n_training, n_repeats)
        Indexed by code.
    called : DataFrame of bool, same shape
        At the threshold of each fold's own model.
    folds : DataFrame of int, same shape
        The outer fold in which a patient was tested.
    chosen : dict of str to int
        Classifier → outer folds that chose it.
    selected : dict of str to float
        Feature → share of the outer folds that selected it.
    """

    predictions: pd.DataFrame
    called: pd.DataFrame
    folds: pd.DataFrame
    chosen: dict[str, int]
    selected: dict[str, float]


@dataclass(frozen=True, eq=False)
class Held:
    """Predictions of one view for patients who were held out together.

    Parameters
    ----------
    codes : tuple of str
    y, p, called : arrays of shape (n_held,)
        Outcomes, probabilities, and whether these reach `threshold`.
    threshold : float
        Of the model that was fitted on the others.
    """

    codes: tuple[str, ...]
    y: Ints
    p: Floats
    called: Bools
    threshold: float


def nested_cv(
    table: FeatureTable,
    recipe: Recipe,
    *,
    views: Sequence[str],
    sources: FoldSources | None = None,
    on_progress: OnStep | None = None,
) -> dict[str, Nested]:
    """Cross-validate everything that learns, on training patients only.

    Parameters
    ----------
    table : FeatureTable
    recipe : Recipe
        Outer folds, their repeats and the seed; within each fold the recipe chooses a classifier.
    views : sequence of str
    sources : FoldSources, optional
    on_progress : callable, optional
        Called after each view of each outer fold.

    Returns
    -------
    dict of str to Nested
        By view.
    """
    folds = outer_folds(table, recipe)
    found = fit_folds(table, recipe, folds, views=views, sources=sources, on_step=on_progress)
    return {view: _nested(folds, [one[view] for one in found], recipe.cv_repeats) for view in views}


def leave_one_centre_out(
    table: FeatureTable,
    recipe: Recipe,
    *,
    views: Sequence[str],
    sources: FoldSources | None = None,
    on_progress: OnStep | None = None,
) -> dict[str, dict[str, Held]]:
    """Fit on all hospitals but one and predict that one, for each hospital that can be tested.

    Returns
    -------
    dict of str to dict of str to Held
        By view, then by hospital; without hospitals if fewer than two can be told apart.
    """
    folds, _ = centre_folds(table, recipe)
    found = fit_folds(table, recipe, list(folds.values()), views=views, sources=sources, on_step=on_progress)
    return {
        view: {
            centre: _held(table, fold, one[view]) for (centre, fold), one in zip(folds.items(), found, strict=True)
        }
        for view in views
    }


def temporal(
    table: FeatureTable,
    recipe: Recipe,
    *,
    views: Sequence[str],
    sources: FoldSources | None = None,
    on_progress: OnStep | None = None,
) -> dict[str, Held]:
    """Fit on the training hospital's earlier patients and predict the later ones; empty if not possible."""
    fold, _ = later_fold(table, recipe)
    if fold is None:
        return {}
    (found,) = fit_folds(table, recipe, [fold], views=views, sources=sources, on_step=on_progress)
    return {view: _held(table, fold, found[view]) for view in views}


def _nested(folds: Sequence[Fold], found: Sequence[Predicted], repeats: int) -> Nested:
    codes = pd.Index(sorted({code for fold in folds for code in fold.test}), name="code")
    shape, each = (len(codes), repeats), len(folds) // repeats
    p, called, number = np.zeros(shape), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.int64)
    for k, (fold, one) in enumerate(zip(folds, found, strict=True)):
        rows = codes.get_indexer(pd.Index(fold.test))
        p[rows, k // each], called[rows, k // each], number[rows, k // each] = one.p, one.called, k % each
    selected = Counter(name for one in found for name in set(one.selected))
    return Nested(
        predictions=pd.DataFrame(p, index=codes),
        called=pd.DataFrame(called, index=codes),
        folds=pd.DataFrame(number, index=codes),
        chosen=dict(sorted(Counter(one.classifier for one in found).items())),
        selected={name: count / len(found) for name, count in sorted(selected.items())},
    )


def _held(table: FeatureTable, fold: Fold, found: Predicted) -> Held:
    return Held(fold.test, table.outcomes(fold.test), found.p, found.called, found.threshold)
