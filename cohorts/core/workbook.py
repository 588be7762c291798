"""Sheets of Excel workbooks as lines of text cells, as a person sees them; what cannot be read is named by its cell."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, cast

import openpyxl
from openpyxl.utils import range_boundaries
from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.xml.functions import iterparse

from cohorts.core.cells import ERROR_WORDS, number_text, why_error
from cohorts.core.errors import Reason, UnreadableTable, gettext_noop

_MAX_UNPACKED_BYTES = 200 * 1024**2
_WORKBOOK = b"PK\x03\x04"
_UNREADABLE = "The file is not a text table, nor an Excel workbook (.xlsx) that can be read."
_DAMAGED = (
    "This is no Excel workbook (.xlsx) that can be read: {part} is damaged. "
    "Open it in a spreadsheet program and save it again, or save it as CSV."
)
_NO_RESULT = gettext_noop(
    "The cell holds a formula without a result. Open the workbook in a spreadsheet program, save it, and bring it again."
)
_HIDDEN_SHEET = gettext_noop("The sheet “{read}” was read; before it there is a hidden one: {hidden}.")
_HIDDEN_ROWS = gettext_noop("{count} rows of the sheet are hidden and were read like the others: {rows}.")
_HIDDEN_COLUMNS = gettext_noop("Hidden columns of the sheet were read like the others: {columns}.")
_MERGED = gettext_noop("Merged cells were read as their first cell in each of their rows and columns: {ranges}.")
_SHOWN = 8
#: First column, first row, last column and last row of merged cells, the first being 1.
_Bounds = tuple[int, int, int, int]


@dataclass(frozen=True)
class Line:
    """One line of a sheet; ``refused`` maps the place of a cell (0 for the first) to why it cannot be read."""

    number: int
    cells: Sequence[str]
    refused: Mapping[int, Reason] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """The lines of one sheet, and what a person should know of them."""

    lines: tuple[Line, ...]
    notes: tuple[Reason, ...]


@dataclass
class _Markup:
    """What the XML of a sheet says besides values."""

    formulas: set[tuple[int, int]] = field(default_factory=set)
    merged: list[str] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[str] = field(default_factory=list)


def is_workbook(content: bytes) -> bool:
    """Return whether a file is an Excel workbook, by its first bytes."""
    return content.startswith(_WORKBOOK)


def read_sheet(content: bytes, name: str = "") -> Sheet:
    """Read a sheet of a workbook.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        Of the sheet; empty for the first that is not hidden.

    Returns
    -------
    Sheet

    Raises
    ------
    UnreadableTable
        If the workbook is damaged, too large, or has no such sheet.
    """
    _require_archive(content)
    try:
        with warnings.catch_warnings():  # of styles and extensions that do not concern the cells
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            return _sheet(book, name)
    except UnreadableTable:
        raise
    except Exception as error:  # openpyxl lets whatever a damaged part causes pass: TypeError, IndexError, KeyError …
        part = "a style of its cells" if isinstance(error, IndexError) else "a part of it"
        raise UnreadableTable(_DAMAGED.format(part=part)) from None


def _require_archive(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = {entry.filename for entry in archive.infolist()}
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        raise UnreadableTable(_UNREADABLE) from None
    if "[Content_Types].xml" not in names:
        raise UnreadableTable(_UNREADABLE)
    if unpacked > _MAX_UNPACKED_BYTES:
        raise UnreadableTable("The workbook unpacks to more than a table of patients can hold.")


def _sheet(book: Any, name: str) -> Sheet:
    page, notes = _chosen(book, name)
    with page._get_source() as source:  # openpyxl keeps merged and hidden cells from who reads row by row
        markup = _markup(source)
    page.reset_dimensions()  # some programs write a wrong extent, which would cut the table
    lines = tuple(_filled(_lines(page, markup), markup.merged))
    return Sheet(lines, (*notes, *_notes(markup)))


def _chosen(book: Any, name: str) -> tuple[Any, list[Reason]]:
    pages = {page.title: page for page in book.worksheets}
    if name and name not in pages:
        raise UnreadableTable(f"The workbook has no sheet “{name}”. It has: {', '.join(pages)}.")
    if not pages:
        raise UnreadableTable("The workbook has no sheet of cells that can be read.")
    if name:
        return pages[name], []
    titles = list(pages)
    shown = [title for title in titles if pages[title].sheet_state == "visible"]
    if not shown:
        raise UnreadableTable(f"All sheets of the workbook are hidden: {', '.join(titles)}. Name the one to read.")
    hidden = titles[: titles.index(shown[0])]
    notes = [Reason(_HIDDEN_SHEET, {"read": shown[0], "hidden": ", ".join(hidden)})] if hidden else []
    return pages[shown[0]], notes


def _markup(source: Any) -> _Markup:
    found = _Markup()
    for _event, element in iterparse(source, events=("end",)):
        tag = element.tag.rpartition("}")[2]
        if tag == "c":
            _note_formula(element, found)
        elif tag == "mergeCell":
            found.merged.append(element.get("ref"))
        elif tag == "row":
            if element.get("hidden") in ("1", "true") and element.get("r"):
                found.hidden_rows.append(int(element.get("r")))
            element.clear()
        elif tag == "col" and element.get("hidden") in ("1", "true"):
            found.hidden_columns.append("–".join(dict.fromkeys((element.get("min"), element.get("max")))))
    return found


def _note_formula(element: Any, found: _Markup) -> None:
    tags = {child.tag.rpartition("}")[2]: child for child in element}
    value = tags.get("v")
    # A formula whose result is an empty text has a value of the type "str".
    if "f" in tags and (value is None or (not value.text and element.get("t") != "str")) and element.get("r"):
        found.formulas.add(coordinate_to_tuple(element.get("r")))


def _lines(page: Any, markup: _Markup) -> Iterator[Line]:
    for number, row in enumerate(page.iter_rows(), 1):
        cells, refused = [], {}
        for place, cell in enumerate(row):
            text = _text(cell)
            cells.append(text)
            if (number, place + 1) in markup.formulas:
                refused[place] = Reason(_NO_RESULT)
            elif cell.data_type == "e" or text in ERROR_WORDS:
                refused[place] = why_error(text)
        yield Line(number, cells, refused)


def _filled(lines: Iterator[Line], merged: Sequence[str]) -> Iterator[Line]:
    """Yield lines in which every merged cell has what its first one holds."""
    starting: defaultdict[int, list[_Bounds]] = defaultdict(list)
    for bounds in (cast(_Bounds, range_boundaries(one)) for one in merged):
        starting[bounds[1]].append(bounds)
    active: list[tuple[_Bounds, str, Reason | None]] = []
    width = 0
    for line in lines:
        width = width or len(line.cells)
        cells, refused = [*line.cells, *[""] * (width - len(line.cells))], dict(line.refused)
        active = [one for one in active if one[0][3] >= line.number]
        for bounds in starting.get(line.number, ()):
            first = bounds[0] - 1
            active.append((bounds, cells[first] if first < len(cells) else "", refused.get(first)))
        for bounds, text, reason in active:
            for place in range(bounds[0] - 1, min(bounds[2], len(cells))):
                cells[place] = text
                if reason:
                    refused[place] = reason
        yield Line(line.number, cells, refused)


def _notes(markup: _Markup) -> Iterator[Reason]:
    if markup.hidden_rows:
        rows = _some(list(map(str, markup.hidden_rows)))
        yield Reason(_HIDDEN_ROWS, {"count": str(len(markup.hidden_rows)), "rows": rows})
    if markup.hidden_columns:
        yield Reason(_HIDDEN_COLUMNS, {"columns": _some(markup.hidden_columns)})
    if markup.merged:
        yield Reason(_MERGED, {"ranges": _some(markup.merged)})


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:_SHOWN]) + (", …" if len(words) > _SHOWN else "")


def _text(cell: Any) -> str:
    """Return a cell as a person would type it: days as year-month-day, 8 % as 8, codes with their zeros."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime | date):
        day = value.date() if isinstance(value, datetime) else value
        return day.isoformat()
    if isinstance(value, int | float):
        return number_text(value, cell.number_format or "")
    return str(value)
