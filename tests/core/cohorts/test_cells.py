"""One reader of cells: number formats, words for "missing", near codes, damaged workbooks."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohorts.core import cells
from cohorts.core.errors import UnreadableTable
from cohorts.core.redcap import Project, join_checkboxes, read_dictionary
from cohorts.core.tables import read_table
from cohorts.core.workbook import read_sheet

QUIET = settings(deadline=None, max_examples=50)
#: Parts of a number format that never make a percentage.
_LITERAL = st.sampled_from(
    ['"%"', "\\%", "_%", "*%", "[Red]", "[$%-409]", "[<0.1]", "0", "0.0", "#,##0", " ", '"a;b"', "\\;"]
)


@QUIET
@given(st.lists(_LITERAL, max_size=5), st.lists(_LITERAL, max_size=5), st.text(max_size=8))
def test_only_an_unquoted_percent_sign_of_the_first_section_makes_a_percentage(
    before: list[str], after: list[str], later: str
) -> None:
    first = "".join(before)
    assert cells.is_percent(first + "%" + "".join(after) + ";" + later)
    assert not cells.is_percent(first + "".join(after) + ";" + later + "%")


@QUIET
@given(st.integers(0, 10_000), st.sampled_from(["0%", "0.00%", "#,##0.0%_-", "0% ", "[<0.1]0.0%;0%", "0%;@"]))
def test_a_percentage_is_read_as_the_number_that_a_person_sees(hundredths: int, shown_as: str) -> None:
    assert float(cells.number_text(hundredths / 10_000, shown_as)) == pytest.approx(hundredths / 100, abs=1e-9)
    assert float(cells.number_text(hundredths / 10_000, '0.0"%"')) == hundredths / 10_000


@QUIET
@given(
    st.sampled_from(sorted(cells.MISSING_WORDS)), st.sampled_from(["", " ", "\u00a0", "\u200b", "\ufeff"]), st.data()
)
def test_words_for_missing_count_in_any_case_and_between_blanks(word: str, blank: str, data: st.DataObject) -> None:
    cased = "".join(data.draw(st.sampled_from([sign.lower(), sign.upper()])) for sign in word)
    assert cells.known_text(f"{blank}{cased}{blank}") == ""
    assert cells.known_text(f"{word}x1") != ""


@pytest.mark.parametrize("word", ["0", "no", "+", "false", "ypNX", "#N/A", "none seen", "无"])
def test_words_that_say_something_are_not_missing(word: str) -> None:
    assert not cells.is_missing(word)


@QUIET
@given(
    st.sampled_from("abcxyz"), st.integers(0, 999), st.integers(0, 3), st.sampled_from(["", " ", "\u200b", "\u00a0"])
)
def test_codes_that_look_alike_have_one_likeness(letter: str, number: int, zeros: int, between: str) -> None:
    spelled = f"{letter.upper()}{between}-{'0' * zeros}{number}"
    assert cells.likeness(spelled) == cells.likeness(f"{letter}-{number}")
    assert cells.likeness(spelled) != cells.likeness(f"{letter}-{number + 1}")


def test_zeros_within_and_after_digits_tell_codes_apart() -> None:
    assert len({cells.likeness(code) for code in ("10", "100", "1", "P1", "P-1", "P10", "P1.0.1")}) == 7
    assert cells.likeness("001") == cells.likeness("1.0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<1", "limit"),
        (">90", "limit"),
        ("≥ 50 %", "limit"),
        ("10%", "Write 10"),
        ("12,5", "Write 12.5"),
        ("8 mm", "no number"),
    ],
)
def test_a_cell_that_is_no_number_is_quoted_with_what_to_write(text: str, said: str) -> None:
    message = cells.why_no_number(text).message
    assert f"“{text}”" in message
    assert said in message


def book_of(*rows: list[Any]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def packed(book: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def repacked(content: bytes, changes: dict[str, tuple[bytes, bytes] | None]) -> bytes:
    """Return a workbook with texts of its parts replaced, or (None) the parts left out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            change = changes.get(name, (b"", b""))
            if change is not None:
                new.writestr(name, old.read(name).replace(*change) if change[0] else old.read(name))
    return buffer.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
DAMAGES: dict[str, dict[str, tuple[bytes, bytes] | None]] = {
    "dangling style": {SHEET: (b'<c r="B2"', b'<c r="B2" s="77"')},
    "negative style": {SHEET: (b'<c r="B2"', b'<c r="B2" s="-9"')},
    "style that is no number": {SHEET: (b'<c r="B2"', b'<c r="B2" s="x"')},
    "no styles": {"xl/styles.xml": None},
    "broken styles": {"xl/styles.xml": (b"</styleSheet>", b"")},
    "odd numFmtId": {"xl/styles.xml": (b'numFmtId="0"', b'numFmtId="odd"')},
    "numFmtId that is nowhere": {"xl/styles.xml": (b'numFmtId="0"', b'numFmtId="9999"')},
    "no sheet": {SHEET: None},
    "no list of sheets": {"xl/workbook.xml": None},
    "odd merge": {SHEET: (b"</sheetData>", b'</sheetData><mergeCells><mergeCell ref="B"/></mergeCells>')},
    "odd text": {SHEET: (b"<v>61</v>", b"<v>sixty</v>")},
    "no shared texts": {"xl/sharedStrings.xml": None},
    "no types": {"[Content_Types].xml": None},
}


def outcome_of(content: bytes) -> str:
    """Return the age that a workbook holds, or the words in which it is refused."""
    try:
        return read_table(content).rows[0].cells["age_years"]
    except UnreadableTable as refusal:
        return refusal.message


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_workbook_is_read_rightly_or_refused_in_words(kind: str) -> None:
    content = repacked(packed(book_of(["patient", "age_years"], ["P-1", 61])), DAMAGES[kind])
    assert "can be read" in outcome_of(content) or outcome_of(content) == "61"


def test_an_empty_chart_sheet_before_the_table_is_passed_over_or_refused_in_words() -> None:
    book = book_of(["patient", "age_years"], ["P-1", 61])
    book.create_chartsheet("Chart", 0)
    assert outcome_of(packed(book)) == "61" or "can be read" in outcome_of(packed(book))


def test_merged_cells_have_the_value_of_their_first_one_in_rows_and_columns() -> None:
    book = book_of(
        ["patient", "a", "b"], ["P-1", "x", "u"], ["P-2", None, None], ["P-3", None, "w"], ["P-4", None, "z"]
    )
    for cells_of in ("B2:B4", "B5:B6"):
        book.active.merge_cells(cells_of)
    book.active.append(["P-5", None, "v"])
    table = read_table(packed(book))
    assert [row.cells["a"] for row in table.rows] == ["x", "x", "x", "", ""]
    assert [row.cells["b"] for row in table.rows] == ["u", "", "w", "z", "v"]
    assert "B2:B4" in table.notes[-1].message


def test_hidden_rows_and_columns_are_read_and_said() -> None:
    book = book_of(["patient", "a"], ["P-1", "x"], ["P-2", "y"])
    book.active.row_dimensions[3].hidden = True
    book.active.column_dimensions["B"].hidden = True
    table = read_table(packed(book))
    assert [row.cells["a"] for row in table.rows] == ["x", "y"]
    assert ["1 rows" in table.notes[0].message, "Hidden columns" in table.notes[1].message] == [True, True]


def test_a_sheet_that_is_very_hidden_is_passed_over_and_named_but_read_if_asked_for() -> None:
    book = book_of(["patient", "a"], ["P-1", "old"])
    book.active.title, book.active.sheet_state = "old", "veryHidden"
    page = book.create_sheet("Data")
    page.append(["patient", "a"])
    page.append(["P-1", "new"])
    content = packed(book)
    assert read_table(content).rows[0].cells["a"] == "new"
    assert "hidden one: old" in read_table(content).notes[0].message
    assert read_table(content, sheet="old").rows[0].cells["a"] == "old"


def test_a_formula_with_a_stored_result_is_read_and_one_without_refused_by_its_cell() -> None:
    book = book_of(["patient", "a", "b"], ["P-1", "=1+1", "=2+2"])
    content = packed(book)
    stored = repacked(content, {SHEET: (b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>")})
    stored = repacked(stored, {SHEET: (b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>")})
    line = read_sheet(stored).lines[1]
    assert (line.cells[1], list(line.refused)) == ("2", [2])
    assert "formula without a result" in line.refused[2].message


def test_boxes_of_a_checkbox_are_the_ticked_labels_also_for_negative_and_lettered_codes() -> None:
    dictionary = (
        'Variable / Field Name,Field Type,Field Label,"Choices, Calculations, OR Slider Labels"\n'
        'id,text,ID,\ndrug,checkbox,Drug,"1, Pembro | -1, Nivo | A2, Carbo"\n'
    )
    project = read_dictionary(read_table(dictionary.encode()))
    raw = b"id,drug___1,drug____1,drug___a2\n1,1,0,1\n2,0,1,0\n3,0,0,0\n"
    assert [row.cells["drug"] for row in join_checkboxes(read_table(raw), project).rows] == [
        "Pembro, Carbo",
        "Nivo",
        "",
    ]
    labelled = b"ID,Drug (choice=Pembro),Drug (choice=Nivo)\n1,Checked,Checked\n2,Unchecked,Checked\n"
    assert [r.cells["drug"] for r in join_checkboxes(read_table(labelled), project).rows] == ["Pembro, Nivo", "Nivo"]
    assert [r.cells["Drug"] for r in join_checkboxes(read_table(labelled), Project(())).rows] == [
        "Pembro, Nivo",
        "Nivo",
    ]
    unread = join_checkboxes(read_table(raw), Project(()))
    assert unread.columns == ("id",)
    assert "drug____1" in unread.notes[0].message
