"""Tables that people bring, as files: CSV in its usual shapes, Excel, or Parquet. Every cell is read as text first."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from cohorts.core import errors
from cohorts.core.cells import MISSING_WORDS, visible
from cohorts.core.text_files import decoded
from cohorts.core.workbook import Line, Sheet, is_workbook, read_sheet
from modeling.core.errors import UnreadableTable
from modeling.core.own_table.parquet import MAGIC, ParquetColumns, read_parquet

Floats = NDArray[np.float64]

#: Of a file that is uploaded; the command reads larger ones.
MAX_BYTES = 50 * 1024 * 1024
MAX_COLUMNS = 20_000
DELIMITERS = (",", ";", "\t")
#: Cells that say that a value is not known, in lower case.
_MISSING = pa.array(sorted(word.lower() for word in MISSING_WORDS))
#: What stands for "no" beside "+".
_MINUS = pa.array(["-", "\u2013", "\u2014", "\u2212"])
_WITH_COMMA = r"^[+-]?\d+(,\d+)?([eE][+-]?\d+)?$"
#: One to three digits and then groups of three: as well a thousand as a decimal.
_MAY_BE_THOUSANDS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+$"
_SNIFFED_ROWS = 20


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as it was brought: text cells, absent ones null.

    Parameters
    ----------
    columns : dict of str to pyarrow.StringArray
        By name, in the order of the file.
    decimal_comma : bool
        Whether numbers such as ``0,5`` occur, so that commas are decimal.
    unread : dict of str to str
        Why a column of a Parquet file is not read; completes the sentence "The column … ". Its cells are null.
    days : tuple of str
        Columns of durations, read as days.
    notes : tuple of str
        What a person should know of how the file was read.
    """

    columns: dict[str, pa.StringArray]
    decimal_comma: bool = False
    unread: dict[str, str] = field(default_factory=dict)
    days: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Give the number of rows below the header."""
        return len(next(iter(self.columns.values())))

    def texts(self, name: str) -> list[str | None]:
        """Give a column's cells as they stand."""
        found: list[str | None] = self.columns[name].to_pylist()
        return found

    def numbers(self, name: str) -> Floats | None:
        """Give a column as numbers, absent cells as NaN, true and false as 1 and 0; None if it holds other text."""
        cells = self.columns[name]
        if _is_boolean(cells):
            cells = pc.if_else(pc.equal(pc.utf8_lower(cells), "true"), "1", "0")
        found = _plain_numbers(cells)
        if self.decimal_comma and found is not None and _any(pc.match_substring(cells, ".")):
            return None  # beside decimal commas a point may separate thousands
        if found is None and self.decimal_comma and _all_match(cells, _WITH_COMMA):
            found = _plain_numbers(pc.replace_substring(cells, ",", "."))
        return found


def read_table(content: bytes) -> RawTable:
    """Read CSV (comma, semicolon or tab; UTF-8, UTF-16 or GB18030; decimal comma), Excel or Parquet.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    RawTable

    Raises
    ------
    UnreadableTable
        If it is empty, too wide, of another kind, has no header or rows of unequal length.
    """
    if not content.strip():
        raise UnreadableTable("The file is empty.")
    if content[:4] == MAGIC:
        return _of_parquet(read_parquet(content))
    names, cells, notes = _excel(content) if is_workbook(content) else (*_csv(content), ())
    columns = _columns(names, cells)
    return RawTable(columns, decimal_comma=_has_decimal_comma(columns), notes=notes)


def _of_parquet(found: ParquetColumns) -> RawTable:
    names = _named(["" if name.startswith("__index_level_") else name for name in found.names])
    columns = _columns(names, list(found.cells))
    unread = {names[place]: reason for place, reason in found.unread.items()}
    days = tuple(names[place] for place in found.days)
    return RawTable(columns, _has_decimal_comma(columns), unread=unread, days=days)


def _columns(names: list[str], cells: list[Any]) -> dict[str, Any]:
    _require_names(names)
    if not len(cells[0]):
        raise UnreadableTable("The table has a header and no row.")
    return {name: _known(column) for name, column in zip(names, cells, strict=True)}


def _require_names(names: list[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise UnreadableTable(f"The table has {len(names):,} columns; at most {MAX_COLUMNS:,} are read.")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UnreadableTable(f"Two columns are named {name!r}.")
        seen.add(name)


def _named(header: list[str]) -> list[str]:
    return [visible(name) or f"(unnamed {place})" for place, name in enumerate(header, 1)]


def _csv(content: bytes) -> tuple[list[str], list[Any]]:
    try:
        text = decoded(content)
    except errors.UnreadableTable:
        raise UnreadableTable(
            "The file is neither UTF-8 text nor Parquet, nor an Excel workbook, nor text in UTF-16 or GB18030."
        ) from None
    if "\0" in text:
        raise UnreadableTable("The file is not a text table.")
    if text.count('"') % 2:
        raise UnreadableTable("The file cannot be read as a table: it has a quotation mark that never ends.")
    delimiter = _delimiter(text)
    header, lines = _header(text, delimiter)
    if len(header) < 2:
        raise UnreadableTable("The table has one column only; cells are divided by commas, semicolons or tabs.")
    broken: list[tuple[int, int]] = []

    def remember(row: Any) -> str:
        broken.append((row.number or 0, row.actual_columns))
        return "error"

    places = [str(place) for place in range(len(header))]
    try:
        found = pa_csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=pa_csv.ReadOptions(
                column_names=places, skip_rows=lines, use_threads=False, block_size=1 << 27
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=remember
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException:
        raise UnreadableTable(_why_broken(broken, len(header))) from None
    return _named(header), [column.combine_chunks() for column in found.columns]


def _excel(content: bytes) -> tuple[list[str], list[Any], tuple[str, ...]]:
    try:
        sheet = read_sheet(content)
    except errors.UnreadableTable as problem:
        raise UnreadableTable(problem.message) from None
    header, lines = _sheet_lines(sheet)
    for line in lines:
        _require_readable(line, header)
    padded = [[*line.cells, *[""] * (len(header) - len(line.cells))] for line in lines]
    cells = [pa.array([row[place] for row in padded], pa.string()) for place in range(len(header))]
    return _named(header), cells, tuple(note.message for note in sheet.notes)


def _sheet_lines(sheet: Sheet) -> tuple[list[str], list[Line]]:
    """Return the header and the lines below it, up to the last that is not empty."""
    filled = [place for place, line in enumerate(sheet.lines) if any(line.cells) or line.refused]
    if not filled:
        raise UnreadableTable("The sheet of the workbook is empty.")
    first = sheet.lines[filled[0]]
    header = list(first.cells)
    while not header[-1].strip() and len(header) > 1:
        header.pop()
    _require_readable(first, header)
    if len(header) < 2:
        raise UnreadableTable("The table has one column only; each feature is a column of its own.")
    return header, list(sheet.lines[filled[0] + 1 : filled[-1] + 1])


def _require_readable(line: Line, header: list[str]) -> None:
    width = max((place + 1 for place, cell in enumerate(line.cells) if cell), default=0)
    if width > len(header):
        raise UnreadableTable(_why_broken([(line.number, width)], len(header)))
    for place, reason in line.refused.items():
        name = header[place] if place < len(header) else str(place + 1)
        raise UnreadableTable(f"Row {line.number}, column {name!r}: {reason.message}")


def _why_broken(broken: list[tuple[int, int]], width: int) -> str:
    if not broken:
        return "The file cannot be read as a table: its rows do not follow the header."
    number, found = broken[0]
    place = f"Row {number}" if number else "A row"
    return f"{place} has {found} cells and the header {width} (the header is row 1)."


def _delimiter(text: str) -> str:
    """Choose the delimiter that divides the first rows into the same number of cells, the larger the better."""
    widths = {}
    for delimiter in DELIMITERS:
        rows = csv.reader(io.StringIO(text), delimiter=delimiter)
        try:
            found = [len(row) for _, row in zip(range(_SNIFFED_ROWS), rows, strict=False) if row]
        except csv.Error:
            continue
        if found:
            widths[delimiter] = (len(set(found)) == 1 and found[0] > 1, found[0])
    return max(widths, key=lambda delimiter: widths[delimiter], default=",")


def _header(text: str, delimiter: str) -> tuple[list[str], int]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        header = next((row for row in reader if row), [])
    except csv.Error as problem:
        raise UnreadableTable(f"The header cannot be read: {problem}.") from None
    return header, reader.line_num


def _known(column: Any) -> Any:
    cells = pc.utf8_trim_whitespace(column)
    nothing = pa.scalar(None, pa.string())
    known = pc.if_else(pc.is_in(pc.utf8_lower(cells), value_set=_MISSING), nothing, cells)
    if known.null_count < len(known) and _all_match(known, r"^\+$"):  # beside "+", a dash says "no"
        return pc.if_else(pc.is_in(cells, value_set=_MINUS), "-", known)
    return known


def _plain_numbers(cells: Any) -> Floats | None:
    try:
        found = pc.cast(pc.replace_substring_regex(cells, r"^\+", ""), pa.float64())
    except pa.ArrowException:
        return None
    numbers: Floats = found.to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers


def _is_boolean(cells: Any) -> bool:
    return cells.null_count < len(cells) and _all_match(cells, r"^(?i:true|false)$")


def _all_match(cells: Any, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(cells, pattern), min_count=0).as_py())


def _any(found: Any) -> bool:
    return bool(pc.any(found, min_count=0).as_py())


def _has_decimal_comma(columns: dict[str, Any]) -> bool:
    """Tell whether some column holds commas that cannot separate thousands."""
    for cells in columns.values():
        with_comma = cells.filter(pc.fill_null(pc.match_substring(cells, ","), False))
        if len(with_comma) and _all_match(cells, _WITH_COMMA) and not _all_match(with_comma, _MAY_BE_THOUSANDS):
            return True
    return False
