"""What the training patients allow: which views can be fitted, whether they are enough, and what is reduced."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.errors import MissingColumns, OneClassOnly, TooFewPatients
from modeling.core.recipes import Recipe
from modeling.core.table import FeatureTable
from modeling.core.views import CHANGES, columns_of, own_views, parts_of

Ints = NDArray[np.int64]


def available_views(table: FeatureTable, recipe: Recipe) -> dict[str, str]:
    """Say for each view of the recipe why it cannot be fitted; an empty text means that it can.

    A view needs at least one column that varies and is known often enough among training patients.
    """
    training = table.X[table.split == "training"]
    return {view: obstacle(training, view, recipe) for view in recipe.views}


def fittable_views(table: FeatureTable, recipe: Recipe) -> tuple[str, ...]:
    """Give the views of the recipe that can be fitted.

    Raises
    ------
    MissingColumns
        If there is none.
    """
    obstacles = available_views(table, recipe)
    views = tuple(view for view, reason in obstacles.items() if not reason)
    if not views:
        raise MissingColumns(f"No view can be fitted. {' '.join(obstacles.values())}")
    return views


def obstacle(X: pd.DataFrame, view: str, recipe: Recipe) -> str:
    """Say why a view cannot be fitted on these patients, shape (n_patients, n_columns); empty if it can."""
    own = own_views(recipe.own_views)
    try:
        columns_of(X.columns, view, own=own)
        parts = [columns_of(X.columns, part, own=own) for part in parts_of(view, own=own) or (view,)]
    except MissingColumns as problem:
        return problem.message
    for part in parts:
        if not usable(X.loc[:, list(part)].to_numpy(), recipe).any():
            return f"No column of the view {view} varies and is known often enough among training patients."
    return ""


def usable(X: NDArray[np.float64], recipe: Recipe) -> NDArray[np.bool_]:
    """Say which columns of X, shape (n_patients, n_columns), vary and are known often enough."""
    varies = np.fmax.reduce(X, axis=0) > np.fmin.reduce(X, axis=0)
    found: NDArray[np.bool_] = varies & (np.isnan(X).mean(axis=0) <= recipe.max_missing_fraction)
    return found


def require_enough(y: Ints, recipe: Recipe) -> None:
    """Refuse outcomes, shape (n_patients,), that are no base for a model."""
    events, others = int(np.sum(y == 1)), int(np.sum(y == 0))
    if len(y) and not (events and others):
        kind = "responders" if events else "non-responders"
        raise OneClassOnly(f"All {len(y)} training patients are {kind}; a model needs both.")
    if min(events, others) < recipe.minimum_per_class:
        raise TooFewPatients(
            f"The training split has {events} responders and {others} non-responders; "
            f"at least {recipe.minimum_per_class} of each are needed."
        )


def reductions(y: Ints, recipe: Recipe, view: str) -> tuple[str, ...]:
    """Say what the recipe asks for and outcomes of shape (n_patients,) do not allow."""
    smaller = int(np.bincount(y).min())
    notes = []
    if smaller < recipe.cv_folds:
        notes.append(
            f"Cross-validation has {smaller} instead of {recipe.cv_folds} folds, "
            f"because the smaller class has {smaller} training patients."
        )
    if view in CHANGES:
        return tuple(notes)
    if (least := _left(smaller, recipe.inner_folds)) < recipe.lasso_folds:
        notes.append(f"The LASSO penalty is chosen with as few as {least} instead of {recipe.lasso_folds} folds.")
    if smaller < 2 * recipe.patients_per_feature:
        each = " of each part" if parts_of(view, own=own_views(recipe.own_views)) else ""
        notes.append(f"With {smaller} patients in the smaller class the model may hold one feature{each} only.")
    return tuple(notes)


def _left(smaller: int, folds: int) -> int:
    """Patients of the smaller class that the largest test fold leaves for training."""
    return smaller - -(-smaller // min(smaller, folds))
