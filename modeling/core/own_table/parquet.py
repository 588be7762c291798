"""Parquet tables that people bring, column by column as text; a column that is no text and no number is named."""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modeling.core.errors import UnreadableTable
from modeling.core.own_table.arrow_schema import without_wide_integers
from modeling.core.own_table.durations import bare_durations, coded_durations, days_of, plain_type

MAGIC = b"PAR1"
#: What reading damaged bytes raises: Arrow, names that are not UTF-8, and extension types of other libraries.
_DAMAGED = (pa.ArrowException, OSError, ValueError, KeyError, TypeError)
#: Extension types whose stored values are their text or their number.
_AS_STORED = {"arrow.json", "arrow.bool8"}
_EXTENSION = b"ARROW:extension:name"
#: What no text holds; bytes with it are of another kind.
_CONTROL = r"[\x00-\x08\x0e-\x1f]"


@dataclass(frozen=True, eq=False)
class ParquetColumns:
    """Columns as text.

    Parameters
    ----------
    names : tuple of str
    cells : tuple of pyarrow.StringArray
        In the order of the names; all null where a column is not read.
    unread : dict of int to str
        Why columns are not read, by place; completes the sentence "The column … ".
    days : tuple of int
        Places of the columns that hold durations; their cells are days.
    """

    names: tuple[str, ...]
    cells: tuple[Any, ...]
    unread: dict[int, str]
    days: tuple[int, ...]


class _Unread(Exception):
    """Why a column is not read."""


def read_parquet(content: bytes) -> ParquetColumns:
    """Read the columns of a Parquet file as text.

    Durations become days, extension types their text. Lists, structures, raw bytes, intervals and what Arrow cannot
    read are named, and the other columns are read.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    ParquetColumns

    Raises
    ------
    UnreadableTable
        If the file is damaged or holds no column.
    """
    try:
        return _read(_opened(content))
    except _DAMAGED:
        raise UnreadableTable("The Parquet file is damaged.") from None


def _read(file: pq.ParquetFile) -> ParquetColumns:
    schema, n_rows = file.schema_arrow, file.metadata.num_rows
    if not len(schema):
        raise UnreadableTable("The table has no column.")
    cells: list[Any] = []
    unread: dict[int, str] = {}
    bare, coded = bare_durations(schema), coded_durations(file)
    for place, (name, column) in enumerate(zip(schema.names, _columns(file), strict=True)):
        try:
            if name in bare:
                raise _Unread("holds durations as numbers of a unit that the file does not state; bring it as days")
            meant = column.cast(coded[name]) if name in coded and column is not None else column
            cells.append(_as_text(meant, schema.field(place)))
        except _Unread as reason:
            unread[place] = str(reason)
            cells.append(pa.nulls(n_rows, pa.string()))
    if any(len(column) != n_rows for column in cells):
        raise UnreadableTable("The Parquet file is damaged: its columns differ in length.")
    if len(unread) == len(schema):
        raise UnreadableTable(f"No column of the Parquet file can be read: {schema.names[0]!r} {unread[0]}.")
    days = tuple(
        place for place, field in enumerate(schema) if pa.types.is_duration(field.type) or field.name in coded
    )
    return ParquetColumns(tuple(schema.names), tuple(cells), unread, days)


def _opened(content: bytes) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(io.BytesIO(content))
    except pa.ArrowNotImplementedError:
        pass
    except _DAMAGED:
        raise UnreadableTable("The Parquet file is damaged.") from None
    try:
        return pq.ParquetFile(io.BytesIO(without_wide_integers(content)))
    except _DAMAGED:
        raise UnreadableTable("The Parquet file holds a type of column that cannot be read.") from None


def _columns(file: pq.ParquetFile) -> list[Any]:
    """Read all columns at once, or one by one where one of them fails; that one is None."""
    names = file.schema_arrow.names
    try:
        return [column.combine_chunks() for column in file.read(use_threads=False).columns]
    except _DAMAGED:
        found = [_column(file, name) for name in names]
    if all(column is None for column in found):
        raise UnreadableTable("The Parquet file is damaged.") from None
    return found


def _column(file: pq.ParquetFile, name: str) -> Any:
    try:
        return file.read(columns=[name], use_threads=False).column(0).combine_chunks()
    except _DAMAGED:
        return None


def _as_text(column: Any, field: pa.Field) -> Any:
    if column is None:
        raise _Unread("cannot be read: it is damaged or of a type that is not known")
    kind = _extension_of(field)
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if kind == "arrow.uuid":
        return pa.array([value and str(uuid.UUID(bytes=value)) for value in column.to_pylist()], pa.string())
    found = _text_of(column)
    if kind and kind not in _AS_STORED and not _holds_text(column.type):
        raise _Unread(f"holds values of the type {kind!r}, whose meaning is not known")
    return pc.equal(column, 1).cast(pa.string()) if kind == "arrow.bool8" else found


def _extension_of(field: pa.Field) -> str:
    """Return the name of an extension type, also of one that Arrow does not know; empty for any other type."""
    if isinstance(field.type, pa.BaseExtensionType):
        return str(field.type.extension_name)
    name: bytes = (field.metadata or {}).get(_EXTENSION, b"")
    return name.decode(errors="replace")


def _holds_text(kind: pa.DataType) -> bool:
    kind = plain_type(kind)
    return any(is_text(kind) for is_text in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _text_of(column: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_nested(kind):
        raise _Unread("holds lists or structures; bring one value a row")
    if pa.types.is_fixed_size_binary(kind):
        raise _Unread("holds raw bytes, intervals or numbers of more than 64 bits; bring it as numbers or text")
    if pa.types.is_duration(kind):
        return days_of(column)
    try:
        column.validate(full=True)
        text = pc.cast(_in_known_zone(column), pa.string())
    except pa.ArrowException:
        raise _Unread("holds bytes that are no text, or values that cannot be written as text") from None
    if any(is_bytes(kind) for is_bytes in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)):
        _require_text(text)
    return text


def _in_known_zone(column: Any) -> Any:
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        return column
    try:
        pc.local_timestamp(column)
    except pa.ArrowException:  # a zone that this machine does not know; the moment is the same in UTC
        return column.cast(pa.timestamp(column.type.unit, "UTC"))
    return column


def _require_text(cells: Any) -> None:
    if pc.any(pc.match_substring_regex(cells, _CONTROL), min_count=0).as_py():
        raise _Unread("holds raw bytes; bring it as numbers or text")
