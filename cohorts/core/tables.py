"""Tables that people bring: text or workbook, read into columns and rows of text, nothing guessed in silence."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import openpyxl

from cohorts.core.cells import ERROR_WORDS, known_text, visible, why_error
from cohorts.core.csv_writer import guarded, unguarded, write_csv
from cohorts.core.errors import Reason, UnreadableTable
from cohorts.core.text_files import decoded
from cohorts.core.workbook import Line, is_workbook, read_sheet

#: A table is held in memory; so much holds tens of thousands of patients.
MAX_BYTES = 20 * 1024**2


@dataclass(frozen=True)
class Row:
    """One line of a table. ``number`` counts lines of the file, the header being 1."""

    number: int
    cells: Mapping[str, str]
    #: Cells beyond the last column, which belong nowhere.
    surplus: int = 0
    #: Column → why its cell cannot be read.
    refused: Mapping[str, Reason] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A header and its rows, every cell as text."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    #: What a person should know of how it was read.
    notes: tuple[Reason, ...] = ()


def read_table(content: bytes, *, sheet: str = "") -> Table:
    """Read a table from text or from a workbook.

    Parameters
    ----------
    content : bytes
        The file.
    sheet : str
        Sheet of a workbook; empty for the first that is not hidden.

    Returns
    -------
    Table
        Without its empty rows; cells that say "not known" are empty.

    Raises
    ------
    UnreadableTable
        If it is neither, or its header is ambiguous.
    """
    if len(content) > MAX_BYTES:
        raise UnreadableTable(f"The table is larger than {MAX_BYTES // 1024**2} MB. Split it.")
    if not is_workbook(content):
        return _read_text(content)
    read = read_sheet(content, sheet)
    return _table(iter(read.lines), notes=read.notes)


def write_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Write a table as CSV that Excel reads as UTF-8, too."""
    return write_csv(columns, rows, line_end="\r\n").encode("utf-8-sig")


def write_workbook(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str) -> bytes:
    """Write a table as a workbook of one sheet, every cell as text."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    sheet.append(list(columns))
    for row in rows:
        sheet.append([guarded(cell) for cell in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _read_text(content: bytes) -> Table:
    text = decoded(content)
    if "\0" in text:
        raise UnreadableTable("The file is not a text table, nor an Excel workbook (.xlsx).")
    first_line = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        return _table(Line(reader.line_num, cells, _errors(cells)) for cells in reader)
    except csv.Error as error:
        raise UnreadableTable(f"The file cannot be read as a table: {error}.") from None


def _errors(cells: Sequence[str]) -> dict[int, Reason]:
    return {place: why_error(cell) for place, cell in enumerate(cells) if cell in ERROR_WORDS}


def _table(lines: Iterator[Line], *, notes: tuple[Reason, ...] = ()) -> Table:
    header = next(lines, Line(1, []))
    columns = [visible(name) for name in header.cells]
    while columns and not columns[-1]:
        columns.pop()
    if broken := [str(place + 1) for place in header.refused if place < len(columns)]:
        raise UnreadableTable(f"The header holds an error or a formula without a result in column {broken[0]}.")
    if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
        raise UnreadableTable(f"The column {', '.join(twice)} stands in the header more than once.")
    return Table(tuple(filter(None, columns)), tuple(_rows(columns, lines)), notes)


def _rows(columns: Sequence[str], lines: Iterable[Line]) -> Iterator[Row]:
    for line in lines:
        cells = [known_text(unguarded(cell.strip())) for cell in line.cells]
        if any(cells) or line.refused:
            padded = [*cells, *[""] * (len(columns) - len(cells))]
            named = {name: cell for name, cell in zip(columns, padded, strict=False) if name}
            refused = {
                columns[place]: reason
                for place, reason in line.refused.items()
                if place < len(columns) and columns[place]
            }
            yield Row(line.number, named, surplus=sum(map(bool, cells[len(columns) :])), refused=refused)
