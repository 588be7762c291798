"""What a table would do, row by row; nothing is written here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from cohorts import audit
from cohorts.core.cells import SENTINELS
from cohorts.core.errors import Reason, UnreadableTable
from cohorts.core.redcap import Project, one_row_each
from cohorts.core.tables import Row, Table
from cohorts.models import Cohort, Patient
from cohorts.services.outcomes import OUTCOME_FIELDS
from cohorts.services.patients import CLINICAL_FIELDS
from cohorts.services.table_import.values import COLUMNS, FORMER_COLUMNS, NUMBERS, REQUIRED_OF_READING
from cohorts.wording import said

#: Written as a number; 99 is an age or a percentage, too.
_SENTINELS = frozenset(f"{value:g}" for value in SENTINELS if value != 99)


@dataclass(frozen=True)
class RefusedCell:
    """Why a row is refused, and where. ``row`` counts lines of the file, the header being 1."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True)
class AcceptedRow:
    """A row that can be written: what it sets, and what that changes (field → old and new)."""

    row: int
    patient: Patient
    clinical: Mapping[str, Any]
    reading: Mapping[str, Any]
    changes: Mapping[str, tuple[Any, Any]]
    has_reading: bool

    @property
    def is_correction(self) -> bool:
        """Tell a new version of a reading from a first one."""
        return self.has_reading and bool(self.reading)

    @property
    def is_new(self) -> bool:
        """Tell what was not there, a patient or a first reading, from what changes."""
        return self.patient.pk is None or (bool(self.reading) and not self.has_reading)


@dataclass(frozen=True)
class Plan:
    """What a table would do."""

    cohort: Cohort
    accepted: tuple[AcceptedRow, ...]
    unchanged: int
    refused: tuple[RefusedCell, ...]
    #: What a person should know of how the table was read.
    notes: tuple[str, ...] = ()

    @property
    def new(self) -> list[AcceptedRow]:
        """Rows of patients or readings that are not there yet."""
        return [row for row in self.accepted if row.is_new]

    @property
    def changed(self) -> list[AcceptedRow]:
        """Rows that change what is there."""
        return [row for row in self.accepted if not row.is_new]

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each kind."""
        refused = len({cell.row for cell in self.refused})
        return {"new": len(self.new), "changed": len(self.changed), "unchanged": self.unchanged, "refused": refused}

    @cached_property
    def digest(self) -> str:
        """Sha256 of every change, by which what is written is what was looked at."""
        rows = [
            (row.row, row.patient.code, {k: list(map(str, v)) for k, v in row.changes.items()})
            for row in self.accepted
        ]
        return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


class Mapped:
    """A table seen through its mapping: fields instead of columns."""

    def __init__(self, table: Table, mapping: Mapping[str, str], *, project: Project | None = None) -> None:
        self.column_of = {mapping[column]: column for column in table.columns if mapping.get(column)}
        self._mapping = mapping
        self._table = table
        self._project = project
        self._require()

    def _require(self) -> None:
        named = [self._mapping[column] for column in self._table.columns if self._mapping.get(column)]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise UnreadableTable(_("Several columns of the table are %(field)s. Keep one.") % {"field": twice[0]})
        reading = self.column_of.keys() & set(OUTCOME_FIELDS)
        required = ("patient", *(REQUIRED_OF_READING if reading else ()))
        if missing := [name for name in required if name not in self.column_of]:
            words = {"missing": ", ".join(missing), "columns": ", ".join(COLUMNS)}
            raise UnreadableTable(_("The table lacks the column %(missing)s. Columns are %(columns)s.") % words)
        if len(self.column_of) == 1:
            raise UnreadableTable(_("No column of the table is read but the patient."))

    def rows(self) -> tuple[Sequence[Row], list[RefusedCell]]:
        """Give the rows by field, one a patient where REDCap has several."""
        rows: Sequence[Row] = self._table.rows
        refused = []
        if self._project:
            columns = list(self.column_of.values())
            rows, conflicts = one_row_each(rows, key=self.column_of["patient"], columns=columns)
            refused = [RefusedCell(c.row, c.column, _several(c.values)) for c in conflicts]
        return [Row(row.number, self._by_field(row), row.surplus, self._refused(row)) for row in rows], refused

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the file, and of numbers that often stand for "not known"."""
        return (*map(said, self._table.notes), *self._sentinels())

    def _sentinels(self) -> Iterator[str]:
        for field, column in self.column_of.items():
            if field not in NUMBERS:
                continue
            found = [row for row in self._table.rows if row.cells[column] in _SENTINELS]
            if found:
                words = {
                    "column": column,
                    "value": found[0].cells[column],
                    "row": found[0].number,
                    "count": len(found),
                }
                yield (
                    _(
                        "The column %(column)s holds %(value)s in row %(row)s (%(count)s such cells), which often stands "
                        "for “not known”. Empty the cell if it does."
                    )
                    % words
                )

    def _refused(self, row: Row) -> dict[str, Reason]:
        return {field: row.refused[column] for field, column in self.column_of.items() if column in row.refused}

    def _by_field(self, row: Row) -> dict[str, str]:
        named = ((field, column, row.cells[column]) for field, column in self.column_of.items())
        if self._project is None:
            return {field: text for field, _column, text in named}
        return {field: self._project.value_of(column, text) for field, column, text in named}


def _several(values: Sequence[str]) -> str:
    said = ", ".join(f"“{value}”" for value in values)
    return _("Events or repeats of this patient say different things: %(said)s. Keep one of them.") % {"said": said}


def strict_mapping(columns: Sequence[str]) -> dict[str, str]:
    """Read every column as the field of its name.

    Raises
    ------
    UnreadableTable
        If a column is none of ours.
    """
    if unknown := [name for name in columns if name not in {*COLUMNS, *FORMER_COLUMNS}]:
        words = {"unknown": ", ".join(unknown), "columns": ", ".join(COLUMNS)}
        raise UnreadableTable(_("Unknown column %(unknown)s. Columns are %(columns)s.") % words)
    return {name: FORMER_COLUMNS.get(name, name) for name in columns}


def changes_of(old: Any, new: Any, fields: Sequence[str]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Give what differs between two records, in the order of the columns."""
    differences = audit.differences(old, new, fields)
    return ((name, differences[name]) for name in (*CLINICAL_FIELDS, *OUTCOME_FIELDS) if name in differences)
