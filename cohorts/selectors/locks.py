"""Reading locks: which one holds, what was signed, and whether it still is what is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.utils import formats
from django.utils.translation import gettext as _

from cohorts.access import Person, visible
from cohorts.core.node_stations import format_stations
from cohorts.core.signature import content_digest
from cohorts.models import Cohort, PathologyOutcome, Patient, Query, RecordLock, Timepoint

#: Columns that are about the row, not about the patient.
_BOOKKEEPING = {
    Patient: {"id", "cohort_id", "revision", "created_at"},
    PathologyOutcome: {"id", "patient_id", "is_current", "entered_by_id", "entered_at"},
    Timepoint: {"id", "patient_id"},
}


def lock_of(patient: Patient) -> RecordLock | None:
    """Give the lock that keeps a patient's record as it is: the record's own, or the cohort's."""
    own = Q(patient=patient) | Q(patient=None, cohort_id=patient.cohort_id)
    return _held().filter(own).order_by(F("patient").desc(nulls_last=True)).first()


def cohort_lock_of(cohort: Cohort) -> RecordLock | None:
    """Give the lock of a whole cohort."""
    return _held().filter(cohort=cohort, patient=None).first()


def unlocked(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    """Narrow patients to those whose record no signature keeps as it is."""
    own = RecordLock.objects.filter(unlocked_at=None, patient=OuterRef("pk"))
    of_cohort = RecordLock.objects.filter(unlocked_at=None, patient=None, cohort=OuterRef("cohort"))
    return patients.filter(~Exists(own), ~Exists(of_cohort))


def locked_patients(cohort: Cohort) -> frozenset[int]:
    """Give the ids of the patients whose record is locked, by itself or with the cohort."""
    patients = Patient.objects.filter(cohort=cohort)
    held = patients.exclude(pk__in=unlocked(patients).values("pk"))
    return frozenset(held.order_by("pk").values_list("pk", flat=True))


def locks_for_list(cohort: Cohort, user: Person) -> QuerySet[RecordLock]:
    """Give every signature on the records that a person may see, newest first."""
    own = visible(RecordLock.objects.filter(cohort=cohort, patient__isnull=False), user)
    found = RecordLock.objects.filter(Q(pk__in=own) | Q(cohort=cohort, patient=None))
    return found.select_related("patient", "signed_by", "unlocked_by")


def locks_on(patient: Patient) -> QuerySet[RecordLock]:
    """Give every signature on one record, those on its cohort included, newest first."""
    own = Q(patient=patient) | Q(patient=None, cohort_id=patient.cohort_id)
    return RecordLock.objects.filter(own).select_related("patient", "signed_by", "unlocked_by")


def _held() -> QuerySet[RecordLock]:
    return RecordLock.objects.filter(unlocked_at=None).select_related("signed_by", "patient")


def signed_content(patients: Iterable[Patient]) -> Mapping[str, Mapping[str, object]]:
    """Give what a signature covers, by patient code: clinical data, the current reading, timepoints."""
    of_all = list(patients)
    outcomes = {o.patient_id: o for o in PathologyOutcome.objects.filter(patient__in=of_all, is_current=True)}
    timepoints: dict[int, dict[str, object]] = defaultdict(dict)
    for timepoint in Timepoint.objects.filter(patient__in=of_all).order_by("pk"):
        timepoints[timepoint.patient_id][timepoint.kind] = _columns(timepoint)
    return {
        patient.code: {
            "clinical": _columns(patient),
            "pathology": _of_reading(outcomes[patient.pk]) if patient.pk in outcomes else {},
            "timepoints": timepoints[patient.pk],
        }
        for patient in of_all
    }


#: What was asked of the bed's sampling until version 0.6: the same answers are signed in the same words, so that no
#: signature breaks of which the record did not change.
_FORMER_SAMPLING = {"complete": True, "incomplete": False}


def _of_reading(outcome: PathologyOutcome) -> dict[str, object]:
    columns = _columns(outcome)
    if outcome.sampling in _FORMER_SAMPLING:
        columns["sampling_complete"] = _FORMER_SAMPLING[str(columns.pop("sampling"))]
    return columns


def _columns(record: Model) -> dict[str, object]:
    left_out = _BOOKKEEPING[type(record)]
    names = [field.attname for field in record._meta.concrete_fields if field.attname not in left_out]
    return {name: getattr(record, name) for name in names}


def digest_of(target: Patient | Cohort) -> str:
    """Give the digest of what a signature on a record or on a whole cohort covers now."""
    # Read anew: what a form or a service holds in its hands need not be what is stored.
    covered = Q(cohort=target) if isinstance(target, Cohort) else Q(pk=target.pk)
    return content_digest(signed_content(Patient.objects.filter(covered).order_by("code")))


def is_as_signed(lock: RecordLock) -> bool:
    """Tell whether what is stored now is still what was signed."""
    return digest_of(lock.patient or lock.cohort) == lock.content_sha256


@dataclass(frozen=True)
class LockProgress:
    """How far a cohort is on its way to being locked."""

    patients: int
    locked: int
    queries: int


def lock_progress(cohort: Cohort) -> LockProgress:
    """Count patients, records that are locked by themselves, and queries that stand in the way."""
    patients = Patient.objects.filter(cohort=cohort)
    own = _held().filter(cohort=cohort, patient__isnull=False)
    waiting = Query.objects.filter(patient__cohort=cohort).exclude(state=Query.State.CLOSED)
    return LockProgress(patients.count(), own.count(), waiting.count())


def signed_rows(patient: Patient, outcome: PathologyOutcome | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give what a signature covers as a person reads it: title → words and value of each field that is stated."""
    timepoints = [
        (str(one.get_kind_display()), f"{one.get_status_display()}{f': {one.note}' if one.note else ''}")
        for one in patient.timepoints.all()
    ]
    return [
        (_("Clinical data"), _stated(patient)),
        (_("Pathology"), _stated(outcome) if outcome else []),
        (_("Timepoints"), timepoints),
    ]


def _stated(record: Patient | PathologyOutcome) -> list[tuple[str, str]]:
    left_out = _BOOKKEEPING[type(record)] | {"cohort_id", "version"}
    fields = [field for field in record._meta.concrete_fields if field.attname not in left_out]
    shown = [(str(field.verbose_name), _shown(record, field.name)) for field in fields]
    return [(words, value) for words, value in shown if value]


def _shown(record: Model, name: str) -> str:
    value = getattr(record, name)
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return format_stations(value)
    if isinstance(value, date):
        return formats.date_format(value, "j M Y")
    if isinstance(value, Decimal):
        return formats.number_format(Decimal(f"{value.normalize():f}"))
    display = getattr(record, f"get_{name}_display", None)
    return str(display() if display else value)
