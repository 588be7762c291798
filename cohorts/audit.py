"""Writing the audit trail, in the transaction of the act itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Model

from cohorts.models import AuditEntry, Cohort, Patient, User

#: A field of a new record that nobody filled in.
_NOTHING: tuple[tuple[Any, Any], ...] = ((None, ""), (None, []))


def record(
    verb: str,
    target: Model,
    *,
    actor: User | None,
    cohort: Cohort,
    patient: Patient | None = None,
    changes: dict[str, tuple[Any, Any]] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Write who did what to which record; refuses to run outside a transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit entry belongs in the transaction of the act that it records.")
    return AuditEntry.objects.create(
        cohort=cohort,
        centre=patient.centre if patient else None,
        patient=patient,
        actor=actor,
        verb=verb,
        object_type=target._meta.model_name or "",
        object_id=str(target.pk),
        changes={name: [_plain(old), _plain(new)] for name, (old, new) in (changes or {}).items()},
        reason=reason,
    )


def forget(patient: Patient) -> int:
    """Take a patient who withdrew consent out of the history: who acted and when stays, whose record it was goes.

    It is the one change that history ever sees.
    """
    return AuditEntry.objects.filter(patient=patient).update(patient=None, changes={}, reason="", object_id="")


def differences(old: Model | None, new: Model, fields: Iterable[str]) -> dict[str, tuple[Any, Any]]:
    """Give field → (old, new) for the fields that differ; without an old record, those that are set."""
    pairs = {name: (getattr(old, name) if old else None, getattr(new, name)) for name in fields}
    return {name: pair for name, pair in pairs.items() if _plain(pair[0]) != _plain(pair[1]) and pair not in _NOTHING}


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Model):
        return str(value)
    return value
