"""From a cohort to evaluated models: snapshot, habitats, fits, evaluations, registration.

Everything that learns sees training patients only: the habitat codebook here, the rest inside the pipelines
of `modeling.core`.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from django.db import transaction
from django.db.models import Max

from cohorts import audit, jobs
from cohorts.errors import ServiceError
from cohorts.jobs import Report
from cohorts.models import Cohort, Job, User
from cohorts.selectors import active_job
from imaging import storage
from imaging.core.habitats import Codebook
from imaging.models import ExtractionProtocol, HabitatModel
from imaging.services import habitats, transitions
from imaging.services.habitats import Labelled
from imaging.services.protocols import DEFAULT_PROTOCOL, protocol_named
from modeling.core import persist
from modeling.core.recipes import BUILT_IN, Recipe
from modeling.core.table import FeatureTable
from modeling.core.training import FittedModel, fit_models
from modeling.core.validation import EvaluationResult, evaluate
from modeling.models import Evaluation, ModelVersion, TableSnapshot, TrainingRun
from modeling.services.snapshots import Case, gather, label_cases, outcomes_of, splits_of, table_of

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pandas", "pyradiomics", "SimpleITK", "scikit-image", "skops")
#: Percent of the progress bar at which each stage ends.
_GATHERED, _CLUSTERED, _LABELLED, _FITTED = 3, 25, 40, 97


def recipe_named(name: str) -> Recipe:
    """Give a recipe.

    Raises
    ------
    ServiceError
        ``unknown_setting`` with the names that exist.
    """
    if name not in BUILT_IN:
        raise ServiceError(
            "unknown_setting", f"There is no recipe “{name}”; there are {', '.join(sorted(BUILT_IN))}."
        )
    return BUILT_IN[name]


@transaction.atomic
def enqueue_training(
    cohort: Cohort, *, recipe_name: str, user: User | None, protocol_name: str = DEFAULT_PROTOCOL
) -> Job:
    """Queue a training run; one at a time for a cohort.

    Raises
    ------
    ServiceError
        ``job_active`` if one is waiting or running.
    """
    recipe_named(recipe_name)
    Cohort.objects.select_for_update().get(pk=cohort.pk)  # two presses of the button take turns
    if running := active_job(cohort, Job.Kind.TRAINING):
        raise ServiceError("job_active", f"{running} is not over yet.")
    parameters = {"recipe": recipe_name, "protocol": protocol_name}
    return jobs.enqueue(Job.Kind.TRAINING, cohort=cohort, user=user, parameters=parameters)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """What a run computed, before anything is written."""

    recipe: Recipe
    protocol: ExtractionProtocol
    cases: Sequence[Case]
    excluded: Sequence[dict[str, str]]
    codebook: Codebook
    codebook_cases: Sequence[Case]
    labelled: Mapping[int, Labelled]
    followed: Sequence[transitions.Followed]
    table: FeatureTable
    models: Mapping[str, FittedModel]
    evaluations: Mapping[str, Sequence[EvaluationResult]]


def run(job: Job, report: Report) -> Callable[[], dict[str, Any]]:
    """Train: snapshot, codebook, models, evaluations."""
    fitted = _fit(
        job.cohort, recipe_named(job.parameters["recipe"]), protocol_named(job.parameters["protocol"]), report
    )
    table_sha256 = storage.put(fitted.table.to_parquet())
    artefacts = {name: storage.put(persist.dumps(model)) for name, model in fitted.models.items()}

    def write() -> dict[str, Any]:
        training_run = _register(job, fitted, table_sha256, artefacts)
        jobs.enqueue(
            Job.Kind.PREDICTION, cohort=job.cohort, user=job.created_by, parameters={"run": training_run.number}
        )
        return {"run": training_run.number, "models": describe_run(training_run)}

    return write


def _fit(cohort: Cohort, recipe: Recipe, protocol: ExtractionProtocol, report: Report) -> _Fitted:
    report(0, 100, "collecting patients")
    gathered = gather(cohort, protocol)
    if not gathered.cases:
        raise ServiceError("too_few_patients", "No patient has an outcome and extracted features of both timepoints.")
    y = outcomes_of(gathered.cases, cohort)
    split = splits_of(gathered.cases, y, cohort, seed=recipe.seed)
    training = [case for case in gathered.cases if split[case.code] == "training"]
    digests = [case.supervoxels[kind] for case in training for kind in sorted(case.supervoxels)]
    codebook = habitats.fit(
        digests,
        seed=recipe.seed,
        algorithm=protocol.spec.habitats.algorithm,
        on_progress=_stage(report, _GATHERED, _CLUSTERED, "fitting habitats"),
    )
    labelled = label_cases(
        gathered.cases, codebook, on_progress=_stage(report, _CLUSTERED, _LABELLED, "labelling habitats")
    )
    followed = transitions.follow({pk: one.labels for pk, one in labelled.items()})
    table = table_of(gathered.cases, {pk: one.features for pk, one in labelled.items()}, y=y, split=split)
    progress = _stage(report, _LABELLED, _FITTED, "fitting models")
    models = fit_models(table, recipe, on_progress=lambda name, done, total: progress(done, total))
    evaluations = {name: evaluate(model, table) for name, model in models.items()}
    return _Fitted(
        recipe,
        protocol,
        gathered.cases,
        gathered.excluded,
        codebook,
        training,
        labelled,
        followed,
        table,
        models,
        evaluations,
    )


def _stage(report: Report, start: int, end: int, note: str) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        report(start + round((end - start) * done / max(total, 1)), 100, note)

    return progress


def _register(job: Job, fitted: _Fitted, table_sha256: str, artefacts: Mapping[str, str]) -> TrainingRun:
    cohort = job.cohort
    training_patients = [case.patient for case in fitted.codebook_cases]
    habitat_model = habitats.save_model(
        cohort, fitted.codebook, protocol=fitted.protocol, fitted_on=training_patients
    )
    habitats.save_maps(fitted.labelled, model=habitat_model)
    transitions.store(fitted.followed)
    snapshot = _save_snapshot(cohort, fitted, habitat_model, table_sha256)
    last = TrainingRun.objects.filter(cohort=cohort).aggregate(last=Max("number"))["last"] or 0
    training_run = TrainingRun.objects.create(
        cohort=cohort,
        number=last + 1,
        recipe_name=fitted.recipe.name,
        recipe=fitted.recipe.as_dict(),
        recipe_digest=fitted.recipe.digest,
        snapshot=snapshot,
        job=job,
        versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
        started_by=job.created_by,
    )
    for name, model in fitted.models.items():
        _save_version(training_run, model, artefacts[name], fitted)
    changes = {"models": (None, sorted(fitted.models)), "snapshot": (None, table_sha256)}
    audit.record("trained", training_run, actor=job.created_by, cohort=cohort, changes=changes)
    return training_run


def _save_snapshot(cohort: Cohort, fitted: _Fitted, habitat_model: HabitatModel, sha256: str) -> TableSnapshot:
    snapshot, created = TableSnapshot.objects.get_or_create(
        cohort=cohort,
        sha256=sha256,
        defaults={
            "habitat_model": habitat_model,
            "n_patients": len(fitted.table.X),
            "n_columns": fitted.table.X.shape[1],
            "excluded": list(fitted.excluded),
            "mpr_threshold_percent": cohort.mpr_threshold_percent,
        },
    )
    if created:
        snapshot.outcomes.set([case.outcome for case in fitted.cases if case.outcome])
    return snapshot


def _save_version(training_run: TrainingRun, model: FittedModel, sha256: str, fitted: _Fitted) -> ModelVersion:
    earlier = ModelVersion.objects.filter(cohort=training_run.cohort, name=model.name)
    last = earlier.aggregate(last=Max("version"))["last"]
    version = ModelVersion.objects.create(
        cohort=training_run.cohort,
        run=training_run,
        name=model.name,
        version=(last or 0) + 1,
        # The first of its name has nobody to challenge.
        state=ModelVersion.State.CHALLENGER if last else ModelVersion.State.CHAMPION,
        sha256=sha256,
        threshold=model.threshold,
        threshold_sensitive=model.threshold_sensitive,
        selected=list(model.selected),
    )
    fitted_on = set(model.fitted_on)
    version.fitted_on.set([case.patient for case in fitted.cases if case.code in fitted_on])
    Evaluation.objects.bulk_create(_evaluation(version, result) for result in fitted.evaluations[model.name])
    return version


_OWN_COLUMNS = {"split", "centre", "n", "events", "auc", "auc_low", "auc_high", "roc"}


def _evaluation(version: ModelVersion, result: EvaluationResult) -> Evaluation:
    metrics = {f.name: getattr(result, f.name) for f in fields(result) if f.name not in _OWN_COLUMNS}
    return Evaluation(
        model_version=version,
        split=result.split,
        centre=result.centre or "",
        n=result.n,
        events=result.events,
        auc=result.auc,
        auc_low=result.auc_low,
        auc_high=result.auc_high,
        metrics=metrics,
        roc=[list(point) for point in result.roc],
    )


def describe_run(training_run: TrainingRun) -> list[dict[str, Any]]:
    """Give the models of a run with their evaluations, ready for JSON."""
    versions = training_run.model_versions.prefetch_related("evaluations").order_by("pk")
    return [
        {
            "name": version.name,
            "version": version.version,
            "state": version.state,
            "recipe": training_run.recipe_name,
            "threshold": version.threshold,
            "selected": version.selected,
            "evaluations": [
                {
                    "split": e.split,
                    "centre": e.centre or None,
                    "n": e.n,
                    "events": e.events,
                    "auc": e.auc,
                    "auc_low": e.auc_low,
                    "auc_high": e.auc_high,
                    **e.metrics,
                }
                for e in version.evaluations.order_by("pk")
            ],
        }
        for version in versions
    ]


@transaction.atomic
def promote(version: ModelVersion, *, actor: User | None, reason: str) -> None:
    """Make a version the champion of its name; the champion before it retires."""
    champions = ModelVersion.objects.select_for_update().filter(
        cohort=version.cohort, name=version.name, state=ModelVersion.State.CHAMPION
    )
    for old in champions.exclude(pk=version.pk):
        _set_state(old, ModelVersion.State.RETIRED, actor=actor, reason=reason)
    _set_state(version, ModelVersion.State.CHAMPION, actor=actor, reason=reason)


def _set_state(version: ModelVersion, state: ModelVersion.State, *, actor: User | None, reason: str) -> None:
    changes = {"state": (version.state, str(state))}
    version.state = state
    version.save(update_fields=["state"])
    audit.record("changed", version, actor=actor, cohort=version.cohort, changes=changes, reason=reason)
