"""Predictions: one row for each model and patient, never edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import transaction

from cohorts import audit, jobs
from cohorts.errors import ServiceError
from cohorts.jobs import Report
from cohorts.models import Cohort, Job, Patient, User
from imaging import storage
from imaging.core.habitats import Codebook
from imaging.services import habitats, transitions
from modeling.core import persist
from modeling.core.table import FeatureTable
from modeling.models import ModelVersion, Prediction, TrainingRun
from modeling.selectors import latest_run, versions_in_use
from modeling.services.disturbed import disturbed_rows
from modeling.services.predicted import predictions_by
from modeling.services.snapshots import Case, feature_rows, gather, label_cases, training_iqr_of


@transaction.atomic
def enqueue_prediction(cohort: Cohort, *, user: User | None, patient: Patient | None = None) -> Job:
    """Queue predictions by the models in use, for one patient or for all.

    Raises
    ------
    ServiceError
        ``no_model`` if the cohort has none.
    """
    if latest_run(cohort) is None:
        raise ServiceError("no_model", "The cohort has no trained model yet.")
    centre = patient.centre if patient else None
    return jobs.enqueue(Job.Kind.PREDICTION, cohort=cohort, user=user, patient=patient, centre=centre)


def run(job: Job, report: Report) -> Callable[[], dict[str, Any]]:
    """Predict: with the models of one run, or with those in use."""
    runs = TrainingRun.objects.filter(cohort=job.cohort)
    if number := job.parameters.get("run"):
        versions = list(runs.get(number=number).model_versions.order_by("pk"))
    else:
        versions = versions_in_use(job.cohort)
    rows: list[Prediction] = []
    labelled: dict[int, dict[int, habitats.Labelled]] = {}
    followed: dict[int, list[transitions.Followed]] = {}
    by_run: dict[TrainingRun, list[ModelVersion]] = {}
    for version in versions:
        by_run.setdefault(version.run, []).append(version)
    for done, (training_run, of_run) in enumerate(by_run.items()):
        report(done, len(by_run), "predicting")
        habitat_model = training_run.snapshot.habitat_model
        cases = _cases(job, training_run)
        labels = label_cases(cases, Codebook.from_dict(habitat_model.codebook))
        labelled.setdefault(habitat_model.pk, {}).update(labels)
        followed[habitat_model.pk] = transitions.follow({pk: one.labels for pk, one in labels.items()})
        if cases:
            rows += _predict(training_run, of_run, cases, labels, followed[habitat_model.pk])
    if not rows:
        raise ServiceError("nothing_to_do", "No patient has extracted features of both timepoints.")
    models = {run.snapshot.habitat_model_id: run.snapshot.habitat_model for run in by_run}

    def write() -> dict[str, Any]:
        for pk, labels in labelled.items():
            habitats.save_maps(labels, model=models[pk])
            transitions.store(followed[pk])
        Prediction.objects.bulk_create(rows)
        for version in versions:
            audit.record("predicted", version, actor=job.created_by, cohort=job.cohort)
        return {"predictions": len(rows), "patients": len({row.patient_id for row in rows})}

    return write


def _cases(job: Job, training_run: TrainingRun) -> Sequence[Case]:
    protocol = training_run.snapshot.habitat_model.protocol
    cases = gather(job.cohort, protocol, needs_outcome=False).cases
    return [case for case in cases if job.patient_id in (None, case.patient.pk)]


def _predict(
    training_run: TrainingRun,
    versions: Sequence[ModelVersion],
    cases: Sequence[Case],
    labels: Mapping[int, habitats.Labelled],
    followed: Sequence[transitions.Followed],
) -> list[Prediction]:
    """Let the models of one run speak; all of them see the same columns."""
    sha256 = training_run.snapshot.sha256
    table = FeatureTable.from_parquet(storage.get(sha256), sha256=sha256)
    training_iqr = training_iqr_of(table)
    X = feature_rows(
        cases,
        {pk: one.features for pk, one in labels.items()},
        transitions={one.post_id: one.features for one in followed},
        training_iqr=training_iqr,
    )
    # Without any registered pair among the cases the columns of transitions would not be there at all.
    absent = [name for name in table.X if str(name).startswith("transitions|") and name not in X]
    X = X.reindex(columns=[*X, *absent])
    protocol = training_run.snapshot.habitat_model.protocol
    disturbed = disturbed_rows(cases, protocol, training_iqr=training_iqr)
    rows: list[Prediction] = []
    for version in versions:
        model = persist.loads(storage.get(version.sha256), sha256=version.sha256)
        rows += predictions_by(version, model, cases, X, disturbed=disturbed)
    return rows
