"""Fitting the models of a recipe on the training patients of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from modeling.core.errors import InvalidTable, MissingColumns
from modeling.core.estimators.view_model import LateFusion, ViewModel, build
from modeling.core.performance.classification import sensitive_threshold, youden_threshold
from modeling.core.recipes import Recipe
from modeling.core.study.feasibility import fittable_views, reductions, require_enough
from modeling.core.table import FeatureTable
from modeling.core.views import own_views, parts_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Estimator = ViewModel | LateFusion
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class FoldSources:
    """What is learned from images before a table exists, learned anew for the patients of a fold.

    Parameters
    ----------
    habitats : callable or None
        Training codes of a fold → the columns of the groups ``habitat`` and ``transitions`` for all
        patients of the table, learned from these patients only. Another fold may have other columns.
    icc : callable or None
        Training codes of a fold → column → intraclass correlation, measured on these patients only.
    """

    habitats: Callable[[tuple[str, ...]], pd.DataFrame] | None = None
    icc: Callable[[tuple[str, ...]], dict[str, float]] | None = None


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model with everything that was fixed when it was fitted.

    Parameters
    ----------
    name : str
        Its view.
    estimator : ViewModel or LateFusion
        Fitted; sees the columns as an array in the order of `columns`.
    columns : tuple of str
        The columns that it needs.
    threshold, threshold_sensitive : float
        The recipe's cut and the cut for a high sensitivity, both from the inner out-of-fold
        predictions of this fit.
    oof : Series
        Out-of-fold probability of each training patient: the mean over the repeats of the nested
        cross-validation, or the inner one of this fit as long as there is no nested one.
    fitted_on : tuple of str
        Codes of the training patients.
    selected : tuple of str
        The features that the classifier sees.
    recipe_digest : str
    selection_frequency : dict of str to float
        Share of the bootstrap refits, or of the outer folds without them, that selected a feature.
    notes : tuple of str
        What the recipe asked for and the number of patients did not allow.
    classifier : str
        The classifier that was chosen.
    outcomes : tuple of int
        Of the training patients, in the order of `fitted_on`.
    comparison : dict
        Classifier → its inner area, standard error, and whether it was eligible and chosen.
    scans : dict
        Profile of the training scans; empty where nothing is known of them.
    icc : dict of str to float
        Intraclass correlation of the selected features, where it was measured.
    centres : tuple of str
        The hospitals of the training patients.
    """

    name: str
    estimator: Estimator
    columns: tuple[str, ...]
    threshold: float
    threshold_sensitive: float
    oof: pd.Series[float]
    fitted_on: tuple[str, ...]
    selected: tuple[str, ...]
    recipe_digest: str
    selection_frequency: dict[str, float]
    notes: tuple[str, ...] = ()
    classifier: str = ""
    outcomes: tuple[int, ...] = ()
    comparison: dict[str, Any] = field(default_factory=dict)
    scans: dict[str, Any] = field(default_factory=dict)
    icc: dict[str, float] = field(default_factory=dict)
    centres: tuple[str, ...] = ()

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

    def log_odds(self, X: pd.DataFrame, *, centre: Sequence[str] | None = None) -> Floats:
        """Give the log-odds of response of each row of X, shape (n_patients,)."""
        return self.estimator.decision_function(self.values_of(X), centre=centre)

    def predict_proba(self, X: pd.DataFrame, *, centre: Sequence[str] | None = None) -> Floats:
        """Give the probability of response of each row of X, shape (n_patients,).

        Parameters
        ----------
        X : DataFrame of shape (n_patients, n_columns)
        centre : sequence of str of length n_patients, optional
            The hospitals; only a model that harmonises needs them.

        Raises
        ------
        UnseenCentre
            If the model harmonises and was not fitted on patients of a hospital.
        """
        probabilities: Floats = self.estimator.predict_proba(self.values_of(X), centre=centre)[:, 1]
        return probabilities

    def scores(self, X: pd.DataFrame, *, centre: Sequence[str] | None = None) -> Floats:
        """Give what the classifier sees of each row of X, shape (n_patients, n_selected)."""
        return self.estimator.scores(self.values_of(X), centre=centre)


def fit_estimator(
    view: str,
    X: pd.DataFrame,
    y: Ints,
    recipe: Recipe,
    *,
    columns: Sequence[str],
    centre: NDArray[np.str_] | None = None,
    icc: Mapping[str, float] | None = None,
    bases: Mapping[str, ViewModel] | None = None,
) -> Estimator:
    """Fit one view on all given patients.

    Parameters
    ----------
    view : str
        A view without an `obstacle`.
    X : DataFrame of shape (n_patients, n_columns)
        Training patients only.
    y : array of shape (n_patients,)
        1 for a responder, 0 otherwise.
    recipe : Recipe
    columns : sequence of str
        The columns of the view.
    centre : array of shape (n_patients,), optional
    icc : mapping of str to float, optional
        Column → intraclass correlation, measured on these patients.
    bases : mapping of str to ViewModel, optional
        Views that were already fitted on the same patients with the same columns; a fusion takes
        its parts from them instead of fitting them again.

    Returns
    -------
    ViewModel or LateFusion
    """
    estimator = build(view, recipe, columns=columns)
    values = X.loc[:, list(columns)].to_numpy(dtype=np.float64)
    known = None if icc is None else np.array([icc.get(column, np.nan) for column in columns])
    if isinstance(estimator, LateFusion):
        return estimator.fit(values, y, centre=centre, icc=known, fitted=bases)
    return estimator.fit(values, y, centre=centre, icc=known)


def fit_models(
    table: FeatureTable,
    recipe: Recipe,
    *,
    icc: Mapping[str, float] | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, FittedModel]:
    """Fit every view of the recipe that the table allows, once, on all training patients.

    Parameters
    ----------
    table : FeatureTable
    recipe : Recipe
    icc : mapping of str to float, optional
        Column → intraclass correlation, measured on training patients.
    on_progress : callable, optional
        Called with the view, the fits done and all fits.

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
    require_enough(table.outcomes(table.codes("training")), recipe)
    views = fittable_views(table, recipe)
    own = own_views(recipe.own_views)
    models: dict[str, FittedModel] = {}
    for done, view in enumerate(fusions_last(views, recipe), start=1):
        columns = table.columns_of(view, own=own)
        models[view] = fit_model(view, table, recipe, columns=columns, icc=icc, bases=models)
        if on_progress is not None:
            on_progress(view, done, len(views))
    return {view: models[view] for view in views}


def fusions_last(views: Sequence[str], recipe: Recipe) -> list[str]:
    """Give the views in an order in which the parts of a fusion come before it."""
    own = own_views(recipe.own_views)
    return sorted(views, key=lambda view: bool(parts_of(view, own=own)))


def fit_model(
    view: str,
    table: FeatureTable,
    recipe: Recipe,
    *,
    columns: Sequence[str],
    icc: Mapping[str, float] | None = None,
    bases: Mapping[str, FittedModel] | None = None,
) -> FittedModel:
    """Fit one view on the training patients of a table.

    Neither the order of the rows nor anything in the rows of other splits changes the result.

    Parameters
    ----------
    view : str
        A view without an `obstacle`.
    table : FeatureTable
    recipe : Recipe
    columns : sequence of str
        The columns of the view.
    icc : mapping of str to float, optional
        Column → intraclass correlation, measured on training patients.
    bases : mapping of str to FittedModel, optional
        Models of the same patients that a fusion takes instead of fitting its parts again.

    Returns
    -------
    FittedModel

    Raises
    ------
    OneClassOnly, TooFewPatients
        If the training split is no base for a model.
    """
    codes = table.codes("training")
    y, centre = table.outcomes(codes), table.centres(codes)
    require_enough(y, recipe)
    fitted = {name: one.estimator for name, one in (bases or {}).items() if isinstance(one.estimator, ViewModel)}
    estimator = fit_estimator(
        view, table.X.loc[list(codes)], y, recipe, columns=columns, centre=centre, icc=icc, bases=fitted
    )
    unseen = expit(estimator.oof_log_odds_)
    selected = tuple(estimator.selected_names(columns))
    return FittedModel(
        name=view,
        estimator=estimator,
        columns=tuple(columns),
        threshold=threshold_of(estimator, y, recipe),
        threshold_sensitive=sensitive_threshold(y, unseen, sensitivity=recipe.sensitivity_floor),
        oof=pd.Series(unseen, index=pd.Index(codes, name="code"), name="probability"),
        fitted_on=codes,
        selected=selected,
        recipe_digest=recipe.digest,
        selection_frequency={},
        notes=(*reductions(y, recipe, view), *estimator.notes_),
        classifier=estimator.classifier_name_,
        outcomes=tuple(y.tolist()),
        comparison=estimator.comparison_,
        icc={name: float(icc[name]) for name in selected if icc and np.isfinite(icc.get(name, np.nan))},
        centres=tuple(sorted(set(centre.tolist()))),
    )


def threshold_of(estimator: Estimator, y: Ints, recipe: Recipe) -> float:
    """Give the recipe's cut from the inner out-of-fold predictions of a fitted estimator."""
    unseen = expit(estimator.oof_log_odds_)
    if recipe.threshold_rule == "sensitivity":
        return sensitive_threshold(y, unseen, sensitivity=recipe.sensitivity_floor)
    return youden_threshold(y, unseen)
