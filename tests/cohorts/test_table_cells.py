"""What spreadsheets and exports of hospitals hold, on the page and by command: read as a person sees it, or refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from cohorts.models import TableImport
from cohorts.selectors.table_imports import known_in
from cohorts.services.patients import create_patient
from cohorts.services.table_import.check import plan_table
from cohorts.services.table_import.imports import open_table
from cohorts.services.table_import.plan import Plan, strict_mapping
from tests.cohorts.test_table_import import table, upload, workbook
from tests.core.cohorts.test_cells import DAMAGES, repacked
from tests.trial import Trial

CASES = Path(settings.BASE_DIR).parent / "shared" / "cases" / "tables"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="needs the shared cases beside the repository")


def plan(trial: Trial, content: bytes) -> Plan:
    read = open_table(content, dictionary=None)
    return plan_table(known_in(trial.cohort, None), read.table, mapping=strict_mapping(read.table.columns))


def brought(trial: Trial, name: str) -> Plan:
    """Return the plan that the page shows for a shared case, its patients being stored already."""
    for number in range(1, 20):
        create_patient(trial.cohort, code=f"EX-{number:03}", centre=trial.here, actor=trial.coordinator)
    _client, response = upload(trial, (CASES / name).read_bytes())
    found: Plan = response.context["plan"]
    for note in found.notes:
        assert note.split("“")[0] in response.content.decode()
    return found


def values(found: Plan, name: str) -> list[Any]:
    return [row.clinical.get(name) for row in found.accepted]


@needs_cases
def test_percentages_of_a_shared_workbook_are_what_a_person_sees(trial: Trial) -> None:
    found = brought(trial, "percent.xlsx")
    assert [float(value) for value in values(found, "pdl1_percent")] == [8] * 10
    # Their percent signs are escaped or quoted, so 0.08 is meant, which has a decimal more than the field.
    assert [(cell.row, cell.column) for cell in found.refused] == [(8, "pdl1_percent"), (9, "pdl1_percent")]


@needs_cases
def test_merged_cells_of_a_shared_workbook_count_for_each_patient(trial: Trial) -> None:
    found = brought(trial, "merged.xlsx")
    assert values(found, "regimen") == ["nivolumab"] * 3
    assert values(found, "clinical_stage") == ["IIB"] * 3
    assert any("B2:B4" in note for note in found.notes)


@needs_cases
def test_the_sheet_that_a_person_sees_is_read(trial: Trial) -> None:
    found = brought(trial, "hiddensheet.xlsx")
    assert values(found, "age_years") == [62]
    assert "old" in found.notes[0]


@needs_cases
@pytest.mark.parametrize(
    ("name", "columns"), [("formula.xlsx", ["pdl1_percent"]), ("errors.xlsx", ["regimen", "clinical_stage"])]
)
def test_cells_without_a_value_are_refused_and_empty_nothing(trial: Trial, name: str, columns: list[str]) -> None:
    found = brought(trial, name)
    assert (found.accepted, [cell.column for cell in found.refused]) == ((), columns)


@needs_cases
def test_words_for_missing_are_empty_cells(trial: Trial) -> None:
    found = brought(trial, "missing.csv")
    assert (found.accepted, found.refused, found.unchanged) == ((), (), 3)


@needs_cases
def test_boxes_of_a_shared_redcap_export_are_joined_as_their_labels(trial: Trial) -> None:
    read = open_table(
        (CASES / "redcap_raw.csv").read_bytes(), dictionary=(CASES / "redcap_raw.csv.dict.csv").read_bytes()
    )
    joined = [row.cells["regimen"] for row in read.table.rows if row.cells["redcap_event_name"] == "baseline_arm_1"]
    assert joined == ["Pembrolizumab, Carboplatin", "", "", "Nivolumab", ""]
    unread = open_table((CASES / "redcap_raw.csv").read_bytes(), dictionary=None)
    assert "regimen____1" in unread.table.notes[0].message


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("pdl1_percent", "<1", "limit"),
        ("pdl1_percent", ">90", "limit"),
        ("pdl1_percent", "10%", "Write 10."),
        ("pdl1_percent", "12,5", "Write 12.5"),
        ("age_years", "61 y", "no number"),
        ("cycles", "#REF!", "error"),
    ],
)
def test_a_cell_that_is_no_number_is_quoted_with_its_remedy(trial: Trial, field: str, text: str, said: str) -> None:
    (cell,) = plan(trial, table({"patient": "P-1", field: text})).refused
    assert (cell.row, cell.column) == (2, field)
    assert text in cell.reason
    assert said in cell.reason


@pytest.mark.parametrize("code", ["p-1", "P-01", "P -1", "P-1\u200b", "Ｐ-1", "P-001"])
def test_a_code_that_looks_like_a_stored_one_is_refused_and_names_it(trial: Trial, code: str) -> None:
    (cell,) = plan(trial, table({"patient": code, "centre": trial.here.code, "age_years": "60"})).refused
    assert "“P-1”" in cell.reason


def test_two_new_codes_that_look_alike_are_not_both_added(trial: Trial) -> None:
    rows = [{"patient": code, "centre": trial.here.code, "age_years": "60"} for code in ("N-7", "n-07", "N-8")]
    found = plan(trial, table(*rows))
    assert [row.patient.code for row in found.accepted] == ["N-7", "N-8"]
    assert "“N-7”" in found.refused[0].reason


def test_a_centre_is_known_in_any_case_and_with_other_blanks(trial: Trial) -> None:
    spelled = f" {trial.here.code.upper()}\u200b"
    found = plan(trial, table({"patient": "N-1", "centre": spelled, "age_years": "60"}))
    assert found.refused == ()
    assert found.accepted[0].clinical["centre"] == trial.here


def test_a_number_that_often_says_not_known_is_warned_of(trial: Trial, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "records.csv"
    file.write_bytes(
        table(
            {"patient": "P-1", "viable_percent": "40", "necrosis_percent": "25", "stroma_percent": "35"}
            | {"ypt": "ypT2a", "ypn": "ypN0", "blocks_examined": "999"}
        )
    )
    call_command("import_outcomes", str(file), cohort="trial", as_json=True)
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert "blocks_examined holds 999 in row 2" in note


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_workbook_is_answered_in_words_on_page_and_command(
    trial: Trial, tmp_path: Path, capsys: Any, kind: str
) -> None:
    content = repacked(workbook(["patient", "age_years"], ["P-1", 61]), DAMAGES[kind])
    _client, response = upload(trial, content)
    assert response.status_code == 200
    refused = "form" in response.context and bool(response.context["form"].errors)
    assert refused != TableImport.objects.exists()
    file = tmp_path / "records.xlsx"
    file.write_bytes(content)
    try:
        call_command("import_outcomes", str(file), cohort="trial")
    except CommandError as problem:
        said = str(problem)
    else:
        said = ""
    assert bool(said) == refused


def test_a_formula_without_a_result_never_empties_what_is_stored(trial: Trial) -> None:
    book = openpyxl.Workbook()
    for row in (["patient", "age_years", "clinical_stage"], ["P-1", "=60+1", "IIB"]):
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    (cell,) = plan(trial, buffer.getvalue()).refused
    assert (cell.row, cell.column) == (2, "age_years")
    assert "formula without a result" in cell.reason
