"""The advice on sample size of a study: one function, before a run and after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modeling.core.performance.sample_size import SampleSizeAdvice, advise
from modeling.core.recipes import Recipe
from modeling.core.table import FeatureTable
from modeling.core.views import CHANGES, PRIMARY_MODEL, own_views, parts_of


def primary_view(views: Iterable[str]) -> str:
    """Return the view that a study is about: the integrated one, or else the last."""
    names = tuple(views)
    return PRIMARY_MODEL if PRIMARY_MODEL in names else names[-1]


def advise_training(
    n: int, events: int, *, view: str, columns: Sequence[int | None], recipe: Recipe
) -> SampleSizeAdvice:
    """Compute how many patients a model needs that chooses among so many features by penalised regression.

    Parameters
    ----------
    n, events : int
        Training patients and responders.
    view : str
    columns : sequence of int or None
        Columns of each part that the view fuses, or of the view; None where they are not known yet, and more than
        the recipe keeps.
    recipe : Recipe
        Of each part its ``mrmr_features`` are candidates at most.
    """
    most = recipe.mrmr_features
    candidates = 1 if view in CHANGES else sum(most if size is None else min(most, size) for size in columns)
    return advise(n, events, parameters=max(1, candidates))


def advise_table(table: FeatureTable, recipe: Recipe, *, views: Iterable[str]) -> SampleSizeAdvice:
    """Compute how many training patients the model needs that a study of these views is about.

    Parameters
    ----------
    table : FeatureTable
    recipe : Recipe
    views : iterable of str
        That are, or will be, fitted.
    """
    y = table.outcomes(table.codes("training"))
    own, view = own_views(recipe.own_views), primary_view(views)
    columns = [len(table.columns_of(part, own=own)) for part in parts_of(view, own=own) or (view,)]
    return advise_training(len(y), int(y.sum()), view=view, columns=columns, recipe=recipe)
