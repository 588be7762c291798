"""Keeping what somebody typed into the pathology form and did not save; no record, hence no history."""

from __future__ import annotations

from collections.abc import Mapping

from cohorts.models import OutcomeDraft, Patient, User
from cohorts.services.outcomes import OUTCOME_FIELDS

_LONGEST = 2000
_KEPT = ("reason", *OUTCOME_FIELDS)


def save_draft(patient: Patient, *, user: User, base_version: int, values: Mapping[str, str]) -> OutcomeDraft:
    """Keep one person's unsaved reading, as typed; a newer one takes its place."""
    kept = {name: text[:_LONGEST] for name, text in values.items() if name in _KEPT}
    draft, _created = OutcomeDraft.objects.update_or_create(
        patient=patient, user=user, defaults={"base_version": base_version, "values": kept}
    )
    return draft


def discard_draft(patient: Patient, *, user: User) -> None:
    """Forget one person's unsaved reading."""
    OutcomeDraft.objects.filter(patient=patient, user=user).delete()
