"""Writing what a checked table would do: every accepted row, or none."""

from __future__ import annotations

from django.db import transaction

from cohorts.core.errors import ContradictoryOutcome
from cohorts.models import Patient, User
from cohorts.services.outcomes import enter_outcome
from cohorts.services.patients import create_patient, update_patient
from cohorts.services.table_import.plan import AcceptedRow, Plan

REASON = "imported from a table"


@transaction.atomic
def write_plan(plan: Plan, *, actor: User | None, reason: str = REASON) -> int:
    """Write the accepted rows, all or none, and give how many."""
    for row in plan.accepted:
        _write(row, plan, actor=actor, reason=reason)
    return len(plan.accepted)


def _write(row: AcceptedRow, plan: Plan, *, actor: User | None, reason: str) -> None:
    if row.patient.pk is None:
        clinical = dict(row.clinical)
        centre = clinical.pop("centre")
        patient = create_patient(plan.cohort, code=row.patient.code, centre=centre, actor=actor, clinical=clinical)
        _enter(row, actor=actor, reason=reason, patient=patient)
        return
    try:
        with transaction.atomic():
            _update(row, actor=actor, reason=reason)
            _enter(row, actor=actor, reason=reason)
    except ContradictoryOutcome:
        # New dates of treatment may fit the new day of surgery only, so that goes first.
        _enter(row, actor=actor, reason=reason)
        _update(row, actor=actor, reason=reason)


def _update(row: AcceptedRow, *, actor: User | None, reason: str) -> None:
    if row.clinical:
        update_patient(row.patient, values=dict(row.clinical), actor=actor, reason=reason)


def _enter(row: AcceptedRow, *, actor: User | None, reason: str, patient: Patient | None = None) -> None:
    if row.reading:
        enter_outcome(patient or row.patient, values=dict(row.reading), actor=actor, reason=reason)
