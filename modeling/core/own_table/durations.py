"""Durations in Parquet: as days, also where the file shows whole numbers only."""

from __future__ import annotations

import base64
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_SECONDS_A_DAY = 86_400
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_SPARK = b"org.apache.spark.sql.parquet.row.metadata"


def days_of(column: Any) -> Any:
    """Return durations as days, written as text."""
    ticks = pc.cast(pc.cast(column, pa.int64()), pa.float64(), safe=False)
    return pc.cast(pc.divide(ticks, float(_SECONDS_A_DAY * _PER_SECOND[column.type.unit])), pa.string())


def coded_durations(file: pq.ParquetFile) -> dict[str, Any]:
    """Return the types of durations that were coded by a dictionary: Arrow reads them back as whole numbers."""
    stored = (file.metadata.metadata or {}).get(b"ARROW:schema")
    try:
        meant = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(stored or b"")))
    except (pa.ArrowException, OSError, ValueError):
        return {}
    kinds = {field.name: plain_type(field.type) for field in meant}
    read = {field.name: field.type for field in file.schema_arrow}
    return {
        name: kind
        for name, kind in kinds.items()
        if pa.types.is_duration(kind) and name in read and pa.types.is_integer(read[name])
    }


def bare_durations(schema: pa.Schema) -> set[str]:
    """Return the names of whole numbers that pandas or Spark, in notes of their own, call durations."""
    said = schema.metadata or {}
    notes = [
        *((one.get("field_name"), one.get("numpy_type")) for one in _fields(said.get(b"pandas"), "columns")),
        *((one.get("name"), one.get("type")) for one in _fields(said.get(_SPARK), "fields")),
    ]
    return {
        str(name)
        for name, kind in notes
        if str(kind).startswith(("timedelta", "interval"))
        and name in schema.names
        and pa.types.is_integer(schema.field(schema.get_field_index(name)).type)
    }


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values of a dictionary; any other type as it is."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _fields(note: bytes | None, part: str) -> list[dict[str, Any]]:
    try:
        return [one for one in json.loads(note or b"{}").get(part, []) if isinstance(one, dict)]
    except (ValueError, AttributeError, TypeError):
        return []
