"""Reading what somebody typed and did not save."""

from __future__ import annotations

from cohorts.access import Person
from cohorts.models import OutcomeDraft, Patient


def draft_of(patient: Patient, user: Person) -> OutcomeDraft | None:
    """Give a person's unsaved reading of a patient."""
    return OutcomeDraft.objects.filter(patient=patient, user=user.pk).first()
