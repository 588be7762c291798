"""Predictions: one row for each model and patient, never edited."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from django.db import transaction

from cohorts import audit, jobs
from cohorts.errors import ServiceError
from cohorts.jobs import Report
from cohorts.models import Cohort, Job, Patient, User
from imaging import storage
from imaging.core.habitats import Codebook
from imaging.services import habitats, transitions
from modeling.core import persist
from modeling.core.explain import contributions
from modeling.core.training import FittedModel
from modeling.models import ModelVersion, Prediction, TrainingRun
from modeling.selectors import latest_run, versions_in_use
from modeling.services.snapshots import Case, feature_rows, gather, label_cases

_TOP = 8


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
    models = {}
    by_run: dict[TrainingRun, list[ModelVersion]] = {}
    for version in versions:
        by_run.setdefault(version.run, []).append(version)
    for done, (training_run, of_run) in enumerate(by_run.items()):
        report(done, len(by_run), "predicting")
        habitat_model = training_run.snapshot.habitat_model
        cases = _cases(job, training_run)
        labels = label_cases(cases, Codebook.from_dict(habitat_model.codebook))
        labelled.setdefault(habitat_model.pk, {}).update(labels)
        models[habitat_model.pk] = habitat_model
        if not cases:
            continue
        X = feature_rows(cases, {pk: one.features for pk, one in labels.items()})
        for version in of_run:
            rows += _predict(version, cases, X)
    followed = {
        pk: transitions.follow({number: one.labels for number, one in labels.items()})
        for pk, labels in labelled.items()
    }
    if not rows:
        raise ServiceError("nothing_to_do", "No patient has extracted features of both timepoints.")

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


def _predict(version: ModelVersion, cases: Sequence[Case], X: pd.DataFrame) -> list[Prediction]:
    model = persist.loads(storage.get(version.sha256), sha256=version.sha256)
    probabilities = model.predict_proba(X)
    known = set(version.run.snapshot.outcomes.values_list("patient_id", flat=True))
    return [
        _row(version, model, case, X.loc[[case.code]], float(p), has_outcome=case.patient.pk in known)
        for case, p in zip(cases, probabilities, strict=True)
    ]


def _row(
    version: ModelVersion, model: FittedModel, case: Case, row: pd.DataFrame, probability: float, *, has_outcome: bool
) -> Prediction:
    standing = Prediction.Standing.HELD_OUT if has_outcome or case.outcome else Prediction.Standing.PROSPECTIVE
    if case.code in model.oof.index:
        # A model has seen its training patients; what it said without them is the honest number.
        standing, probability = Prediction.Standing.TRAINING, float(model.oof[case.code])
    parts = contributions(model, row, top=_TOP)
    return Prediction(
        model_version=version,
        patient=case.patient,
        probability=probability,
        threshold=version.threshold,
        standing=standing,
        contributions=[{"feature": c.feature, "value": c.value, "log_odds": c.log_odds} for c in parts],
        features_sha256=hashlib.sha256(row.to_numpy(dtype="<f8").tobytes()).hexdigest(),
    )
