"""Reading the history of one field, and writing any field's value in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Field
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cohorts.core.node_stations import format_stations
from cohorts.models import AuditEntry, PathologyOutcome, Patient

_FIELDS: Mapping[str, Field[Any, Any]] = {
    field.name: field for model in (Patient, PathologyOutcome) for field in model._meta.concrete_fields
}
_RECORDS = ("patient", "pathologyoutcome")
#: Field → the name under which older acts of the history have it.
_FORMER_NAMES = {"sampling": "sampling_complete"}


@dataclass(frozen=True)
class FieldChange:
    """One change of one field: the act, and the value before and after it, in words."""

    entry: AuditEntry
    old: str
    new: str


def field_changes(patient: Patient, field: str) -> list[FieldChange]:
    """Give every change of a field of a patient, newest first."""
    names = [field, *filter(None, [_FORMER_NAMES.get(field)])]
    entries = patient.audit_entries.filter(object_type__in=_RECORDS, changes__has_any_keys=names).select_related(
        "actor"
    )
    return [
        FieldChange(entry, *(shown(name, value) for value in entry.changes[name]))
        for entry in entries
        for name in names
        if name in entry.changes
    ]


def shown(name: str, value: Any) -> str:
    """Write the value of a field, as a record holds it or as the history does; empty where there is none."""
    if value in (None, "", []):
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if name == "stations":
        return format_stations(value)
    field = _FIELDS.get(name)
    if field is not None and field.flatchoices:
        return str(dict(field.flatchoices).get(value, value))
    if field is not None and field.get_internal_type() == "DateField":
        return date_format(value if isinstance(value, date) else date.fromisoformat(value), "j M Y")
    if field is not None and field.get_internal_type() == "DecimalField":
        return f"{float(value):g}"
    return str(value)


def outcome_texts(outcome: PathologyOutcome | None) -> dict[str, str]:
    """Write every field of a reading."""
    return {} if outcome is None else {f.name: shown(f.name, getattr(outcome, f.name)) for f in outcome._meta.fields}


def patient_texts(patient: Patient) -> dict[str, str]:
    """Write every field of a patient's row."""
    return {f.name: shown(f.name, getattr(patient, f.name)) for f in patient._meta.fields}


def patient_texts_at(patient: Patient, revision: int) -> dict[str, str]:
    """Write every field of a patient's row as it was at a revision, by taking back what was changed since."""
    texts = patient_texts(patient)
    changes = patient.audit_entries.filter(object_type="patient", verb="changed").order_by("-pk")
    for entry in changes[: max(0, patient.revision - revision)]:
        texts |= {name: shown(name, old) for name, (old, _new) in entry.changes.items()}
    return texts


def last_change(patient: Patient, object_type: str) -> AuditEntry | None:
    """Give the newest act on a patient's row or reading: who saved what is stored now."""
    acts = patient.audit_entries.filter(
        object_type=object_type, verb__in=("created", "changed", "entered", "corrected")
    )
    return acts.select_related("actor").first()
