"""A patient who withdraws consent: removed with everything that is theirs, on a record that does not say who."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pandas as pd
from django.db import transaction
from django.db.models import CASCADE, F
from django.utils.translation import gettext as _

from cohorts import audit, jobs
from cohorts.errors import ServiceError
from cohorts.models import Cohort, Job, Patient, TableImport, User, Withdrawal
from cohorts.services.identity import NOBODY, remove_code
from cohorts.services.locks import require_unlocked
from cohorts.services.table_import.imports import discard_table
from imaging import storage
from imaging.models import HabitatModel
from imaging.services import artefacts, uploads
from imaging.services.removal import Records, counts_of, digests_of, records_with
from modeling.core import persist
from modeling.core.table import FeatureTable
from modeling.models import ModelVersion, Prediction, Report, TableSnapshot, TrainingRun

#: Work that may be reading the patient's data.
_READING = (Job.Kind.TRAINING, Job.Kind.PREDICTION, Job.Kind.REPORT)


def records_of(patient: Patient) -> Records:
    """Return everything that goes with a patient: model → primary keys."""
    related = [relation for relation in patient._meta.related_objects if relation.one_to_many]
    own = [
        relation.related_model._default_manager.filter(**{relation.field.name: patient})
        for relation in related
        if relation.on_delete is CASCADE
    ]
    return records_with(own)


def tables_with(patient: Patient) -> list[TableSnapshot]:
    """Return the frozen tables in which a patient stands."""
    found = TableSnapshot.objects.filter(outcomes__patient=patient).distinct()
    return list(found.select_related("cohort").order_by("pk"))


def withdraw(patient: Patient, *, code: str, reason: str, actor: User) -> Withdrawal:
    """Remove a patient with everything that is theirs.

    Tables that held the patient are stored anew without them and marked; models keep what they learned, under no
    identity, and are stale. Old history keeps who acted when, and loses whose record it was.

    Raises
    ------
    ServiceError
        ``code_mistyped`` where the code that was typed is another; ``locked`` where the record is signed.
    """
    if code.strip() != patient.code:
        raise ServiceError("code_mistyped", _("This is not the code of the patient. Nothing was removed."))
    with transaction.atomic():
        require_unlocked(patient)
        return _remove(patient, reason=reason, actor=actor)


def _remove(patient: Patient, *, reason: str, actor: User) -> Withdrawal:
    cohort, centre, code, pk = patient.cohort, patient.centre, patient.code, patient.pk
    _stop_work(patient)
    records, tables = records_of(patient), tables_with(patient)
    counts = counts_of(records) | {"TableSnapshot": len(tables)}
    HabitatModel.objects.filter(fitted_on=patient).update(withdrawn=F("withdrawn") + 1)
    versions = list(ModelVersion.objects.filter(fitted_on=patient).order_by("pk"))
    let_go = digests_of(records)
    let_go |= {_without_row(table, code) for table in tables}
    let_go |= {_without_name(version, code, number=pk) for version in versions}
    let_go |= _remove_reports(cohort, code)
    _discard_tables(cohort, code)
    _forget_neighbour(cohort, code)
    _forget_recorded(cohort, code)
    audit.forget(patient)
    Patient.objects.get(pk=pk).delete()
    remove_code(cohort, code)
    artefacts.let_go(let_go)
    withdrawal = Withdrawal.objects.create(
        cohort=cohort, centre=centre, reason=reason, counts=counts, recorded_by=actor
    )
    audit.record(
        "recorded",
        withdrawal,
        actor=actor,
        cohort=cohort,
        changes={name: (number, 0) for name, number in counts.items()},
        reason=str(Withdrawal.Reason(reason).label),
    )
    return withdrawal


def _stop_work(patient: Patient) -> None:
    """Cancel what is being computed of the patient, and what reads the whole cohort."""
    waiting = Job.objects.exclude(state__in=Job.TERMINAL).filter(cohort=patient.cohort)
    for job in waiting.order_by("pk"):
        if _is_import_of(job, patient):
            jobs.cancel(job)
            transaction.on_commit(partial(uploads.discard, job.parameters["inbox"]))
        elif job.patient_id == patient.pk or job.kind in _READING:
            jobs.cancel(job)


def _is_import_of(job: Job, patient: Patient) -> bool:
    named = job.parameters.get("options", {}).get("patient_code") if job.kind == Job.Kind.IMPORT else None
    return bool(named == patient.code)


def _without_row(snapshot: TableSnapshot, code: str) -> str:
    """Store a frozen table anew without a patient; returns the digest of the table as it was."""
    old = snapshot.sha256
    table = FeatureTable.from_parquet(storage.get(old), sha256=old)
    kept = [str(one) for one in table.X.index if str(one) != code]
    snapshot.sha256 = storage.put(table.take(kept).to_parquet())
    snapshot.trained_digest = snapshot.trained_digest or old
    snapshot.withdrawn += 1
    snapshot.save(update_fields=["sha256", "trained_digest", "withdrawn"])
    return old


def _without_name(version: ModelVersion, code: str, *, number: int) -> str:
    """Store a model anew in which the patient has no code; returns the digest of the model as it was.

    The place stays: the rows of a model's own numbers stand in the order of its training patients. Refits go, since they
    hold measured values.
    """
    old = version.sha256
    model = persist.loads(storage.get(old), sha256=old)
    names = tuple(f"{NOBODY}-{number}" if one == code else one for one in model.fitted_on)
    oof = pd.Series(model.oof.to_numpy(), index=pd.Index(names, name="code"), name=model.oof.name)
    version.sha256 = storage.put(persist.dumps(replace(model, fitted_on=names, oof=oof, refits={})))
    version.save(update_fields=["sha256"])
    return old


def _forget_recorded(cohort: Cohort, code: str) -> None:
    """Take a patient out of what runs recorded of those whom they modelled."""
    for run in TrainingRun.objects.filter(cohort=cohort, findings__has_key="recorded").order_by("pk"):
        recorded = run.findings["recorded"]
        recorded["patients"] = [row for row in recorded["patients"] if row["code"] != code]
        recorded["masks"] = [row for row in recorded["masks"] if row["patient"] != code]
        run.save(update_fields=["findings"])


def _remove_reports(cohort: Cohort, code: str) -> set[str]:
    """Remove documents that name the patient; returns the digests of their bytes."""
    found: set[str] = set()
    for report in Report.objects.filter(cohort=cohort).order_by("pk"):
        if code.encode() in storage.get(report.html_sha256):
            found |= {report.html_sha256, report.pdf_sha256}
            report.delete()
    return found


def _discard_tables(cohort: Cohort, code: str) -> None:
    """Empty tables that wait to be written and name the patient."""
    waiting = TableImport.objects.filter(cohort=cohort, state=TableImport.State.CHECKED)
    for table in waiting.order_by("pk"):
        if code.encode() in bytes(table.content):
            discard_table(table)


def _forget_neighbour(cohort: Cohort, code: str) -> None:
    """Take the patient out of the similar patients of others; the predictions themselves stay as they are."""
    for prediction in Prediction.objects.filter(patient__cohort=cohort).order_by("pk").only("similar"):
        kept = [row for row in prediction.similar if row["patient"] != code]
        if kept != prediction.similar:
            Prediction.objects.filter(pk=prediction.pk).update(similar=kept)
