"""Documents as values: what a report says, before anybody decides how it looks.

A document holds words, tables, figures and checklists, all of them plain text and numbers. Every table,
figure and filled item names the row it came from (`source`). Two documents with equal values have equal
digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["filled", "author", "not applicable"]
STATUSES: tuple[Status, ...] = ("filled", "author", "not applicable")
Tone = Literal["plain", "caution", "synthetic"]


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of plain text; one that states something from the database names its source."""

    text: str
    source: str = ""
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True)
class Note:
    """A sentence that stands out; `synthetic` says that nobody in the data exists."""

    text: str
    tone: Tone = "plain"
    kind: Literal["note"] = "note"


@dataclass(frozen=True)
class DataTable:
    """A table of written cells.

    Parameters
    ----------
    columns : tuple of str
        Headings, with units.
    rows : tuple of tuple of str
        As many cells in each row as there are columns.
    caption : str
        What the table shows.
    source : str
        The records that its numbers come from.
    numeric : tuple of int
        Columns that are set flush right.

    Raises
    ------
    ValueError
        If a row has another number of cells than there are columns.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    source: str = ""
    numeric: tuple[int, ...] = ()
    kind: Literal["table"] = "table"

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"Every row of the table {self.caption!r} needs {len(self.columns)} cells.")


@dataclass(frozen=True)
class Figure:
    """A Vega-Lite chart with the numbers that it draws.

    Parameters
    ----------
    key : str
        Unique in its document; names the files of the figure.
    title, caption, source : str
        What it shows, how to read it, and the records that its numbers come from.
    spec : mapping
        Vega-Lite with its data inline.
    """

    key: str
    title: str
    spec: Mapping[str, Any]
    caption: str = ""
    source: str = ""
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True)
class Item:
    """One item of a checklist.

    `filled` items have an answer and name their source; `author` items wait for a person and may carry a
    draft; `not applicable` ones may say why.

    Raises
    ------
    ValueError
        If a filled item has no answer or names no source.
    """

    number: str
    text: str
    status: Status
    answer: str = ""
    source: str = ""
    weight: float | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"The status of an item is one of {', '.join(STATUSES)}, not {self.status!r}.")
        if self.status == "filled" and not (self.answer and self.source):
            raise ValueError(f"Item {self.number} is filled, so it needs an answer and the row that it rests on.")


@dataclass(frozen=True)
class Checklist:
    """Items of a reporting guideline, in its order."""

    items: tuple[Item, ...]
    caption: str = ""
    kind: Literal["checklist"] = "checklist"


Block = Paragraph | Note | DataTable | Figure | Checklist


@dataclass(frozen=True)
class Section:
    """A titled part of a document."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole document; `facts` are the label and value pairs under its title."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...] = field(default=())

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in order."""
        return tuple(b for section in self.sections for b in section.blocks if isinstance(b, Figure))

    @property
    def items(self) -> tuple[Item, ...]:
        """All items of all checklists, in order."""
        lists = [b for section in self.sections for b in section.blocks if isinstance(b, Checklist)]
        return tuple(item for one in lists for item in one.items)

    def as_dict(self) -> dict[str, Any]:
        """Give a JSON-ready form."""
        return asdict(self)

    @property
    def digest(self) -> str:
        """Give the sha256 of all values."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()
