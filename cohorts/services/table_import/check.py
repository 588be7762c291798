"""Judging the rows of a table against what is there, without a query for a row."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cohorts.core.agreement import UNREAD
from cohorts.core.cells import likeness
from cohorts.core.redcap import Project
from cohorts.core.tables import Row, Table
from cohorts.core.timeline import check_timeline
from cohorts.models import PathologyOutcome, Patient
from cohorts.selectors.patients import timeline_of
from cohorts.selectors.table_imports import Known
from cohorts.services.locks import refusal_of
from cohorts.services.outcomes import OUTCOME_FIELDS, findings, with_totals
from cohorts.services.patients import CLINICAL_FIELDS, with_stage
from cohorts.services.table_import.plan import AcceptedRow, Mapped, Plan, RefusedCell, changes_of
from cohorts.services.table_import.values import REQUIRED_OF_READING, nothing_in, value_of
from cohorts.wording import said

_CODE = Patient._meta.get_field("code")


class _Refused(Exception):
    """A row cannot be written; gives the reason at each field."""

    def __init__(self, *reasons: tuple[str, str]) -> None:
        super().__init__()
        self.reasons = reasons


def plan_table(known: Known, table: Table, *, mapping: Mapping[str, str], project: Project | None = None) -> Plan:
    """Say for each row of a table whether it is new, changed, unchanged or refused.

    Raises
    ------
    UnreadableTable
        If a column is missing without which no row can be read.
    """
    mapped = Mapped(table, mapping, project=project)
    rows, refused = mapped.rows()
    checker = _Checker(known, frozenset(mapped.column_of))
    judged = []
    for row in rows:
        try:
            judged.append(checker.judge(row))
        except _Refused as refusal:
            columns = mapped.column_of
            refused += [RefusedCell(row.number, columns.get(name, name), why) for name, why in refusal.reasons]
    accepted = tuple(row for row in judged if row.changes)
    in_order = tuple(sorted(refused, key=lambda cell: cell.row))
    return Plan(known.cohort, accepted, unchanged=len(judged) - len(accepted), refused=in_order, notes=mapped.notes)


@dataclass
class _Checker:
    """What is known of a cohort, the fields that a table has, and the patients that its earlier rows named."""

    known: Known
    fields: frozenset[str]
    seen: set[str] = field(default_factory=set)
    #: Likeness of a code → the code, of patients that are stored or that an earlier row names.
    near: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.near = {likeness(code): code for code in (*self.known.hidden_codes, *self.known.patients)}

    def judge(self, row: Row) -> AcceptedRow:
        """Give what a row would write, or raise why it may not."""
        if row.surplus:
            raise _Refused(("patient", _("The row has more cells than the header has columns.")))
        if row.refused:
            raise _Refused(*((name, said(reason)) for name, reason in row.refused.items()))
        stored = self._patient(row)
        current = self.known.outcomes.get(stored.pk) if stored else None
        clinical, reading = self._parsed(row, current)
        before = stored or Patient(cohort=self.known.cohort, code=row.cells["patient"])
        clinical = with_stage(before, clinical)
        after = copy.copy(before)
        for name, value in clinical.items():
            setattr(after, name, value)
        outcome = PathologyOutcome(patient=after, **reading) if reading else None
        of_patient = dict(changes_of(stored, after, list(clinical)))
        of_reading = dict(changes_of(current, outcome, OUTCOME_FIELDS)) if outcome else {}
        if stored is None or of_patient or of_reading:
            self._require_writable(stored)
            self._require_rules(after, outcome if of_reading else None, current)
        return AcceptedRow(
            row.number,
            before,
            clinical=clinical if stored is None else {name: clinical[name] for name in of_patient},
            reading=reading if of_reading else {},
            changes={**of_patient, **of_reading},
            has_reading=current is not None,
        )

    def _patient(self, row: Row) -> Patient | None:
        """Give the patient that a row names; None for one that it would add."""
        code = row.cells["patient"]
        if not code:
            raise _Refused(("patient", _("The row names no patient.")))
        if code in self.seen:
            raise _Refused(("patient", _("“%(code)s” stands in an earlier row, too.") % {"code": code}))
        self.seen.add(code)
        if code not in self.known.patients:
            self._require_unlike(code)
            self._require_addable(code, row)
        self.near.setdefault(likeness(code), code)
        return self.known.patients.get(code)

    def _require_unlike(self, code: str) -> None:
        """Refuse a new code that differs from another one only by what people do not see or type differently."""
        near = self.near.get(likeness(code))
        if near is None or near == code:
            return
        if near in self.known.hidden_codes:
            raise _Refused(("patient", _("“%(code)s” is not a patient of your centre.") % {"code": code}))
        sentence = _(
            "“%(code)s” differs from “%(near)s” only by case, blanks, zeros or invisible characters. If it is the same "
            "patient, write “%(near)s”."
        )
        raise _Refused(("patient", sentence % {"code": code, "near": near}))

    def _require_addable(self, code: str, row: Row) -> None:
        sentence = _("The cohort has no patient “%(code)s”.") % {"code": code}
        if not self.known.may_edit_patients:
            raise _Refused(("patient", sentence))
        if not row.cells.get("centre"):
            raise _Refused(("patient", f"{sentence} {_('To add one, give the centre in the table.')}"))
        if code in self.known.hidden_codes:
            raise _Refused(("patient", _("“%(code)s” is not a patient of your centre.") % {"code": code}))
        try:
            _CODE.run_validators(code)
        except ValidationError as error:
            raise _Refused(("patient", " ".join(error.messages))) from None

    def _require_writable(self, patient: Patient | None) -> None:
        if lock := self.known.lock_of(patient):
            raise _Refused(("patient", refusal_of(lock).message))

    def _require_rules(
        self, patient: Patient, outcome: PathologyOutcome | None, current: PathologyOutcome | None
    ) -> None:
        """Refuse what breaks a rule: of the reading that a row brings, else only of the patient's dates."""
        if outcome:
            agreed = self.known.consensus.get(patient.pk, UNREAD)
            found = findings(outcome, self.known.cohort, consensus=agreed)
        else:
            found = check_timeline(timeline_of(patient, outcome=current or PathologyOutcome()))
        if errors := [finding for finding in found if finding.is_error]:
            raise _Refused(*((finding.field, f"{said(finding)} ({finding.rule})") for finding in errors))

    def _parsed(self, row: Row, current: PathologyOutcome | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the clinical values and those of the reading, or raise every cell that is none."""
        problems: list[tuple[str, str]] = []
        clinical = self._values(row, self._clinical_fields(row), problems)
        named = self._reading_fields(row)
        reading = self._values(row, named, problems)
        if problems:
            raise _Refused(*problems)
        if named:
            kept = {name: getattr(current, name) if current else nothing_in(name) for name in OUTCOME_FIELDS}
            reading = with_totals({**kept, **reading})
        return clinical, reading

    def _clinical_fields(self, row: Row) -> list[str]:
        if not self.known.may_edit_patients:
            return []
        # A patient always has a centre: an empty cell leaves it as it is.
        return [name for name in CLINICAL_FIELDS if name in self.fields and (name != "centre" or row.cells[name])]

    def _reading_fields(self, row: Row) -> list[str]:
        """Give the fields of the reading that a row has; none where all of its cells are empty."""
        if not self.known.may_enter_outcomes:
            return []
        named = [name for name in OUTCOME_FIELDS if name in self.fields]
        return named if any(row.cells[name] for name in named) else []

    def _values(self, row: Row, names: list[str], problems: list[tuple[str, str]]) -> dict[str, Any]:
        found = {}
        for name in names:
            try:
                found[name] = self._value(name, row.cells[name])
            except ValidationError as error:
                problems.append((name, " ".join(error.messages)))
        return found

    def _value(self, name: str, text: str) -> Any:
        if name == "centre":
            return self.known.centre_named(text)
        if text or name in REQUIRED_OF_READING:
            return value_of(name, text)
        return nothing_in(name)
