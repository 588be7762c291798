"""Survival of a table's patients: nested cross-validation, external centres, risk groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.errors import InvalidViews, TooFewPatients
from modeling.core.recipes import Recipe
from modeling.core.study.overlap import require_nobody_twice
from modeling.core.survival.chain import SurvivalModel, fit_survival, folds_of
from modeling.core.survival.coefficients import hazard_ratios
from modeling.core.survival.measures import SurvivalEvaluation, evaluate_risks
from modeling.core.views import own_views

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class SurvivalTable:
    """Features and survival; all parts indexed by patient code, as `modeling.core.table.FeatureTable`.

    Parameters
    ----------
    X : DataFrame of shape (n_patients, n_features)
    time : Series of shape (n_patients,)
        Until the event or the end of observation.
    event : Series of shape (n_patients,)
        1 where it was the event.
    centre, split : Series of shape (n_patients,)
        ``split`` is ``training`` or ``external``.
    """

    X: pd.DataFrame
    time: pd.Series[float]
    event: pd.Series[int]
    centre: pd.Series[str]
    split: pd.Series[str]

    def codes(self, split: str) -> list[str]:
        """Give the patients of a split, sorted, so that the order of rows changes nothing."""
        return sorted(str(code) for code in self.X.index[self.split == split])

    def outcome(self, codes: list[str]) -> tuple[Floats, Floats]:
        """Give times and events of patients."""
        return np.asarray(self.time.loc[codes], dtype=np.float64), np.asarray(self.event.loc[codes], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class SurvivalResult:
    """What `analyse_survival` found.

    Parameters
    ----------
    models : dict of str to SurvivalModel
    evaluations : dict of str to list of SurvivalEvaluation
    predictions : DataFrame
        ``code``, ``split``, ``model``, ``risk`` (the mean over repeats) and ``high_risk``.
    selected : dict of str to dict
        By model: feature to the share of outer folds that held it.
    coefficients : dict of str to list of dict
        By model, as `modeling.core.survival.coefficients.hazard_ratios` returns them.
    warnings : tuple of str
    """

    models: dict[str, SurvivalModel]
    evaluations: dict[str, list[SurvivalEvaluation]]
    predictions: pd.DataFrame
    selected: dict[str, dict[str, float]]
    coefficients: dict[str, list[dict[str, Any]]]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Held:
    """Out-of-fold risks, fold and risk group of each training patient, by repeat."""

    risks: Floats
    folds: Ints
    high: Floats
    selected: dict[str, float]


def analyse_survival(
    table: SurvivalTable, recipe: Recipe, *, on_progress: OnProgress | None = None
) -> SurvivalResult:
    """Fit and test a Cox model for each view.

    Everything that learns (cleaning, selection, penalty, risk groups) is fitted anew in each outer fold. Risks of two
    folds have no common scale, so the C-index compares patients within a test fold only.

    Parameters
    ----------
    table : SurvivalTable
    recipe : Recipe
        Its views, cleaning, limits, folds, repeats, bootstraps and seed are used.
    on_progress : callable, optional
        Called with the view, the steps done and all steps.

    Returns
    -------
    SurvivalResult

    Raises
    ------
    TooFewPatients
        If fewer than twice the recipe's minimum had the event.
    InvalidViews
        If a view is a fusion, of which a time has none.
    SamePatientTwice
        If two rows are those of one patient.
    """
    doubts = require_nobody_twice(table.X, table.split)
    codes = table.codes("training")
    time, event = table.outcome(codes)
    least = 2 * recipe.minimum_per_class
    if int(event.sum()) < least or len(codes) < 2 * least:
        raise TooFewPatients(
            f"The training patients are {len(codes)} with {int(event.sum())} events; "
            f"at least {2 * least} with {least} events are needed."
        )
    views = _columns(table, recipe)
    steps = _Steps(len(views) * (recipe.cv_repeats * recipe.cv_folds + 1), on_progress)
    models, evaluations, rows, selected, coefficients = {}, {}, [], {}, {}
    for name, columns in views.items():
        X = table.X.loc[codes, columns]
        held = _nested(X, time, event, recipe, name, steps)
        models[name] = fit_survival(X, time, event, recipe, name=name)
        steps.advance(name)
        evaluations[name] = [_of_training(held, time, event, recipe), *_of_centres(models[name], table, recipe)]
        rows.append(_predictions(models[name], held, table))
        selected[name] = held.selected
        coefficients[name] = hazard_ratios(models[name], X, time, event)
    predictions = pd.concat(rows, ignore_index=True)
    return SurvivalResult(models, evaluations, predictions, selected, coefficients, (*doubts, *_doubts(evaluations)))


@dataclass
class _Steps:
    total: int
    report: OnProgress | None
    done: int = 0

    def advance(self, note: str) -> None:
        self.done += 1
        if self.report is not None:
            self.report(note, min(self.done, self.total), self.total)


def _columns(table: SurvivalTable, recipe: Recipe) -> dict[str, list[str]]:
    own = own_views(recipe.own_views)
    if fused := [name for name in recipe.views if name in own and own[name].fuses]:
        raise InvalidViews(f"The view {fused[0]} is a fusion, which is made for outcomes of two values only.")
    return {name: [column for column in table.X.columns if own[name].holds(str(column))] for name in recipe.views}


def _nested(X: pd.DataFrame, time: Floats, event: Floats, recipe: Recipe, name: str, steps: _Steps) -> _Held:
    shape = (len(time), recipe.cv_repeats)
    risks, folds, high = np.zeros(shape), np.zeros(shape, dtype=np.int64), np.zeros(shape)
    held: list[str] = []
    fits = 0
    for repeat in range(recipe.cv_repeats):
        outer = folds_of(event, wanted=recipe.cv_folds, seed=recipe.seed + repeat)
        for number, (train, test) in enumerate(outer):
            model = fit_survival(X.iloc[train], time[train], event[train], recipe, name=name)
            risks[test, repeat] = model.risk(X.iloc[test])
            high[test, repeat] = risks[test, repeat] > model.threshold
            folds[test, repeat] = number
            held += model.columns
            fits += 1
            steps.advance(name)
    return _Held(risks, folds, high, {one: held.count(one) / fits for one in sorted(set(held))})


def _of_training(held: _Held, time: Floats, event: Floats, recipe: Recipe) -> SurvivalEvaluation:
    # One group for each patient: the one that most of the repeats give.
    group = held.high.mean(axis=1) > 0.5
    return evaluate_risks("nested_cv", None, held.risks, group, time, event, recipe, folds=held.folds)


def _of_centres(model: SurvivalModel, table: SurvivalTable, recipe: Recipe) -> Iterator[SurvivalEvaluation]:
    codes = table.codes("external")
    if not codes:
        return
    time, event = table.outcome(codes)
    risks = model.risk(table.X.loc[codes])
    centre = table.centre.loc[codes].to_numpy()
    for name in (None, *sorted(set(centre))):
        here = np.ones(len(codes), dtype=bool) if name is None else centre == name
        high = risks[here] > model.threshold
        yield evaluate_risks("external", name, risks[here], high, time[here], event[here], recipe)


def _predictions(model: SurvivalModel, held: _Held, table: SurvivalTable) -> pd.DataFrame:
    external = table.codes("external")
    risks = model.risk(table.X.loc[external])
    return pd.DataFrame(
        {
            "code": [*model.fitted_on, *external],
            "split": ["nested_cv"] * len(model.fitted_on) + ["external"] * len(external),
            "model": model.name,
            "risk": np.append(held.risks.mean(axis=1), risks),
            "high_risk": np.append(held.high.mean(axis=1) > 0.5, risks > model.threshold).astype(int),
        }
    )


def _doubts(evaluations: Mapping[str, list[SurvivalEvaluation]]) -> tuple[str, ...]:
    limits = [low for rows in evaluations.values() if (low := rows[0].c_low) is not None]
    if any(low > 0.5 for low in limits):
        return ()
    if not limits:
        return ("Whether any model does better than chance cannot be told: no interval of a C-index can be given.",)
    return ("There is no sign that any model does better than chance: no interval of a C-index lies above 0.5.",)
