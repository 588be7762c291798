"""Which patients are held out: in folds, by hospital, and by time.

All views share the folds, so that their predictions can be compared patient by patient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from modeling.core.estimators.penalised import feasible_folds
from modeling.core.recipes import Recipe
from modeling.core.study.held_out import Fold, OnStep, Predicted, fit_folds
from modeling.core.study.training import FoldSources
from modeling.core.table import FeatureTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ORDER = "order|days"
#: Fewer patients of a hospital, or of the later ones, are no test.
MINIMUM_TESTED = 10


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


def outer_folds(table: FeatureTable, recipe: Recipe) -> list[Fold]:
    """Divide the training patients, as often as the recipe repeats, stratified by outcome."""
    codes = table.codes("training")
    y = table.outcomes(codes)
    wanted = feasible_folds(y, wanted=recipe.cv_folds)
    return [
        Fold(f"cross-validation, repeat {repeat + 1}", _named(codes, train), _named(codes, test))
        for repeat in range(recipe.cv_repeats)
        for train, test in StratifiedKFold(wanted, shuffle=True, random_state=recipe.seed + repeat).split(
            y[:, None], y
        )
    ]


def centre_folds(table: FeatureTable, recipe: Recipe) -> tuple[dict[str, Fold], dict[str, str]]:
    """Hold out one hospital after the other; gives the folds and why others are not held out."""
    folds, reasons = {}, {}
    for centre in sorted(table.centre.unique()) if table.centre.nunique() > 1 else ():
        here = table.centre == centre
        if reason := _untestable(table.y[here]) or _unfit(table.y[~here], recipe):
            reasons[str(centre)] = reason
        else:
            folds[str(centre)] = Fold(f"without centre {centre}", _codes(table, ~here), _codes(table, here))
    return folds, reasons


def later_fold(table: FeatureTable, recipe: Recipe) -> tuple[Fold | None, str]:
    """Hold out the training hospital's patients who were treated last; gives the fold, or why there is none.

    Patients of one day stay together, on the later side.
    """
    if ORDER not in table.facts or table.facts[ORDER].isna().all():
        return None, "The order of treatment is not known."
    days = table.facts.loc[table.split != "external", ORDER].dropna().astype(float).sort_values(kind="stable")
    later = int(len(days) * recipe.temporal_fraction + 0.5)
    if not later:
        return None, "Too few patients have a known order of treatment."
    border = days.iloc[-later]
    early, late = days.index[days < border], days.index[days >= border]
    if reason := _untestable(table.y[late]) or _unfit(table.y[early], recipe):
        return None, reason
    return Fold("later patients", tuple(sorted(map(str, early))), tuple(sorted(map(str, late)))), ""


def nested_cv(
    table: FeatureTable,
    recipe: Recipe,
    *,
    views: Sequence[str],
    sources: FoldSources | None = None,
    on_progress: OnStep | None = None,
    workers: int = 2,
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
    workers : int, default=2

    Returns
    -------
    dict of str to Nested
        By view.
    """
    folds = outer_folds(table, recipe)
    found = fit_folds(table, recipe, folds, views=views, sources=sources, on_step=on_progress, workers=workers)
    return {view: _nested(folds, [one[view] for one in found], recipe.cv_repeats) for view in views}


def leave_one_centre_out(
    table: FeatureTable,
    recipe: Recipe,
    *,
    views: Sequence[str],
    sources: FoldSources | None = None,
    on_progress: OnStep | None = None,
    workers: int = 2,
) -> dict[str, dict[str, Held]]:
    """Fit on all hospitals but one and predict that one, for each hospital that can be tested.

    Returns
    -------
    dict of str to dict of str to Held
        By view, then by hospital; without hospitals if fewer than two can be told apart.
    """
    folds, _ = centre_folds(table, recipe)
    found = fit_folds(
        table, recipe, list(folds.values()), views=views, sources=sources, on_step=on_progress, workers=workers
    )
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
    workers: int = 2,
) -> dict[str, Held]:
    """Fit on the training hospital's earlier patients and predict the later ones; empty if not possible."""
    fold, _ = later_fold(table, recipe)
    if fold is None:
        return {}
    (found,) = fit_folds(table, recipe, [fold], views=views, sources=sources, on_step=on_progress, workers=workers)
    return {view: _held(table, fold, found[view]) for view in views}


def _named(codes: Sequence[str], places: Ints) -> tuple[str, ...]:
    return tuple(codes[place] for place in places)


def _codes(table: FeatureTable, chosen: pd.Series[bool]) -> tuple[str, ...]:
    return tuple(sorted(str(code) for code in table.X.index[chosen]))


def _untestable(y: pd.Series[int]) -> str:
    if len(y) < MINIMUM_TESTED:
        return f"It has {len(y)} patients; at least {MINIMUM_TESTED} are tested together."
    return "" if y.nunique() == 2 else f"All its {len(y)} patients have the same outcome."


def _unfit(y: pd.Series[int], recipe: Recipe) -> str:
    events, others = int(y.sum()), int(len(y) - y.sum())
    if min(events, others) >= recipe.minimum_per_class:
        return ""
    return (
        f"The others have {events} responders and {others} non-responders; "
        f"at least {recipe.minimum_per_class} of each are needed."
    )


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
