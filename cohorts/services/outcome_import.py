"""A table of outcomes: read, checked row by row, and written only when asked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.db import transaction
from django.db.models import Field

from cohorts.core.errors import UnreadableTable
from cohorts.models import Cohort, PathologyOutcome, Patient, User
from cohorts.selectors.patients import current_outcome
from cohorts.services.outcomes import OUTCOME_FIELDS, enter_outcome, findings

#: Column → what it means; `patient` and the fields of a reading.
COLUMNS: tuple[str, ...] = ("patient", *OUTCOME_FIELDS)
_REQUIRED = ("patient", "viable_percent", "necrosis_percent", "stroma_percent", "ypt", "ypn")
_FIELDS = {field.name: field for field in PathologyOutcome._meta.concrete_fields}
_TRUE = {"1", "true", "yes", "y"}
_FALSE = {"0", "false", "no", "n"}


@dataclass(frozen=True)
class RefusedCell:
    """Why a row is refused, and where. ``row`` counts lines of the file, the header being 1."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True)
class AcceptedRow:
    """A row that can be written."""

    row: int
    patient: Patient
    values: dict[str, Any]
    is_correction: bool


@dataclass(frozen=True)
class OutcomePlan:
    """What a table would do."""

    cohort: Cohort
    accepted: tuple[AcceptedRow, ...]
    unchanged: int
    refused: tuple[RefusedCell, ...]


def plan_outcomes(cohort: Cohort, content: bytes, *, patients: Mapping[str, Patient]) -> OutcomePlan:
    """Read a CSV table and say for each row whether it is new, a correction, unchanged or refused.

    Parameters
    ----------
    cohort : Cohort
        Where the outcomes belong.
    content : bytes
        The file, UTF-8, with a header line.
    patients : mapping of str to Patient
        Code → patient, those for whom outcomes may be entered.

    Raises
    ------
    UnreadableTable
        If it is no table, or a required column is missing.
    """
    accepted: list[AcceptedRow] = []
    refused: list[RefusedCell] = []
    unchanged = 0
    seen: set[str] = set()
    for number, cells in _rows(content):
        problems, row = _check_row(number, cells, patients, seen)
        refused += problems
        if row is None:
            continue
        if row.is_correction and not _differs(row):
            unchanged += 1
        else:
            accepted.append(row)
    return OutcomePlan(cohort, tuple(accepted), unchanged, tuple(refused))


@transaction.atomic
def commit_outcomes(plan: OutcomePlan, *, actor: User | None, reason: str = "imported from a table") -> int:
    """Write the accepted rows, all or none, and give how many."""
    for row in plan.accepted:
        enter_outcome(row.patient, values=row.values, actor=actor, reason=reason)
    return len(plan.accepted)


def _rows(content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableTable("The file is not UTF-8 text.") from None
    if "\0" in text:
        raise UnreadableTable("The file is not a text table.")
    first_line = text.split("\n", 1)[0]
    delimiter = ";" if first_line.count(";") > first_line.count(",") else ","
    try:
        yield from _cells(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise UnreadableTable(f"The file cannot be read as a table: {error}.") from None


def _cells(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str]]]:
    header = [name.strip() for name in reader.fieldnames or []]
    if missing := [name for name in _REQUIRED if name not in header]:
        raise UnreadableTable(f"The table lacks the column {', '.join(missing)}. Columns are {', '.join(COLUMNS)}.")
    if unknown := [name for name in header if name and name not in COLUMNS]:
        raise UnreadableTable(f"Unknown column {', '.join(unknown)}. Columns are {', '.join(COLUMNS)}.")
    for cells in reader:
        yield reader.line_num, {name.strip(): (cells[name] or "").strip() for name in reader.fieldnames or [] if name}


def _check_row(
    number: int, cells: dict[str, str], patients: Mapping[str, Patient], seen: set[str]
) -> tuple[list[RefusedCell], AcceptedRow | None]:
    code = cells["patient"]
    patient = patients.get(code)
    if patient is None:
        return [RefusedCell(number, "patient", f"The cohort has no patient “{code}”.")], None
    if code in seen:
        return [RefusedCell(number, "patient", f"“{code}” stands in an earlier row, too.")], None
    seen.add(code)
    values, problems = _parse(number, cells)
    if problems:
        return problems, None
    current = current_outcome(patient)
    reading = PathologyOutcome(patient=patient, **values)
    errors = [f for f in findings(reading, patient.cohort) if f.is_error]
    if errors:
        return [RefusedCell(number, f.field, f"{f.message} ({f.rule})") for f in errors], None
    return [], AcceptedRow(number, patient, values, is_correction=current is not None)


def _parse(number: int, cells: dict[str, str]) -> tuple[dict[str, Any], list[RefusedCell]]:
    values: dict[str, Any] = {}
    problems: list[RefusedCell] = []
    for name in OUTCOME_FIELDS:
        field = _FIELDS[name]
        if name not in cells or (cells[name] == "" and name not in _REQUIRED):
            values[name] = field.get_default() if not field.null else None
            continue
        try:
            values[name] = _cell(field, cells[name])
        except forms.ValidationError as error:
            problems.append(RefusedCell(number, name, " ".join(error.messages)))
    return values, problems


def _cell(field: Field[Any, Any], raw: str) -> Any:
    if field.get_internal_type() == "BooleanField":
        if raw.lower() in _TRUE | _FALSE:
            return raw.lower() in _TRUE
        raise forms.ValidationError(f"“{raw}” is neither yes nor no.")
    if field.get_internal_type() == "DateField":
        try:
            return date.fromisoformat(raw)
        except ValueError:
            raise forms.ValidationError(f"“{raw}” is no date: write year-month-day, as 2026-04-03.") from None
    form_field = field.formfield()
    value = form_field.clean(raw) if form_field else raw
    field.run_validators(value)
    return value


def _differs(row: AcceptedRow) -> bool:
    current = current_outcome(row.patient)
    return any(getattr(current, name) != value for name, value in row.values.items())
