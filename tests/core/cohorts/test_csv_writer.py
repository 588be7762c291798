"""CSV that leaves: what a spreadsheet would run is text, numbers stay numbers, and a reader gets back every cell."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohorts.core.csv_writer import guarded, unguarded, write_csv

STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("rest", ["1+1", "cmd|' /C calc'!A0", "", "-1.5"])
def test_a_cell_that_begins_as_a_formula_is_text_in_header_and_rows(start: str, rest: str) -> None:
    rows = list(csv.reader(io.StringIO(write_csv([f"{start}{rest}"], [[f"{start}{rest}"]]), newline="")))
    assert rows == [[f"'{start}{rest}"]] * 2


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (-1.5, "-1.5"),
        (-3, "-3"),
        (np.float64(-1e-300), "-1e-300"),
        (np.int64(-7), "-7"),
        (Decimal("-2.50"), "-2.50"),
        (0.1 + 0.2, "0.30000000000000004"),
        (True, "True"),
        (date(2020, 1, 2), "2020-01-02"),
        (None, ""),
        (float("nan"), ""),
        (np.float64("nan"), ""),
        (pd.NaT, ""),
    ],
)
def test_numbers_stay_numbers_and_gaps_are_empty(value: object, cell: str) -> None:
    assert write_csv(["a", "b"], [[value, "x"]]) == f"a,b\n{cell},x\n"


def test_a_frame_is_written_as_pandas_writes_it_where_nothing_is_a_formula() -> None:
    frame = pd.DataFrame(
        {"id": ['a "b"', "c,d", "e\nf"], "x": [0.1, np.nan, -1e22], "n": [1, -2, 3], "b": [True, None, False]}
    )
    assert write_csv(frame.columns, frame.itertuples(index=False, name=None)) == frame.to_csv(index=False)


def test_an_object_that_only_becomes_a_formula_as_text_is_guarded_too() -> None:
    class Label:
        def __str__(self) -> str:
            return "=1+1"

    assert write_csv(["a"], [[Label()]]) == "a\n'=1+1\n"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text(alphabet="=+-@\t\r\n'\",;a1＝", max_size=6), min_size=2, max_size=4),
    st.sampled_from(["\n", "\r\n"]),
)
def test_every_cell_comes_back_and_none_is_a_formula(cells: list[str], line_end: str) -> None:
    text = write_csv(["x"] * len(cells), [cells], line_end=line_end)
    (row,) = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert not [cell for cell in row if cell.startswith(STARTS)]
    assert [unguarded(cell) for cell in row] == cells == [unguarded(guarded(cell)) for cell in cells]
