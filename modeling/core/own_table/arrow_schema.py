"""The Arrow schema inside a Parquet footer, where it names integers that Arrow itself cannot read.

Polars stores its 128-bit integers as 16 bytes and says so in this schema; Arrow then refuses the whole file.

References
----------
Apache Arrow, format/Schema.fbs and format/Message.fbs; FlatBuffers internals (tables, vtables, vectors).
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator

#: Key of the footer, then a compact Thrift string: its type, its length in groups of seven bits, its bytes.
_STORED = re.compile(rb"ARROW:schema\x18[\x80-\xff]*[\x00-\x7f]([A-Za-z0-9+/]+={0,2})")
_CONTINUES = b"\xff\xff\xff\xff"
_WIDEST = 64
_INT = 2
#: Slots of the tables of Schema.fbs and Message.fbs.
_MESSAGE_HEADER, _SCHEMA_FIELDS, _INT_BITS = 2, 1, 0
_FIELD_TYPE, _FIELD_TYPE_TABLE, _FIELD_CHILDREN = 2, 3, 5


def without_wide_integers(content: bytes) -> bytes:
    """Return a Parquet file whose Arrow schema names no integer of more than 64 bits; the data stay as they are.

    Such a column then reads as the raw bytes that it is stored in, and all others as before.

    Raises
    ------
    ValueError
        If there is no such schema or it is damaged.
    """
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    found = _STORED.search(content, max(start, 0))
    if found is None:
        raise ValueError("The file has no Arrow schema.")
    schema = bytearray(base64.b64decode(found[1]))
    try:
        _narrow(schema)
    except (struct.error, IndexError, RecursionError) as problem:
        raise ValueError("The Arrow schema is damaged.") from problem
    return content[: found.start(1)] + base64.b64encode(schema) + content[found.end(1) :]


def _narrow(schema: bytearray) -> None:
    root = 8 if schema[:4] == _CONTINUES else 4
    message = root + _uint(schema, root)
    header = _table(schema, _slot(schema, message, _MESSAGE_HEADER))
    for field in _tables(schema, _slot(schema, header, _SCHEMA_FIELDS)):
        _narrow_field(schema, field)


def _narrow_field(schema: bytearray, field: int) -> None:
    kind = _slot(schema, field, _FIELD_TYPE)
    if kind and schema[kind] == _INT:
        bits = _slot(schema, _table(schema, _slot(schema, field, _FIELD_TYPE_TABLE)), _INT_BITS)
        if bits and _uint(schema, bits) > _WIDEST:
            struct.pack_into("<I", schema, bits, _WIDEST)
    for child in _tables(schema, _slot(schema, field, _FIELD_CHILDREN)):
        _narrow_field(schema, child)


def _uint(data: bytearray, at: int) -> int:
    value: int = struct.unpack_from("<I", data, at)[0]
    return value


def _slot(data: bytearray, table: int, number: int) -> int:
    """Return where a value of a table stands; 0 if the table does not have it."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, vtable)[0]
    if 4 + 2 * number >= size:
        return 0
    offset: int = struct.unpack_from("<H", data, vtable + 4 + 2 * number)[0]
    return table + offset if offset else 0


def _table(data: bytearray, at: int) -> int:
    return at + _uint(data, at)


def _tables(data: bytearray, at: int) -> Iterator[int]:
    if not at:
        return
    vector = _table(data, at)
    for place in range(_uint(data, vector)):
        yield _table(data, vector + 4 + 4 * place)
