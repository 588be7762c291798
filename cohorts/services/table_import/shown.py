"""What a table would do, in the words of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cohorts.services.table_import.plan import AcceptedRow
from cohorts.services.table_import.values import label_of, words_of

#: A page shows so many rows; what is counted is all.
ROWS_ON_A_PAGE = 100


@dataclass(frozen=True)
class Change:
    """One field of a row: what is there and what would be."""

    label: str
    old: str
    new: str


@dataclass(frozen=True)
class ShownRow:
    """One row of a table as a page shows it."""

    number: int
    code: str
    is_patient_new: bool
    changes: Sequence[Change]


def shown_rows(rows: Sequence[AcceptedRow]) -> list[ShownRow]:
    """Give the first rows for a page."""
    return [
        ShownRow(row.row, row.patient.code, row.patient.pk is None, [_change(*item) for item in row.changes.items()])
        for row in rows[:ROWS_ON_A_PAGE]
    ]


def _change(name: str, values: tuple[Any, Any]) -> Change:
    old, new = values
    return Change(label_of(name), words_of(name, old), words_of(name, new))
