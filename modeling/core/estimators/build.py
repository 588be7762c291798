"""From a recipe to unfitted estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from modeling.core.estimators.chain import FeatureChain
from modeling.core.estimators.filters import ConstantFilter, MissingFilter, StabilityFilter
from modeling.core.estimators.harmonise import Harmoniser
from modeling.core.estimators.lasso import LassoSelector
from modeling.core.estimators.late_fusion import LateFusion
from modeling.core.estimators.preprocessing import LogRatio, MedianImputer, Winsorizer
from modeling.core.estimators.selection import CorrelationPruner, MannWhitneyFilter, MRMRSelector
from modeling.core.estimators.view_model import ViewModel
from modeling.core.recipes import Recipe
from modeling.core.views import CHANGES, LOG_DIAMETER_RATIO, LOG_VOLUME_RATIO, columns_of, own_views, parts_of


def build(view: str, recipe: Recipe, *, columns: Sequence[str]) -> ViewModel | LateFusion:
    """Give the unfitted estimator of a view.

    Parameters
    ----------
    view : str
        A built-in view or one of the recipe's own.
    recipe : Recipe
    columns : sequence of str
        The names of the columns that the estimator will see, in order.

    Returns
    -------
    ViewModel or LateFusion
        A baseline (`modeling.core.views.CHANGES`) is one number and a logistic regression, whatever
        classifiers the recipe compares, and is never harmonised.

    Raises
    ------
    MissingColumns
        If the view is not known, or a fusion's part has no column.
    """
    own = own_views(recipe.own_views)
    parts = parts_of(view, own=own)
    if parts:
        place = {column: position for position, column in enumerate(columns)}
        bases = []
        for part in parts:
            seen = columns_of(columns, part, own=own)
            bases.append((part, build(part, recipe, columns=seen), np.array([place[column] for column in seen])))
        # Bases that are calibrated speak of the frequencies as they are; a fusion that balances would undo it.
        weight = recipe.class_weight if recipe.calibration == "none" else None
        return LateFusion(bases, folds=recipe.inner_folds, class_weight=weight, seed=recipe.seed)
    if view in CHANGES:
        chain = FeatureChain([_ratio(view), *_scaling(recipe, indicator=False)])
        return _model(recipe, chain, classifiers=("logistic",))
    steps = [*_cleaning(recipe), *_harmonising(recipe), *_scaling(recipe, indicator=True), *_selecting(recipe)]
    # Age and sex differ between centres because the patients do.
    measured = np.array([not column.startswith("clinical|") for column in columns])
    return _model(recipe, FeatureChain(steps, harmonised=measured), classifiers=recipe.classifiers)


def _model(recipe: Recipe, chain: FeatureChain, *, classifiers: tuple[str, ...]) -> ViewModel:
    return ViewModel(
        chain,
        classifiers=classifiers,
        c_grid=recipe.c_grid,
        folds=recipe.inner_folds,
        class_weight=recipe.class_weight,
        calibration=recipe.calibration,
        seed=recipe.seed,
    )


def _ratio(view: str) -> tuple[str, Any]:
    return ("ratio", LogRatio(name=LOG_VOLUME_RATIO if view == "volume_change" else LOG_DIAMETER_RATIO))


def _cleaning(recipe: Recipe) -> list[tuple[str, Any]]:
    return [("missing", MissingFilter(max_fraction=recipe.max_missing_fraction)), ("constant", ConstantFilter())]


def _harmonising(recipe: Recipe) -> list[tuple[str, Any]]:
    return [("harmonise", Harmoniser())] if recipe.harmonise == "combat" else []


def _scaling(recipe: Recipe, *, indicator: bool) -> list[tuple[str, Any]]:
    low, high = recipe.winsor_percentiles
    return [
        ("impute", MedianImputer(indicator=indicator)),
        ("winsorise", Winsorizer(low=low, high=high)),
        ("scale", StandardScaler()),
    ]


def _selecting(recipe: Recipe) -> list[tuple[str, Any]]:
    return [
        ("stability", StabilityFilter(minimum=recipe.icc_minimum)),
        ("univariate", MannWhitneyFilter(alpha=recipe.univariate_p, false_discovery=recipe.false_discovery)),
        ("redundancy", CorrelationPruner(threshold=recipe.max_abs_spearman)),
        ("mrmr", MRMRSelector(n_features=recipe.mrmr_features)),
        (
            "lasso",
            LassoSelector(
                folds=recipe.lasso_folds,
                rule=recipe.lasso_rule,
                patients_per_feature=recipe.patients_per_feature,
                balanced=recipe.class_weight == "balanced",
                seed=recipe.seed,
            ),
        ),
    ]
