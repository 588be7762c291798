"""Fitting the models of a recipe on the training patients of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from modeling.core.errors import InvalidTable, MissingColumns, OneClassOnly, TooFewPatients
from modeling.core.estimators import LateFusion, build
from modeling.core.penalised import feasible_folds
from modeling.core.performance.classification import sensitive_threshold, youden_threshold
from modeling.core.recipes import Recipe
from modeling.core.table import FeatureTable
from modeling.core.views import FUSED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model with everything that was fixed when it was fitted.

    Parameters
    ----------
    name : str
        Its view.
    estimator : Pipeline or LateFusion
        Fitted; sees the columns as an array in the order of `columns`.
    columns : tuple of str
        The columns that it needs.
    threshold, threshold_sensitive : float
        Youden's cut and the cut for a high sensitivity, both from out-of-fold predictions.
    oof : Series
        Out-of-fold probability of each training patient, the mean over repeats.
    fitted_on : tuple of str
        Codes of the training patients.
    selected : tuple of str
        The features that carry a coefficient.
    recipe_digest : str
    selection_frequency : dict of str to float
        Share of the cross-validation fits in which a feature was selected.
    notes : tuple of str
        What the recipe asked for and the number of patients did not allow.
    """

    name: str
    estimator: Pipeline | LateFusion
    columns: tuple[str, ...]
    threshold: float
    threshold_sensitive: float
    oof: pd.Series[float]
    fitted_on: tuple[str, ...]
    selected: tuple[str, ...]
    recipe_digest: str
    selection_frequency: dict[str, float]
    notes: tuple[str, ...] = ()

    def values_of(self, X: pd.DataFrame) -> Floats:
        """Give the model's columns of X as an array, whatever else X holds and in whatever order.

        Raises
        ------
        MissingColumns
            If X lacks columns of the model.
        InvalidTable
            If a value is infinite.
        """
        absent = [column for column in self.columns if column not in X.columns]
        if absent:
            raise MissingColumns(
                f"The model {self.name} needs {len(self.columns)} columns and {len(absent)} of them are missing: "
                f"{', '.join(absent[:3])}{' …' if len(absent) > 3 else ''}."
            )
        values: Floats = X.loc[:, list(self.columns)].to_numpy(dtype=np.float64)
        if np.isinf(values).any():
            raise InvalidTable(f"{int(np.isinf(values).any(axis=0).sum())} columns hold infinite values.")
        return values

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Give the probability of response of each row of X, shape (n_patients,)."""
        probabilities: Floats = self.estimator.predict_proba(self.values_of(X))[:, 1]
        return probabilities


def available_views(table: FeatureTable, recipe: Recipe) -> dict[str, str]:
    """Say for each view of the recipe why it cannot be fitted; an empty text means that it can.

    A view needs at least one column that varies and is known often enough among training patients.
    """
    training = table.of_split("training")
    return {view: _obstacle(training, view, recipe) for view in recipe.views}


def fit_models(
    table: FeatureTable, recipe: Recipe, *, on_progress: OnProgress | None = None
) -> dict[str, FittedModel]:
    """Fit every view of the recipe that the table allows, on training patients only.

    The whole chain is fitted anew in each fold of a repeated stratified cross-validation; the
    thresholds come from its out-of-fold predictions. Neither the order of the rows nor anything in
    the rows of other splits changes the result.

    Parameters
    ----------
    table : FeatureTable
    recipe : Recipe
    on_progress : callable, optional
        Called with the view, the steps done and all steps of the run.

    Returns
    -------
    dict of str to FittedModel
        By view, in the order of the recipe. Views that `available_views` explains away are absent.

    Raises
    ------
    OneClassOnly, TooFewPatients
        If the training split is no base for a model.
    MissingColumns
        If no view of the recipe can be fitted.
    """
    codes = sorted(table.X.index[table.split == "training"])
    X, y = table.X.loc[codes], np.asarray(table.y.loc[codes], dtype=np.int64)
    _require_enough(y, recipe)
    obstacles = available_views(table, recipe)
    views = [view for view, obstacle in obstacles.items() if not obstacle]
    if not views:
        raise MissingColumns(f"No view can be fitted. {' '.join(obstacles.values())}")
    folds = feasible_folds(y, wanted=recipe.cv_folds)
    counter = _Steps(total=len(views) * (folds * recipe.cv_repeats + 1), report=on_progress)
    return {view: _fit_view(view, X, y, recipe, table.columns_of(view), counter) for view in views}


@dataclass
class _Steps:
    total: int
    report: OnProgress | None
    done: int = 0

    def advance(self, view: str) -> None:
        self.done += 1
        if self.report is not None:
            self.report(view, self.done, self.total)


def _fit_view(
    view: str, X: pd.DataFrame, target: Ints, recipe: Recipe, columns: Sequence[str], steps: _Steps
) -> FittedModel:
    values = X.loc[:, list(columns)].to_numpy(dtype=np.float64)
    blank = build(view, recipe, columns=columns)
    unseen = np.zeros(len(target))
    chosen: Counter[str] = Counter()
    fits = 0
    for train, test in _splits(target, recipe):
        fitted = clone(blank).fit(values[train], target[train])
        unseen[test] += fitted.predict_proba(values[test])[:, 1] / recipe.cv_repeats
        chosen.update(selected_features(fitted, columns))
        fits += 1
        steps.advance(view)
    final = clone(blank).fit(values, target)
    steps.advance(view)
    return FittedModel(
        name=view,
        estimator=final,
        columns=tuple(columns),
        threshold=youden_threshold(target, unseen),
        threshold_sensitive=sensitive_threshold(target, unseen, sensitivity=recipe.sensitivity_floor),
        oof=pd.Series(unseen, index=X.index, name="probability"),
        fitted_on=tuple(str(code) for code in X.index),
        selected=selected_features(final, columns),
        recipe_digest=recipe.digest,
        selection_frequency={name: count / fits for name, count in sorted(chosen.items())},
        notes=_notes(target, recipe, view),
    )


def selected_features(estimator: Pipeline | LateFusion, columns: Sequence[str]) -> tuple[str, ...]:
    """Name the features that reach the logistic regression, those of a fusion one base after another."""
    if isinstance(estimator, LateFusion):
        return tuple(
            name
            for fitted, (_, _, places) in zip(estimator.bases_, estimator.bases, strict=True)
            for name in selected_features(fitted, [columns[place] for place in places])
        )
    names: list[Any] = estimator[:-1].get_feature_names_out(np.array(columns, dtype=object)).tolist()
    return tuple(str(name) for name in names)


def _splits(y: Ints, recipe: Recipe) -> Iterator[tuple[Ints, Ints]]:
    # Every view sees the same folds, so that their predictions can be compared patient by patient.
    folds = feasible_folds(y, wanted=recipe.cv_folds)
    for repeat in range(recipe.cv_repeats):
        yield from StratifiedKFold(folds, shuffle=True, random_state=recipe.seed + repeat).split(y[:, None], y)


def _obstacle(training: FeatureTable, view: str, recipe: Recipe) -> str:
    try:
        columns = training.columns_of(view)
        parts = [training.columns_of(part) for part in FUSED] if view == "integrated" else [columns]
    except MissingColumns as problem:
        return problem.message
    for part in parts:
        X = training.X.loc[:, list(part)].to_numpy()
        varies = np.fmax.reduce(X, axis=0) > np.fmin.reduce(X, axis=0)
        usable = varies & (np.isnan(X).mean(axis=0) <= recipe.max_missing_fraction)
        if not usable.any():
            return f"No column of the view {view} varies and is known often enough among training patients."
    return ""


def _require_enough(y: Ints, recipe: Recipe) -> None:
    events, others = int(np.sum(y == 1)), int(np.sum(y == 0))
    if len(y) and not (events and others):
        kind = "responders" if events else "non-responders"
        raise OneClassOnly(f"All {len(y)} training patients are {kind}; a model needs both.")
    if min(events, others) < recipe.minimum_per_class:
        raise TooFewPatients(
            f"The training split has {events} responders and {others} non-responders; "
            f"at least {recipe.minimum_per_class} of each are needed."
        )


def _notes(y: Ints, recipe: Recipe, view: str) -> tuple[str, ...]:
    smaller = int(np.bincount(y).min())
    left = _left(smaller, recipe.cv_folds)
    notes = []
    if smaller < recipe.cv_folds:
        notes.append(
            f"Cross-validation has {smaller} instead of {recipe.cv_folds} folds, "
            f"because the smaller class has {smaller} training patients."
        )
    if view == "volume_change":
        return tuple(notes)
    if view == "integrated":
        if left < recipe.fusion_folds:
            notes.append(f"The fusion learns from as few as {left} instead of {recipe.fusion_folds} folds.")
        left = _left(left, recipe.fusion_folds)
    if left < recipe.lasso_folds:
        notes.append(f"The LASSO penalty is chosen with as few as {left} instead of {recipe.lasso_folds} folds.")
    if smaller < 2 * recipe.patients_per_feature:
        notes.append(
            f"With {smaller} patients in the smaller class the model may hold one feature"
            f"{' of each part' if view == 'integrated' else ''} only."
        )
    return tuple(notes)


def _left(smaller: int, folds: int) -> int:
    """Patients of the smaller class that the largest test fold leaves for training."""
    return smaller - -(-smaller // min(smaller, folds))
