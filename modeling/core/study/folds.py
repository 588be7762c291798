"""Which patients are held out: in folds, by hospital, and by time.

All views share the folds, so that their predictions can be compared patient by patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from modeling.core.estimators.penalised import feasible_folds
from modeling.core.recipes import Recipe
from modeling.core.table import FeatureTable

Ints = NDArray[np.int64]

ORDER = "order|days"
#: Fewer patients of a hospital, or of the later ones, are no test.
MINIMUM_TESTED = 10


@dataclass(frozen=True)
class Fold:
    """Patients to fit on and patients to predict, as sorted codes, and what this fold is called."""

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]


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
