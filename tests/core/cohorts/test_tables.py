"""Files become columns and rows of text: encodings, separators, workbooks, guards."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest

from cohorts.core.column_names import choice_of, suggest
from cohorts.core.errors import UnreadableTable
from cohorts.core.tables import guarded, read_table, write_text, write_workbook

TEXT = "patient,regimen\nP-1,卡铂和紫杉醇\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_text_is_read_whatever_a_spreadsheet_saved_it_as(encoding: str, delimiter: str) -> None:
    found = read_table(TEXT.replace(",", delimiter).encode(encoding))
    assert found.columns == ("patient", "regimen")
    assert found.rows[0].cells == {"patient": "P-1", "regimen": "卡铂和紫杉醇"}


@pytest.mark.parametrize(
    "text", ["patient,größe\n", "patient,Ä Ö Ü\nP-1,Straße\n", "patient,déjà\nP-1,été reçu à Bâle\n"]
)
def test_western_text_in_an_old_encoding_is_refused_and_not_read_as_chinese(text: str) -> None:
    with pytest.raises(UnreadableTable, match="Save it as “CSV UTF-8”"):
        read_table(text.encode("latin-1"))


def test_rows_know_their_line_and_empty_ones_are_passed_over() -> None:
    found = read_table(b'patient,regimen\n\nP-1,"two\nlines"\n,\nP-2,x\n')
    assert [(row.number, row.cells["patient"]) for row in found.rows] == [(4, "P-1"), (6, "P-2")]


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(UnreadableTable, match="column ypt stands in the header more than once"):
        read_table(b"patient,ypt,ypt\nP-1,ypT0,ypT1a\n")


def test_cells_beyond_the_header_are_counted() -> None:
    assert [row.surplus for row in read_table(b"patient,ypt\nP-1,ypT0,,\nP-2,ypT0,x\n").rows] == [0, 1]


def test_codes_of_a_workbook_keep_their_zeros_and_whole_numbers_no_point() -> None:
    book = openpyxl.Workbook()
    book.active.append(["patient", "age_years", "sampling_complete"])
    book.active.append([7, 61.0, True])
    book.active["A2"].number_format = "000"
    buffer = io.BytesIO()
    book.save(buffer)
    assert list(read_table(buffer.getvalue()).rows[0].cells.values()) == ["007", "61", "yes"]


def test_a_workbook_whose_sheet_is_cut_is_refused() -> None:
    whole = zipfile.ZipFile(io.BytesIO(write_workbook(["patient", "sex"], [["P-1", "male"]], title="t")))
    cut = io.BytesIO()
    with zipfile.ZipFile(cut, "w") as archive:
        for name in whole.namelist():
            content = whole.read(name)
            archive.writestr(name, content[: len(content) // 2] if name.endswith("sheet1.xml") else content)
    with pytest.raises(UnreadableTable, match="can be read"):
        read_table(cut.getvalue())


def test_a_zip_that_is_no_workbook_or_unpacks_to_too_much_is_refused() -> None:
    for name, size in (("other.txt", 10), ("xl/workbook.xml", 210 * 1024**2)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, bytes(size))
        with pytest.raises(UnreadableTable):
            read_table(buffer.getvalue())


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "plain", "'quoted", "", "'=a"])
def test_a_guarded_cell_is_read_back_as_it_was(text: str) -> None:
    assert not guarded(text).startswith(("=", "+", "-", "@"))
    rows = [["P-1", text]]
    for content in (
        write_text(["patient", "regimen"], rows),
        write_workbook(["patient", "regimen"], rows, title="t"),
    ):
        assert read_table(content).rows[0].cells["regimen"] == text


def test_columns_are_proposed_by_name_by_memory_by_other_words_and_by_label() -> None:
    found = suggest(
        ["record_id", "RVT", "x1", "q7", "ypt", "note"],
        fields=["patient", "viable_percent", "necrosis_percent", "stroma_percent", "ypt", "regimen"],
        labels={"q7": "Stroma (%)"},
        remembered={"x1": "necrosis_percent", "note": ""},
    )
    assert found == {
        "record_id": "patient",
        "RVT": "viable_percent",
        "x1": "necrosis_percent",
        "q7": "stroma_percent",
        "ypt": "ypt",
        "note": "",
    }


def test_no_field_is_proposed_for_two_columns() -> None:
    assert suggest(["rvt", "viable"], fields=["viable_percent"]) == {"rvt": "viable_percent", "viable": ""}


def test_a_choice_is_known_by_value_label_and_other_words() -> None:
    choices = {"adenocarcinoma": "Adenocarcinoma", "squamous": "Squamous cell carcinoma"}
    said = ["squamous", "SQUAMOUS cell carcinoma", "LUSC", "鳞癌", "sarcoma"]
    found = [choice_of("histology", text, choices=choices) for text in said]
    assert found == ["squamous"] * 4 + ["sarcoma"]
