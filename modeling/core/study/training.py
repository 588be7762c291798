"""Fitting the models of a recipe on the training patients of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from modeling.core.estimators.build import build
from modeling.core.estimators.late_fusion import LateFusion
from modeling.core.estimators.view_model import ViewModel
from modeling.core.performance.classification import sensitive_threshold, youden_threshold
from modeling.core.recipes import Recipe
from modeling.core.study.feasibility import fittable_views, reductions, require_enough
from modeling.core.study.fitted_model import Estimator, FittedModel
from modeling.core.table import FeatureTable
from modeling.core.views import own_views, parts_of

Ints = NDArray[np.int64]
OnProgress = Callable[[str, int, int], None]


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
