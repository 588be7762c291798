"""One study: everything that a table and a recipe can honestly say, in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from modeling.core.performance.external_sample_size import ExternalSize, advise_external
from modeling.core.performance.heterogeneity import Pooled, pool
from modeling.core.performance.logistic import log_odds
from modeling.core.performance.measure import EvaluationResult
from modeling.core.performance.sample_size import SampleSizeAdvice
from modeling.core.performance.subgroups import SubgroupRow
from modeling.core.recipes import Recipe
from modeling.core.study import findings
from modeling.core.study.comparators import ComparatorRow, comparators
from modeling.core.study.cuts import CutRow, at_other_cuts
from modeling.core.study.fitted_model import FittedModel
from modeling.core.study.fold_sources import FoldSources
from modeling.core.study.leakage import require_no_leak
from modeling.core.study.nested import Held, Nested
from modeling.core.study.overlap import require_nobody_twice
from modeling.core.study.run import OnProgress, StudyRun
from modeling.core.study.sensitivity import AdjustedRow, adjusted_for_days, scan_pairs
from modeling.core.study.size import advise_table, primary_view
from modeling.core.study.suspicion import too_good
from modeling.core.study.validation import (
    AnyPredictions,
    Comparison,
    FoldPredictions,
    Predictions,
    compare,
    evaluate,
    held_rows,
    nested_row,
    out_of_fold,
    predict_splits,
)
from modeling.core.table import FeatureTable


@dataclass(frozen=True, eq=False)
class StudyResult:
    """What a study found.

    Parameters
    ----------
    models : dict of str to FittedModel
        By view, in the order of the recipe; fitted on all training patients.
    nested : dict of str to Nested
    evaluations : dict of str to list of EvaluationResult
        Splits ``nested_cv``, ``internal_test``, ``external`` (all centres, then each), ``leave_one_centre_out``
        (the same) and ``temporal``; those that the table does not allow are absent.
    comparisons : list of Comparison
        The primary model with each other one on every pooled split.
    heterogeneity : dict of str to Pooled
        The areas of the external centres, pooled; models with fewer than two of them are absent.
    subgroups : dict of str to list of SubgroupRow
        Of the primary model on all test patients.
    sample_size : SampleSizeAdvice
    centre_predictability : dict of str to float or None
        How well the final features tell the centre, as an area.
    warnings : tuple of str
        Sentences for a person.
    reclassification : list of ReclassificationRow
        What the primary model moves beyond each other one, on the pooled test splits.
    comparators : list of ComparatorRow
        What a clinic goes by without a model, on every split.
    timing : list of AdjustedRow
        The primary model beside the days from the last dose to the CT.
    scan_pairs : dict of str to list of SubgroupRow
        The primary model where both scans were made alike and where not, by split.
    cuts : list of CutRow
        The primary model's predictions against other cuts of the viable percentage; empty where that is not known.
    external_size : ExternalSize or None
        How many external patients precise measures of the primary model would need.
    """

    models: dict[str, FittedModel]
    nested: dict[str, Nested]
    evaluations: dict[str, list[EvaluationResult]]
    comparisons: list[Comparison]
    heterogeneity: dict[str, Pooled]
    subgroups: dict[str, list[SubgroupRow]]
    sample_size: SampleSizeAdvice
    centre_predictability: dict[str, float | None]
    warnings: tuple[str, ...]
    reclassification: list[findings.ReclassificationRow]
    comparators: list[ComparatorRow]
    timing: list[AdjustedRow]
    scan_pairs: dict[str, list[SubgroupRow]]
    cuts: list[CutRow] = field(default_factory=list)
    external_size: ExternalSize | None = None


def analyse(
    table: FeatureTable,
    recipe: Recipe,
    *,
    sources: FoldSources | None = None,
    open_external: bool = True,
    on_progress: OnProgress | None = None,
) -> StudyResult:
    """Fit the models of a recipe and validate them in every way that the table allows.

    The same table, recipe and sources give the same result, whatever the order of the rows.

    Parameters
    ----------
    table : FeatureTable
    recipe : Recipe
    sources : FoldSources, optional
        What is learned anew for the patients of each fold before columns exist.
    open_external : bool, default=True
        Without it no outcome of an external patient is looked at: there is no external test and
        no hospital is left out.
    on_progress : callable, optional
        Called with a note, the steps done and all steps; what it raises ends the study.

    Returns
    -------
    StudyResult

    Raises
    ------
    LeakedOutcome
        If a column tells the outcome itself.
    SamePatientTwice
        If two rows are those of one patient.
    OneClassOnly, TooFewPatients, MissingColumns
        If the training patients are no base for a model.
    """
    # No outcome is looked at here, so that external patients are compared whether they are opened or not.
    doubts = require_nobody_twice(table.X, table.split)
    table = table.take(sorted(table.X.index if open_external else table.X.index[table.split != "external"]))
    require_no_leak(table)
    # Many small fits: threads inside them only wait for each other.
    with threadpool_limits(limits=1):
        found = _study(StudyRun(table, recipe, sources or FoldSources(), on_progress))
    suspicions = too_good(table, found.models, found.evaluations)
    return replace(found, warnings=(*found.warnings, *doubts, *suspicions))


def _study(run: StudyRun) -> StudyResult:
    table, recipe = run.table, run.recipe
    fitted, nested, centres, later = run.fit(), run.nested(), run.centres_out(), run.later_out()
    models = {view: _with_nested(model, nested[view]) for view, model in fitted.items()}
    evaluations, found, tests = {}, {}, {}
    for view, model in models.items():
        held = _HeldOut(nested[view], centres.get(view, {}), later.get(view))
        evaluations[view] = _evaluations(model, table, recipe, held)
        tests[view] = predict_splits(model, table)
        found[view] = {**tests[view], **_held_out(table, held)}
    primary = primary_view(models)
    described = {**tests[primary], "nested_cv": out_of_fold(nested[primary], table).mean()}
    predictability = findings.predictability(models, table, seed=recipe.seed)
    advice = advise_table(table, recipe, views=models, icc=run.icc)
    return StudyResult(
        models=models,
        nested=nested,
        evaluations=evaluations,
        comparisons=compare(found, model=primary),
        heterogeneity=external_heterogeneity(evaluations),
        subgroups={primary: findings.subgroups(table, tests[primary])},
        sample_size=advice,
        centre_predictability=predictability,
        warnings=findings.warnings(table, recipe, evaluations, advice, predictability),
        reclassification=findings.reclassification(tests, model=primary, recipe=recipe),
        comparators=comparators(table),
        timing=adjusted_for_days(table, described),
        scan_pairs=scan_pairs(table, described),
        cuts=at_other_cuts(table, described, nested=nested[primary]),
        external_size=external_size(evaluations[primary], described["nested_cv"]),
    )


def external_size(rows: Sequence[EvaluationResult], inner: Predictions) -> ExternalSize:
    """Compute how many external patients a model needs that does there as in nested cross-validation.

    Parameters
    ----------
    rows : sequence of EvaluationResult
        Of the model; the area of ``nested_cv`` is assumed.
    inner : Predictions
        Its out-of-fold predictions of the training patients, whose log-odds and share of events are assumed.
    """
    area = next((row.auc for row in rows if row.split == "nested_cv"), None)
    return advise_external(prevalence=float(inner.outcomes.mean()), area=area, log_odds=log_odds(inner.probabilities))


def external_heterogeneity(evaluations: Mapping[str, Sequence[EvaluationResult]]) -> dict[str, Pooled]:
    """Pool the areas of the external centres of each model; models with fewer than two such areas are absent."""
    pooled = {}
    for view, rows in evaluations.items():
        own = [row for row in rows if row.split == "external" and row.centre is not None]
        intervals = [
            None if row.auc_low is None or row.auc_high is None else (row.auc_low, row.auc_high) for row in own
        ]
        found = pool([row.auc for row in own], intervals=intervals)
        if found.k > 1:
            pooled[view] = found
    return pooled


def _with_nested(model: FittedModel, nested: Nested) -> FittedModel:
    oof = nested.predictions.mean(axis=1).loc[list(model.fitted_on)].rename("probability")
    return replace(model, oof=oof, selection_frequency=model.selection_frequency or nested.selected)


@dataclass(frozen=True, eq=False)
class _HeldOut:
    """Predictions of one view by models that were fitted without the predicted patients."""

    nested: Nested
    centres: Mapping[str, Held]
    later: Held | None


def _evaluations(model: FittedModel, table: FeatureTable, recipe: Recipe, held: _HeldOut) -> list[EvaluationResult]:
    later = {"": held.later} if held.later else {}
    return [
        nested_row(held.nested, table, recipe, threshold=model.threshold),
        *evaluate(model, table, bootstraps=recipe.bootstraps, seed=recipe.seed),
        *held_rows(held.centres, recipe, split="leave_one_centre_out", threshold=model.threshold),
        *held_rows(later, recipe, split="temporal", threshold=model.threshold),
    ]


def _held_out(table: FeatureTable, held: _HeldOut) -> dict[str, AnyPredictions]:
    found: dict[str, AnyPredictions] = {"nested_cv": out_of_fold(held.nested, table)}
    if held.centres:
        found["leave_one_centre_out"] = _of_centres(held.centres, table)
    if held.later:
        codes = list(held.later.codes)
        found["temporal"] = Predictions(table.y.loc[codes], pd.Series(held.later.p, index=codes))
    return found


def _of_centres(centres: Mapping[str, Held], table: FeatureTable) -> FoldPredictions:
    codes = [code for one in centres.values() for code in one.codes]
    p = pd.DataFrame({0: np.concatenate([one.p for one in centres.values()])}, index=codes)
    folds = np.repeat(np.arange(len(centres)), [len(one.codes) for one in centres.values()])
    return FoldPredictions(table.y.loc[codes], p, pd.DataFrame({0: folds}, index=codes))
