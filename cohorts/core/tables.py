"""Tables that people bring: text or workbook, read into columns and rows of text, nothing guessed in silence."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from cohorts.core.csv_writer import guarded, unguarded, write_csv
from cohorts.core.errors import UnreadableTable

#: A table is held in memory; so much holds tens of thousands of patients.
MAX_BYTES = 20 * 1024**2
_MAX_UNPACKED_BYTES = 200 * 1024**2
_WORKBOOK = b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
#: A Chinese text consists mostly of these rows of GB 2312; other encodings that are read so by mistake do not.
_COMMON_HANZI = re.compile(rb"[\xb0-\xd7\xa1-\xa3][\xa1-\xfe]")
_COMMON_SHARE = 0.7


@dataclass(frozen=True)
class Row:
    """One line of a table. ``number`` counts lines of the file, the header being 1."""

    number: int
    cells: Mapping[str, str]
    #: Cells beyond the last column, which belong nowhere.
    surplus: int = 0


@dataclass(frozen=True)
class Table:
    """A header and its rows, every cell as text."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def is_workbook(content: bytes) -> bool:
    """Tell an Excel workbook from a text table, by its first bytes."""
    return content.startswith(_WORKBOOK)


def read_table(content: bytes, *, sheet: str = "") -> Table:
    """Read a table from text or from a workbook.

    Parameters
    ----------
    content : bytes
        The file.
    sheet : str
        Sheet of a workbook; empty for the first.

    Returns
    -------
    Table
        Without its empty rows.

    Raises
    ------
    UnreadableTable
        If it is neither, or its header is ambiguous.
    """
    if len(content) > MAX_BYTES:
        raise UnreadableTable(f"The table is larger than {MAX_BYTES // 1024**2} MB. Split it.")
    return _read_workbook(content, sheet) if is_workbook(content) else _read_text(content)


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
        return _table((reader.line_num, cells) for cells in reader)
    except csv.Error as error:
        raise UnreadableTable(f"The file cannot be read as a table: {error}.") from None


def decoded(content: bytes) -> str:
    """Give the text of a file in UTF-8, UTF-16 or the Chinese GB18030.

    Raises
    ------
    UnreadableTable
        If it is none of them.
    """
    unmarked = ["utf-8-sig", "gb18030"] if _looks_chinese(content) else ["utf-8-sig"]
    for encoding in ["utf-16"] if content.startswith(_UTF16) else unmarked:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableTable("The file is not UTF-8 text, nor UTF-16 or GB18030. Save it as “CSV UTF-8”.")


def _looks_chinese(content: bytes) -> bool:
    """Tell Chinese from the many texts whose bytes happen to be valid GB18030."""
    foreign = sum(byte >= 0x80 for byte in content)
    return foreign > 0 and 2 * len(_COMMON_HANZI.findall(content)) >= _COMMON_SHARE * foreign


def _read_workbook(content: bytes, sheet: str) -> Table:
    try:
        _refuse_bomb(content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        return _sheet(book, sheet)  # its cells are read only now
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError, SyntaxError):
        raise UnreadableTable(
            "The file is not a text table, nor an Excel workbook (.xlsx) that can be read."
        ) from None


def _sheet(book: openpyxl.Workbook, sheet: str) -> Table:
    names = [page.title for page in book.worksheets]
    if not names or (sheet and sheet not in names):
        raise UnreadableTable(f"The workbook has no sheet “{sheet}”. It has: {', '.join(names)}.")
    page = book[sheet] if sheet else book.worksheets[0]
    page.reset_dimensions()  # some programs write a wrong extent, which would cut the table
    return _table((number, [_text(cell) for cell in row]) for number, row in enumerate(page.iter_rows(), 1))


def _refuse_bomb(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MAX_UNPACKED_BYTES:
            raise UnreadableTable("The workbook unpacks to more than a table of patients can hold.")


def _text(cell: Any) -> str:
    """Give a cell as a person would type it: days as year-month-day, 8 % as 8, codes with their zeros."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime | date):
        day = value.date() if isinstance(value, datetime) else value
        return day.isoformat()
    if isinstance(value, int | float):
        return _number(value, cell.number_format or "")
    return str(value)


def _number(value: float, shown_as: str) -> str:
    exact = Decimal(repr(value))
    if shown_as.endswith("%"):
        exact = round(exact * 100, 6)
    if re.fullmatch("0+", shown_as) and exact == exact.to_integral_value():
        return str(int(exact)).zfill(len(shown_as))
    plain = f"{exact:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _table(lines: Iterator[tuple[int, Sequence[str]]]) -> Table:
    header = next(lines, (1, []))[1]
    columns = [name.strip() for name in header]
    while columns and not columns[-1]:
        columns.pop()
    if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
        raise UnreadableTable(f"The column {', '.join(twice)} stands in the header more than once.")
    return Table(tuple(filter(None, columns)), tuple(_rows(columns, lines)))


def _rows(columns: Sequence[str], lines: Iterator[tuple[int, Sequence[str]]]) -> Iterator[Row]:
    for number, raw in lines:
        cells = [unguarded(cell.strip()) for cell in raw]
        if any(cells):
            padded = [*cells, *[""] * (len(columns) - len(cells))]
            named = {name: cell for name, cell in zip(columns, padded, strict=False) if name}
            yield Row(number, named, surplus=sum(map(bool, cells[len(columns) :])))
