"""Writing patients and timepoints; nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import transaction

from cohorts import audit
from cohorts.core.errors import ContradictoryOutcome, Finding
from cohorts.core.timeline import check_timeline
from cohorts.models import Centre, Cohort, Patient, Timepoint, User
from cohorts.selectors.patients import timeline_of

CLINICAL_FIELDS: Sequence[str] = (
    "centre",
    "age_years",
    "sex",
    "smoking",
    "histology",
    "clinical_stage",
    "pdl1_percent",
    "location",
    "regimen",
    "cycles",
    "first_dose_on",
    "last_dose_on",
    "enrolled_on",
    "exclusion",
    "exclusion_note",
)


@transaction.atomic
def create_patient(
    cohort: Cohort, *, code: str, centre: Centre, actor: User | None, clinical: dict[str, Any] | None = None
) -> Patient:
    """Create a patient under a pseudonym."""
    patient = Patient(cohort=cohort, centre=centre, code=code, **(clinical or {}))
    patient.full_clean()
    patient.save()
    changes = audit.differences(None, patient, ["code", *CLINICAL_FIELDS])
    audit.record("created", patient, actor=actor, cohort=cohort, patient=patient, changes=changes)
    return patient


@transaction.atomic
def update_patient(patient: Patient, *, values: dict[str, Any], actor: User | None, reason: str = "") -> Patient:
    """Change clinical data; dates out of order are refused at the later field.

    Raises
    ------
    ContradictoryOutcome
        With the findings that say which date must come after which.
    """
    # The row is read again under the transaction: the form's object already carries the new values.
    old = Patient.objects.select_for_update().get(pk=patient.pk)
    new = Patient.objects.get(pk=patient.pk)
    for name, value in values.items():
        if name not in CLINICAL_FIELDS:
            raise ValueError(f"{name} is not a clinical field")
        setattr(new, name, value)
    errors = [f for f in check_timeline(timeline_of(new)) if f.is_error]
    if errors:
        raise ContradictoryOutcome(errors)
    new.full_clean()
    changes = audit.differences(old, new, CLINICAL_FIELDS)
    if changes:
        new.save()
        audit.record("changed", new, actor=actor, cohort=new.cohort, patient=new, changes=changes, reason=reason)
    return new


@transaction.atomic
def record_scan(patient: Patient, *, kind: str, scanned_on: date | None, actor: User | None) -> Timepoint:
    """Give the timepoint of a scan, making it on the first scan; ``scanned_on`` is on the shifted calendar."""
    timepoint, created = Timepoint.objects.get_or_create(
        patient=patient, kind=kind, defaults={"scanned_on": scanned_on}
    )
    old = None if created else Timepoint.objects.get(pk=timepoint.pk)
    timepoint.scanned_on = scanned_on
    timepoint.save()
    _audit_timepoint(timepoint, old, actor)
    return timepoint


def mark_evaluable(timepoint: Timepoint, *, actor: User | None) -> Timepoint:
    """State that a timepoint can be analysed: it has a new tumour mask."""
    return _set_status(timepoint, Timepoint.Status.EVALUABLE, note="", actor=actor)


def mark_not_evaluable(timepoint: Timepoint, *, note: str, actor: User | None) -> Timepoint:
    """State that a timepoint has no tumour to analyse, and why."""
    return _set_status(timepoint, Timepoint.Status.NOT_EVALUABLE, note=note, actor=actor)


@transaction.atomic
def _set_status(timepoint: Timepoint, status: Timepoint.Status, *, note: str, actor: User | None) -> Timepoint:
    old = Timepoint.objects.get(pk=timepoint.pk)
    timepoint.status, timepoint.note = status, note
    timepoint.save()
    _audit_timepoint(timepoint, old, actor)
    return timepoint


def _audit_timepoint(timepoint: Timepoint, old: Timepoint | None, actor: User | None) -> None:
    changes = audit.differences(old, timepoint, ["kind", "scanned_on", "status", "note"])
    if changes:
        patient = timepoint.patient
        verb = "changed" if old else "created"
        audit.record(verb, timepoint, actor=actor, cohort=patient.cohort, patient=patient, changes=changes)


def date_findings(patient: Patient) -> tuple[Finding, ...]:
    """Give what the date rules say of a patient as stored."""
    return check_timeline(timeline_of(patient))
