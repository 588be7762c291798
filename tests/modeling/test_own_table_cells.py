"""Own tables as hospitals and spreadsheets write them: read, or refused with row, column and value."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from modeling.core import errors
from modeling.core.own_table.choices import Choices
from modeling.core.own_table.columns import sentinels_of
from modeling.core.own_table.file import read_table
from modeling.core.own_table.intake import Intake, take_in
from modeling.core.recipes import BUILT_IN
from tests.core.cohorts.test_cells import DAMAGES, repacked
from tests.modeling.test_evaluate_table import TINY

CASES = Path(settings.BASE_DIR).parent / "shared" / "cases" / "tables"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="needs the shared cases beside the repository")
N = 24


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BUILT_IN, TINY.name, TINY)
        yield


def lines(**changes: list[Any]) -> list[list[Any]]:
    """Return a header and rows of two features, an id and an outcome."""
    random = np.random.default_rng(3)
    columns: dict[str, list[Any]] = {
        "id": [f"P{i:02d}" for i in range(N)],
        "y": [i % 2 for i in range(N)],
        "a": [round(float(v), 3) for v in random.normal(size=N)],
        "b": [round(float(v), 3) for v in random.normal(size=N)],
    } | changes
    return [list(columns), *map(list, zip(*columns.values(), strict=True))]


def text_of(rows: list[list[Any]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(map(str, row)) + "\n" for row in rows)


def taken(rows: list[list[Any]], **choices: Any) -> Intake:
    return take_in(read_table(text_of(rows).encode()), Choices(**({"outcome": "y", "id": "id"} | choices)))


def case(name: str, **choices: Any) -> Intake:
    return take_in(read_table((CASES / name).read_bytes()), Choices(**choices))


def evaluate(capsys: Any, file: Path, **options: Any) -> dict[str, Any]:
    capsys.readouterr()
    call_command("evaluate_table", file, as_json=True, recipe="tiny", **options)
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


@needs_cases
def test_plus_and_minus_are_a_coded_outcome(capsys: Any, tmp_path: Path) -> None:
    options = {"time": "months", "event": "died", "id": "id", "positive": "+"}
    report = evaluate(capsys, CASES / "plus.csv", out=tmp_path / "out", **options)
    assert (report["n"], report["events"], report["excluded"]) == (60, 30, [])


@needs_cases
def test_a_limit_in_a_column_of_numbers_is_named_with_row_column_and_value(capsys: Any, tmp_path: Path) -> None:
    report = evaluate(capsys, CASES / "lt.csv", outcome="y", id="id", out=tmp_path / "out")
    (refused,) = report["refused"]
    assert refused["column"] == "a"
    assert "'<0.01' in row 61" in refused["reason"]


@needs_cases
def test_one_hospital_in_three_spellings_is_one_centre() -> None:
    found = case("sites.csv", outcome="y", id="id", centre="site")
    assert set(found.centre) == {"Site A"}
    assert "'Site  A', 'site A'" in found.warnings[0]


@needs_cases
def test_columns_that_would_have_one_name_are_refused_and_one_can_be_left_out() -> None:
    with pytest.raises(errors.InvalidColumns, match=r"'x\|y' and 'x/y' would have one name"):
        case("collide.csv", outcome="y", id="id")
    assert "own|x/y" in case("collide.csv", outcome="y", id="id", exclude=("x|y",)).X


@needs_cases
def test_three_decimals_after_a_comma_throughout_are_refused_column_by_column() -> None:
    with pytest.raises(errors.InvalidColumns, match=r"'a' its commas or points may.*'b' its commas or points may"):
        case("three.csv", outcome="y", id="id")


@pytest.mark.parametrize("minus", ["-", "–", "−"])
def test_the_event_is_plus_without_being_named_and_words_for_missing_stay_missing(minus: str) -> None:
    y = [["+", minus][i % 2] for i in range(N - 1)] + ["NA"]
    found = taken(lines(y=y))
    assert (len(found.y), int(found.y.sum())) == (N - 1, 12)
    assert found.excluded == ({"id": "P23", "reason": "no outcome"},)


def test_a_dash_among_numbers_is_still_missing() -> None:
    found = taken(lines(a=["-", "unknown", *range(100, 98 + N)]))
    assert list(np.isnan(found.X["own|a"][:3])) == [True, True, False]


@pytest.mark.parametrize(
    ("odd", "said"), [("<0.01", "limit"), ("12,5", "Write 12.5"), ("10%", "Write 10"), ("#DIV/0!", "no number")]
)
def test_one_bad_value_is_named_and_the_other_columns_are_used(odd: str, said: str) -> None:
    rows = lines(a=[*(i + 0.25 for i in range(N - 1)), f'"{odd}"'])
    (refused,) = taken(rows).refused
    assert f"{odd!r} in row {N + 1}" in refused["reason"]
    assert said in refused["reason"]


def test_a_time_that_is_no_number_is_named() -> None:
    rows = lines(months=[*range(1, N), ">60"])
    with pytest.raises(errors.InvalidValues, match=rf"'>60' in row {N + 1}"):
        taken(rows, outcome=None, time="months", event="y")


@pytest.mark.parametrize("near", ["p00", "P 00", "P0", "P000", "P00\u200b"])
def test_ids_that_look_alike_are_refused_by_name(near: str) -> None:
    with pytest.raises(errors.RepeatedId, match=r"differs from 'P00' only by case"):
        taken(lines(id=[*(f"P{i:02d}" for i in range(N - 1)), near]))


@pytest.mark.parametrize("near", ["Site-A", "SiteA", "Site_A"])
def test_centres_that_may_be_one_are_a_question(near: str) -> None:
    with pytest.raises(errors.InvalidColumns, match="are they one hospital"):
        taken(lines(site=["Site A"] * (N - 4) + [near] * 4), centre="site")


def test_a_centre_that_trains_may_be_spelled_otherwise() -> None:
    found = taken(lines(site=["North"] * 12 + ["South"] * 12), centre="site", train_on=("SOUTH ",))
    assert set(found.centre[found.split == "training"]) == {"South"}


@pytest.mark.parametrize("value", [-99, 999, -9999])
def test_a_number_that_often_says_not_known_is_warned_of_by_its_rows(value: int) -> None:
    found = taken(lines(a=[*(i / 10 for i in range(N - 2)), value, value]))
    assert any(f"'a' holds {value} in 2 rows (24, 25)" in one for one in found.warnings)


def test_such_numbers_among_their_like_are_values() -> None:
    assert sentinels_of(np.array([-120.0, -99.0, -80.0, 10.0])) == ()
    assert sentinels_of(np.array([900.0, 999.0, 1100.0])) == ()
    assert sentinels_of(np.array([1.0, 2.0, np.nan, 999.0])) == ((999.0, 1),)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "gb18030"])
def test_encodings_of_spreadsheets_are_read(encoding: str) -> None:
    rows = [["患者编号", "结局", "年龄", "肿瘤体积"], *lines()[1:]]
    raw = read_table(text_of(rows).encode(encoding))
    assert list(raw.columns) == rows[0]
    assert raw.numbers("年龄") is not None


def packed(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_a_workbook_gives_the_same_as_its_text() -> None:
    choices = Choices(outcome="y", id="id")
    from_text, from_book = (take_in(read_table(c), choices) for c in (text_of(lines()).encode(), packed(lines())))
    assert from_text.X.equals(from_book.X)
    assert list(from_text.y) == list(from_book.y)


def test_a_formula_without_a_result_is_refused_by_row_and_column() -> None:
    rows = lines()
    rows[4][2] = "=1+1"
    with pytest.raises(errors.UnreadableTable, match="Row 5, column 'a': The cell holds a formula"):
        read_table(packed(rows))


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_workbook_is_read_or_refused_in_words(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "table.xlsx"
    file.write_bytes(repacked(packed([["x", "b"], ["P-1", 61]]), DAMAGES[kind]))
    with pytest.raises(CommandError) as refusal:  # it has one row, so that there is no analysis in any case
        call_command("evaluate_table", file, outcome="b", out=tmp_path / "out", recipe="tiny")
    assert str(refusal.value)
