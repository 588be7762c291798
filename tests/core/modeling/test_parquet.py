"""Parquet that people bring: durations are days, extension types their text, and what cannot be read is named."""

from __future__ import annotations

import base64
import io
import json
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling.core import errors
from modeling.core.own_table.choices import Choices
from modeling.core.own_table.columns import inspect
from modeling.core.own_table.file import RawTable, read_table
from modeling.core.own_table.intake import take_in

N = 24
#: As pandas writes months; once pandas has written such a file itself, Arrow knows the type.
PERIOD = {"ARROW:extension:name": "pandas.period", "ARROW:extension:metadata": '{"freq": "M"}'}
ID = uuid.UUID("64247e58-e982-4176-b577-927782a63fdb")


def written(columns: dict[str, Any], *, metadata: dict[str, str] | None = None, **options: Any) -> bytes:
    table = pa.table(columns)
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, **options) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(metadata or {})
    return sink.getvalue()


def beside_a_number(column: pa.Array) -> RawTable:
    return read_table(written({"x": column, "n": pa.array(np.arange(len(column)) / 4)}))


def study(**columns: pa.Array) -> bytes:
    """Return a table that can be modelled, and more columns."""
    random = np.random.default_rng(0)
    plain = {
        "code": pa.array([f"P-{i}" for i in range(N)]),
        "volume": pa.array(random.normal(size=N)),
        "outcome": pa.array(random.permutation([0, 1] * (N // 2))),
    }
    return written(plain | columns)


def with_wide_integers(name: str) -> bytes:
    """Return a file as polars writes it: integers of 128 bits as 16 bytes, so named in the Arrow schema of the footer."""
    schema = pa.schema({"code": pa.string(), name: pa.int64(), "x": pa.float64(), "stay": pa.duration("us")})
    stored = bytes(schema.serialize())
    bits = b"\x40\x00\x00\x00"
    assert stored.count(bits) == 1
    columns = {
        "code": pa.array(["a", "b"]),
        name: pa.array([bytes(16), b"\x01" + bytes(15)], pa.binary(16)),
        "x": pa.array([1.5, None]),
        "stay": pa.array([17 * 86_400_000_000, None], pa.int64()),
    }
    note = {"ARROW:schema": base64.b64encode(stored.replace(bits, b"\x80\x00\x00\x00")).decode()}
    return written(columns, metadata=note, store_schema=False)


# Durations.


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_duration_is_days_in_every_unit(unit: str) -> None:
    spans = [timedelta(days=17), timedelta(hours=36), None, timedelta(days=-2)]
    raw = beside_a_number(pa.array(spans, pa.duration(unit)))
    np.testing.assert_array_equal(raw.numbers("x"), [17, 1.5, np.nan, -2])
    assert raw.days == ("x",)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=5), st.sampled_from(["s", "ms", "us", "ns"]))
def test_whole_days_are_exact(days: list[int], unit: str) -> None:
    raw = beside_a_number(pa.array([timedelta(days=n) for n in days], pa.duration(unit)))
    assert list(raw.numbers("x")) == days


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_coded_durations_are_days_too(unit: str) -> None:
    column = pa.array([timedelta(days=17), timedelta(days=30)] * 2, pa.duration(unit)).dictionary_encode()
    raw = beside_a_number(column)
    assert list(raw.numbers("x")) == [17, 30, 17, 30]


def test_that_a_feature_was_read_as_days_is_said() -> None:
    spans = pa.array([timedelta(days=int(n)) for n in np.random.default_rng(1).permutation(N) + 40])
    chosen = {"outcome": "outcome", "id": "code"}
    assert take_in(read_table(study(stay=spans)), Choices(**chosen)).warnings == (
        "The column 'stay' holds durations; they were read as days.",
    )
    assert take_in(read_table(study(stay=spans)), Choices(**chosen, exclude=("stay",))).warnings == ()


@pytest.mark.parametrize(
    "metadata",
    [
        {"pandas": json.dumps({"columns": [{"field_name": "x", "numpy_type": "timedelta64[ns]"}]})},
        {
            "org.apache.spark.sql.parquet.row.metadata": json.dumps(
                {"type": "struct", "fields": [{"name": "x", "type": "interval day to second"}]}
            )
        },
    ],
    ids=["pandas", "spark"],
)
def test_a_duration_that_stands_as_a_bare_number_is_refused_by_name(metadata: dict[str, str]) -> None:
    columns = {"x": pa.array([1_468_800_000_000, None]), "n": pa.array([1.0, 2.0])}
    raw = read_table(written(columns, metadata=metadata, store_schema=False))
    assert "durations as numbers" in raw.unread["x"]
    assert raw.numbers("n") is not None


@pytest.mark.parametrize("note", ["", "no JSON", "[]", '{"columns": 3}', '{"columns": [1]}'])
def test_notes_of_other_programs_that_make_no_sense_change_nothing(note: str) -> None:
    columns = {"x": pa.array([7, 8]), "n": pa.array([1.0, 2.0])}
    raw = read_table(written(columns, metadata={"pandas": note, "other": "x"}, store_schema=False))
    assert list(raw.numbers("x")) == [7, 8]


# Extension types.


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([ID.bytes, None], pa.uuid()), [str(ID), None]),
        (pa.array(['{"a": 1}', None], pa.json_()), ['{"a": 1}', None]),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0, None], pa.int8())), ["true", "false", None]),
        (
            pa.ExtensionArray.from_storage(pa.opaque(pa.string(), "bit", "DuckDB"), pa.array(["101", None])),
            ["101", None],
        ),
    ],
    ids=["uuid", "json", "bool8", "opaque text"],
)
def test_an_extension_type_is_its_text(column: pa.Array, texts: list[str | None]) -> None:
    assert beside_a_number(column).texts("x") == texts


def test_a_uuid_is_known_from_the_parquet_type_alone() -> None:
    column = pa.array([ID.bytes, None], pa.uuid())
    raw = read_table(written({"x": column, "n": pa.array([1.0, 2.0])}, store_schema=False))
    assert raw.texts("x") == [str(ID), None]


def test_numbers_under_an_extension_type_that_is_not_known_are_refused_by_its_name() -> None:
    known = pa.ExtensionArray.from_storage(pa.opaque(pa.int64(), "hugeint", "DuckDB"), pa.array([5, 6]))
    field = pa.field("x", pa.int64(), metadata=PERIOD)
    foreign = pa.table([pa.array([600, 601]), pa.array([1.0, 2.0])], schema=pa.schema([field, ("n", pa.float64())]))
    sink = io.BytesIO()
    pq.write_table(foreign, sink)
    assert "'arrow.opaque'" in beside_a_number(known).unread["x"]
    assert "'pandas.period'" in read_table(sink.getvalue()).unread["x"]


# What cannot be read.


def test_integers_that_arrow_cannot_read_are_named_and_the_other_columns_read() -> None:
    content = with_wide_integers("big")
    with pytest.raises(pa.ArrowNotImplementedError):
        pq.ParquetFile(io.BytesIO(content))
    raw = read_table(content)
    assert list(raw.unread) == ["big"]
    assert raw.texts("code") == ["a", "b"]
    np.testing.assert_array_equal(raw.numbers("x"), [1.5, np.nan])
    np.testing.assert_array_equal(raw.numbers("stay"), [17, np.nan])


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([[1], None]), "lists or structures"),
        (pa.array([{"a": 1}, None]), "lists or structures"),
        (pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())), "lists or structures"),
        (pa.array([[1, 2], None], pa.list_(pa.int32(), 2)), "lists or structures"),
        (pa.array([b"\xff\xd8", None]), "bytes that are no text"),
        (pa.array([b"\x00\x01", None]), "raw bytes"),
        (pa.array([bytes(12), None], pa.binary(12)), "intervals"),
        (
            pa.Array.from_buffers(
                pa.string(), 1, [None, pa.py_buffer(bytes(4) + b"\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
            ),
            "bytes that are no text",
        ),
    ],
    ids=[
        "list",
        "struct",
        "map",
        "fixed list",
        "picture",
        "control characters",
        "interval",
        "text that is not UTF-8",
    ],
)
def test_a_column_without_cells_is_named_and_the_others_are_read(column: pa.Array, said: str) -> None:
    raw = beside_a_number(column)
    (unread,) = [one for one in inspect(raw) if one.kind == "unread"]
    assert (unread.name, said in unread.reason) == ("x", True)
    assert raw.numbers("n") is not None


def test_a_damaged_column_is_named_and_the_others_are_read() -> None:
    noise = np.random.default_rng(0).normal(size=2000)
    content = bytearray(
        written({"a": pa.array(noise), "b": pa.array(noise)}, compression="gzip", use_dictionary=False)
    )
    start = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(0).data_page_offset
    content[start + 200 : start + 4000] = bytes(3800)
    raw = read_table(bytes(content))
    assert "damaged" in raw.unread["a"]
    np.testing.assert_array_equal(raw.numbers("b"), noise)


def test_a_column_that_is_not_read_can_have_no_role_and_is_no_feature() -> None:
    content = study(lists=pa.array([[1]] * N))
    intake = take_in(read_table(content), Choices(outcome="outcome", id="code"))
    assert intake.refused == ({"column": "lists", "reason": "holds lists or structures; bring one value a row"},)
    with pytest.raises(errors.InvalidChoice, match="'lists' cannot be the centre: it holds lists"):
        take_in(read_table(content), Choices(outcome="outcome", id="code", centre="lists"))


def test_a_file_of_nothing_that_can_be_read_says_so() -> None:
    with pytest.raises(errors.UnreadableTable, match="No column of the Parquet file can be read: 'a' holds lists"):
        read_table(written({"a": pa.array([[1]]), "b": pa.array([[2]])}))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_damaged_bytes_are_read_or_refused_in_words(data: st.DataObject) -> None:
    content = bytearray(with_wide_integers("big") if data.draw(st.booleans()) else study())
    for _change in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        inspect(read_table(bytes(content)))
    except errors.UnreadableTable as refusal:
        said = refusal.message
    else:
        said = "read."
    assert said.endswith(".")


# Every other type.


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([Decimal("-1.50"), None]), ["-1.50", None]),
        (pa.array([Decimal("1.50"), None], pa.decimal256(50, 2)), ["1.50", None]),
        (pa.array(["low", None]).dictionary_encode(), ["low", None]),
        (pa.array([1.5, None]).dictionary_encode(), ["1.5", None]),
        (pa.array([0.1, None], pa.float16()), ["0.0999755859375", None]),
        (pa.array([0.1, None], pa.float32()), ["0.1", None]),
        (pa.array([2**64 - 1, None], pa.uint64()), ["18446744073709551615", None]),
        (pa.array([True, None]), ["true", None]),
        (pa.array(["x", None], pa.large_string()), ["x", None]),
        (pa.array(["x", None], pa.string_view()), ["x", None]),
        (pa.array([b"x", None]), ["x", None]),
        (pa.array([b"x", None], pa.large_binary()), ["x", None]),
        (pa.array([date(2020, 1, 2), None]), ["2020-01-02", None]),
        (pa.array([time(1, 2), None]), ["01:02:00.000000", None]),
        (pa.array([float("nan"), 1.0]), [None, "1"]),
        (pa.nulls(2), [None, None]),
    ],
    ids=str,
)
def test_plain_types_are_their_text(column: pa.Array, texts: list[str | None]) -> None:
    assert beside_a_number(column).texts("x") == texts


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Shanghai", "+02:00", "Nowhere/Unknown"])
def test_moments_are_dates_and_no_numbers_in_every_zone(zone: str | None) -> None:
    moments = [datetime(2020, 1, 2, tzinfo=UTC), datetime(2020, 3, 4, tzinfo=UTC), None]
    raw = beside_a_number(pa.array(moments, pa.timestamp("us", zone)))
    assert {one.name: one.kind for one in inspect(raw)} == {"x": "date", "n": "number"}
