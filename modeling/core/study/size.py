"""The advice on sample size of a study: one function, before a run and after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from modeling.core.estimators.build import build
from modeling.core.estimators.late_fusion import LateFusion
from modeling.core.performance.sample_size import SampleSizeAdvice, advise
from modeling.core.recipes import Recipe
from modeling.core.table import FeatureTable
from modeling.core.views import PRIMARY_MODEL, own_views

#: What the number of candidates is, in the advice that stands on a table.
COUNTED = (
    "Counted is every column that is compared with the outcome, in all parts of the model and with the indicators of "
    "missing values, not only those that are selected."
)


def primary_view(views: Iterable[str]) -> str:
    """Return the view that a study is about: the integrated one, or else the last."""
    names = tuple(views)
    return PRIMARY_MODEL if PRIMARY_MODEL in names else names[-1]


def count_candidates(
    table: FeatureTable, recipe: Recipe, *, view: str, icc: Mapping[str, float] | None = None
) -> int:
    """Count the predictors of a view that meet the outcome, on the training patients of a table.

    Parameters
    ----------
    table : FeatureTable
    recipe : Recipe
    view : str
        One without an `obstacle`.
    icc : mapping of str to float, optional
        Column → intraclass correlation; what is not reproducible goes before the outcome is looked at.

    Returns
    -------
    int
        Columns, with indicators of missing values, that are left when the first step looks at the outcome; of a
        fusion those of all its parts together.
    """
    columns = table.columns_of(view, own=own_views(recipe.own_views))
    codes = table.codes("training")
    values = table.X.loc[list(codes), list(columns)].to_numpy(dtype=np.float64)
    known = np.array([(icc or {}).get(column, np.nan) for column in columns])
    estimator = build(view, recipe, columns=columns)
    if isinstance(estimator, LateFusion):
        return sum(base.chain.count_unselected(values[:, at], icc=known[at]) for _, base, at in estimator.bases)
    return estimator.chain.count_unselected(values, icc=known)


def advise_table(
    table: FeatureTable, recipe: Recipe, *, views: Iterable[str], icc: Mapping[str, float] | None = None
) -> SampleSizeAdvice:
    """Compute how many training patients the model needs that a study of these views is about.

    Parameters
    ----------
    table : FeatureTable
    recipe : Recipe
    views : iterable of str
        That are, or will be, fitted.
    icc : mapping of str to float, optional
        Column → intraclass correlation, as far as it was measured.
    """
    y = table.outcomes(table.codes("training"))
    candidates = count_candidates(table, recipe, view=primary_view(views), icc=icc)
    return advise(len(y), int(y.sum()), parameters=max(1, candidates), counted=COUNTED)
