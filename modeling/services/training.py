"""From a cohort to evaluated models: snapshot, habitats, the study, its records.

Everything that learns sees training patients only: the habitat codebook of the final models here, all the rest,
and the codebooks of the folds, inside `modeling.core.study.analyse`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import transaction

from cohorts import jobs
from cohorts.errors import ServiceError
from cohorts.jobs import Report
from cohorts.models import Cohort, Job, User
from cohorts.selectors.jobs import active_job
from imaging import storage
from imaging.models import ExtractionProtocol
from imaging.services import habitats, transitions
from imaging.services.protocols import DEFAULT_PROTOCOL, protocol_named
from modeling.core import persist
from modeling.core.recipes import Recipe
from modeling.core.study.analyse import analyse
from modeling.services.fold_columns import fold_sources
from modeling.services.recipes import recipe_named
from modeling.services.runs import Fitted, describe_run, register
from modeling.services.scan_overlap import require_scans_of_one_patient
from modeling.services.snapshots import gather, label_cases, outcomes_of, splits_of, table_of

#: Percent of the progress bar at which each stage ends.
_GATHERED, _CLUSTERED, _LABELLED, _STUDIED = 2, 10, 14, 98


@transaction.atomic
def enqueue_training(
    cohort: Cohort,
    *,
    recipe_name: str,
    user: User | None,
    protocol_name: str = DEFAULT_PROTOCOL,
    open_external: bool = True,
) -> Job:
    """Queue a training run; one at a time for a cohort.

    Parameters
    ----------
    open_external : bool
        Whether the models are tested on the other centres at once; otherwise a person opens them later.

    Raises
    ------
    ServiceError
        ``job_active`` if one is waiting or running.
    """
    recipe_named(cohort, recipe_name)
    Cohort.objects.select_for_update().get(pk=cohort.pk)  # two presses of the button take turns
    if running := active_job(cohort, Job.Kind.TRAINING):
        raise ServiceError("job_active", f"{running} is not over yet.")
    parameters = {"recipe": recipe_name, "protocol": protocol_name, "open_external": open_external}
    return jobs.enqueue(Job.Kind.TRAINING, cohort=cohort, user=user, parameters=parameters)


def run(job: Job, report: Report) -> Callable[[], dict[str, Any]]:
    """Train: snapshot, codebook, models, evaluations."""
    recipe = recipe_named(job.cohort, job.parameters["recipe"])
    protocol = protocol_named(job.parameters["protocol"])
    fitted = _fit(job.cohort, recipe, protocol, report, open_external=job.parameters.get("open_external", True))
    table_sha256 = storage.put(fitted.table.to_parquet())
    artefacts = {name: storage.put(persist.dumps(model)) for name, model in fitted.study.models.items()}

    def write() -> dict[str, Any]:
        training_run = register(job, fitted, table_sha256=table_sha256, artefacts=artefacts)
        jobs.enqueue(
            Job.Kind.PREDICTION, cohort=job.cohort, user=job.created_by, parameters={"run": training_run.number}
        )
        return {"run": training_run.number, "models": describe_run(training_run)}

    return write


def _fit(
    cohort: Cohort, recipe: Recipe, protocol: ExtractionProtocol, report: Report, *, open_external: bool
) -> Fitted:
    started = time.monotonic()
    report(0, 100, "collecting patients")
    gathered = gather(cohort, protocol)
    if not gathered.cases:
        raise ServiceError("too_few_patients", "No patient has an outcome and extracted features of both timepoints.")
    y = outcomes_of(gathered.cases, cohort)
    split = splits_of(gathered.cases, y, cohort, seed=recipe.seed)
    require_scans_of_one_patient(gathered.cases, split)
    training = [case for case in gathered.cases if split[case.code] == "training"]
    codebook = habitats.fit(
        [case.supervoxels[kind] for case in training for kind in sorted(case.supervoxels)],
        seed=recipe.seed,
        algorithm=protocol.spec.habitats.algorithm,
        on_progress=_stage(report, _GATHERED, _CLUSTERED, "fitting habitats"),
    )
    labelled = label_cases(
        gathered.cases, codebook, on_progress=_stage(report, _CLUSTERED, _LABELLED, "labelling habitats")
    )
    followed = transitions.follow({pk: one.labels for pk, one in labelled.items()})
    table = table_of(
        gathered.cases,
        {pk: one.features for pk, one in labelled.items()},
        y=y,
        split=split,
        transitions={one.post_id: one.features for one in followed},
    )
    study = analyse(
        table,
        recipe,
        sources=fold_sources(gathered.cases, protocol, seed=recipe.seed, icc_limit=recipe.icc_limit),
        open_external=open_external,
        on_progress=lambda note, done, total: _stage(report, _LABELLED, _STUDIED, note)(done, total),
    )
    seconds = time.monotonic() - started
    return Fitted(recipe, protocol, gathered, codebook, labelled, followed, table, study, seconds)


def _stage(report: Report, start: int, end: int, note: str) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        report(start + round((end - start) * done / max(total, 1)), 100, note)

    return progress
