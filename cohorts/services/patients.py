"""Writing patients and timepoints; nothing else does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from cohorts import audit
from cohorts.core.errors import ContradictoryOutcome
from cohorts.core.staging import ClinicalTNM, derived_stage
from cohorts.core.timeline import check_timeline
from cohorts.errors import ServiceError
from cohorts.models import Centre, Cohort, Patient, Timepoint, User
from cohorts.selectors.patients import timeline_of
from cohorts.services.locks import require_cohort_unlocked, require_unlocked

CLINICAL_FIELDS: Sequence[str] = (
    "centre",
    "age_years",
    "sex",
    "smoking",
    "histology",
    "clinical_t",
    "clinical_n",
    "clinical_m",
    "clinical_tnm_edition",
    "clinical_stage",
    "pdl1_percent",
    "location",
    "regimen",
    "cycles",
    "first_dose_on",
    "last_dose_on",
    "radiological_response",
    "suv_max_pre",
    "suv_max_post",
    "enrolled_on",
    "exclusion",
    "exclusion_note",
)

_STAGING = ("clinical_t", "clinical_n", "clinical_m", "clinical_tnm_edition", "clinical_stage")


def with_stage(patient: Patient, values: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in a clinical stage that is not stated with the one that cT, cN and cM mean by the stated edition.

    Values that say nothing of the stage leave it as it is.
    """
    found = dict(values)
    if not found.keys() & set(_STAGING):
        return found
    t, n, m, edition, stage = (found.get(name, getattr(patient, name)) for name in _STAGING)
    if not stage and (derived := derived_stage(ClinicalTNM(t, n, m, edition))):
        found["clinical_stage"] = derived
    return found


@transaction.atomic
def create_patient(
    cohort: Cohort, *, code: str, centre: Centre, actor: User | None, clinical: dict[str, Any] | None = None
) -> Patient:
    """Create a patient under a pseudonym; dates out of order are refused as in a change."""
    Cohort.objects.select_for_update().get(pk=cohort.pk)  # a signature over the whole cohort waits, or is seen
    require_cohort_unlocked(cohort)
    patient = Patient(cohort=cohort, centre=centre, code=code, **with_stage(Patient(), clinical or {}))
    _require_order(patient)
    patient.full_clean()
    patient.save()
    changes = audit.differences(None, patient, ["code", *CLINICAL_FIELDS])
    audit.record("created", patient, actor=actor, cohort=cohort, patient=patient, changes=changes)
    return patient


@transaction.atomic
def update_patient(
    patient: Patient,
    *,
    values: dict[str, Any],
    actor: User | None,
    reason: str = "",
    base_revision: int | None = None,
) -> Patient:
    """Change clinical data; dates out of order are refused at the later field.

    ``base_revision`` is the revision that the person saw when they began; without it nobody looked.

    Raises
    ------
    ContradictoryOutcome
        With the findings that say which date must come after which.
    ServiceError
        ``locked``, or ``outdated`` if somebody changed the row since.
    """
    require_unlocked(patient)
    # The row is read again under the transaction: the form's object already carries the new values.
    old = Patient.objects.select_for_update().get(pk=patient.pk)
    if base_revision not in (None, old.revision):
        raise ServiceError("outdated", _("Somebody saved the clinical data of this patient meanwhile."))
    new = Patient.objects.get(pk=patient.pk)
    for name, value in with_stage(new, values).items():
        if name not in CLINICAL_FIELDS:
            raise ValueError(f"{name} is not a clinical field")
        setattr(new, name, value)
    _require_order(new)
    new.full_clean()
    changes = audit.differences(old, new, CLINICAL_FIELDS)
    if changes:
        new.revision += 1
        new.save()
        audit.record("changed", new, actor=actor, cohort=new.cohort, patient=new, changes=changes, reason=reason)
    return new


def _require_order(patient: Patient) -> None:
    errors = [finding for finding in check_timeline(timeline_of(patient)) if finding.is_error]
    if errors:
        raise ContradictoryOutcome(errors)


@transaction.atomic
def record_scan(patient: Patient, *, kind: str, scanned_on: date | None, actor: User | None) -> Timepoint:
    """Give the timepoint of a scan, making it on the first scan; ``scanned_on`` is on the shifted calendar."""
    require_unlocked(patient)
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
    require_unlocked(timepoint.patient)
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
