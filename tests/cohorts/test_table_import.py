"""Tables of clinical data and outcomes: checked first, written when asked, bad rows named with column and reason."""

from __future__ import annotations

import csv
import io
import time
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation

from cohorts.core.errors import UnreadableTable
from cohorts.core.tables import read_table
from cohorts.models import AuditEntry, BlindedReading, Cohort, PathologyOutcome, Patient, RecordLock, TableImport
from cohorts.selectors.patients import current_outcome
from cohorts.selectors.table_imports import known_in
from cohorts.services.cohorts import create_cohort
from cohorts.services.outcomes import OUTCOME_FIELDS, enter_outcome
from cohorts.services.patients import CLINICAL_FIELDS, update_patient
from cohorts.services.records_export import records_of
from cohorts.services.table_import.check import plan_table
from cohorts.services.table_import.plan import Plan, strict_mapping
from cohorts.services.table_import.values import value_of, words_of
from cohorts.services.table_import.write import write_plan
from tests.core.cohorts.test_redcap import HEADER
from tests.trial import READING, Trial

GOOD = {
    "patient": "P-1",
    "viable_percent": "40",
    "necrosis_percent": "25",
    "stroma_percent": "35",
    "ypt": "ypT2a",
    "ypn": "ypN0",
    "nodes_examined": "12",
    "nodes_positive": "0",
    "sampling": "complete",
    "surgery_on": "2024-06-10",
    "reported_mpr": "no",
}


def table(*rows: dict[str, str], delimiter: str = ",") -> bytes:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def plan(trial: Trial, content: bytes, *, person: str = "") -> Plan:
    read = read_table(content)
    known = known_in(trial.cohort, trial.people[person] if person else None)
    return plan_table(known, read, mapping=strict_mapping(read.columns))


def test_checking_a_table_writes_nothing(trial: Trial) -> None:
    found = plan(trial, table(GOOD))
    assert [(row.row, row.patient.code, row.is_correction) for row in found.accepted] == [(2, "P-1", False)]
    assert found.refused == ()
    assert not PathologyOutcome.objects.exists()


def test_the_accepted_rows_of_a_table_are_written_with_the_reason(trial: Trial) -> None:
    content = table(GOOD, GOOD | {"patient": "P-2", "surgery_on": ""})
    assert write_plan(plan(trial, content), actor=trial.coordinator) == 2
    stored = PathologyOutcome.objects.get(patient=trial.patient)
    assert (float(stored.viable_percent), stored.nodes_examined, stored.reported_mpr) == (40.0, 12, False)
    assert (stored.blinded, stored.tnm_edition) == (None, None), "what a table does not say is not stated"
    entry = AuditEntry.objects.get(object_type="pathologyoutcome", patient=trial.patient)
    assert (entry.actor, entry.reason) == (trial.coordinator, "imported from a table")


def test_an_equal_table_changes_nothing_the_second_time(trial: Trial) -> None:
    content = table(GOOD, GOOD | {"patient": "P-2", "surgery_on": ""})
    write_plan(plan(trial, content), actor=None)
    entries = AuditEntry.objects.count()
    again = plan(trial, content)
    assert (again.accepted, again.unchanged) == ((), 2)
    assert write_plan(again, actor=None) == 0
    assert (PathologyOutcome.objects.count(), AuditEntry.objects.count()) == (2, entries)


def test_another_value_is_a_correction_and_adds_a_version(trial: Trial) -> None:
    write_plan(plan(trial, table(GOOD)), actor=None)
    found = plan(trial, table(GOOD | {"viable_percent": "41", "stroma_percent": "34"}))
    assert [row.is_correction for row in found.accepted] == [True]
    write_plan(found, actor=None)
    assert [o.version for o in PathologyOutcome.objects.order_by("version")] == [1, 2]


@pytest.mark.parametrize(
    ("column", "reason", "changes"),
    [
        ("patient", "no patient “P-77”", {"patient": "P-77"}),
        ("viable_percent", "Enter a number", {"viable_percent": "ten"}),
        ("viable_percent", "required", {"viable_percent": "nan"}),
        ("viable_percent", "less than or equal to 100", {"viable_percent": "140"}),
        ("viable_percent", "required", {"viable_percent": ""}),
        ("ypt", "not one of the available choices", {"ypt": "T2"}),
        ("ypt", "ypT0 means no viable tumour", {"ypt": "ypT0"}),
        ("stroma_percent", "sum to 100 %", {"stroma_percent": "5"}),
        ("sampling", "not one of the available choices", {"sampling": "perhaps"}),
        ("tnm_edition", "not one of the available choices", {"tnm_edition": "7"}),
        ("clinical_t", "not one of the available choices", {"clinical_t": "T5"}),
        ("surgery_on", "is no date", {"surgery_on": "10th of June"}),
        ("surgery_on", "E10", {"surgery_on": "2024-04-01"}),
        ("reported_mpr", "E9", {"reported_mpr": "yes"}),
        ("nodes_positive", "E7", {"nodes_positive": "13", "ypn": "ypN1"}),
    ],
)
def test_a_bad_row_is_named_with_row_column_and_reason_and_the_others_stay(
    trial: Trial, column: str, reason: str, changes: dict[str, str]
) -> None:
    found = plan(trial, table(GOOD | {"patient": "P-2", "surgery_on": ""}, GOOD | changes))
    assert [(cell.row, cell.column) for cell in found.refused] == [(3, column)]
    assert reason in found.refused[0].reason
    assert [row.patient.code for row in found.accepted] == ["P-2"]


def test_a_patient_named_twice_is_refused_the_second_time(trial: Trial) -> None:
    found = plan(trial, table(GOOD, GOOD))
    assert [(cell.row, cell.column) for cell in found.refused] == [(3, "patient")]
    assert len(found.accepted) == 1


def test_several_bad_cells_of_a_row_are_all_named(trial: Trial) -> None:
    found = plan(trial, table(GOOD | {"viable_percent": "x", "ypn": "N0"}))
    assert [(cell.row, cell.column) for cell in found.refused] == [(2, "viable_percent"), (2, "ypn")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "lacks the column patient"),
        (b"patient,viable_percent\nP-1,5\n", "lacks the column necrosis_percent"),
        (table(GOOD | {"mpr": "1"}), "Unknown column mpr"),
        ("patient,größe\n".encode("latin-1"), "not UTF-8"),
        (b"PK\x03\x04\0\0", "not a text table"),
        (table(GOOD).replace(b"\r\n", b"\r"), "cannot be read as a table"),
        (table(GOOD | {"reader": "x" * 200_000}), "cannot be read as a table"),
    ],
)
def test_what_is_no_table_of_outcomes_is_refused_as_a_whole(trial: Trial, content: bytes, said: str) -> None:
    with pytest.raises(UnreadableTable, match=said):
        plan(trial, content)


def test_semicolons_and_a_byte_order_mark_are_understood(trial: Trial) -> None:
    content = b"\xef\xbb\xbf" + table(GOOD, delimiter=";")
    assert len(plan(trial, content).accepted) == 1


def test_if_one_row_cannot_be_written_none_is(trial: Trial) -> None:
    found = plan(trial, table(GOOD, GOOD | {"patient": "P-2", "surgery_on": ""}))
    dict.update(found.accepted[1].reading, viable_percent=99)  # breaks E2 only when it is written
    with pytest.raises(Exception, match="sum to 100"):
        write_plan(found, actor=None)
    assert not PathologyOutcome.objects.exists()


def upload(trial: Trial, content: bytes, person: str = "coordinator", **more: Any) -> tuple[Client, Any]:
    client = trial.client(person)
    url = reverse("cohorts:table-import-new", args=[trial.cohort.code])
    return client, client.post(url, {"file": SimpleUploadedFile("table", content), **more}, follow=True)


def act(client: Client, name: str, table: TableImport, **posted: str) -> Any:
    url = reverse(f"cohorts:table-import-{name}", args=[table.cohort.code, table.reference])
    return client.post(url, posted, follow=True)


def test_on_the_page_a_table_is_checked_first_and_written_on_the_second_press(trial: Trial) -> None:
    client, checked = upload(trial, table(GOOD, GOOD | {"patient": "P-77"}))
    shown = checked.content.decode()
    assert "no patient “P-77”" in shown
    assert not PathologyOutcome.objects.exists()
    brought = TableImport.objects.get()
    seen = checked.context["plan"].digest
    act(client, "write", brought, seen=seen)
    assert PathologyOutcome.objects.count() == 1
    act(client, "write", brought, seen=seen)
    assert PathologyOutcome.objects.count() == 1, "a second press writes nothing"


def test_on_the_page_what_is_no_table_is_refused_at_the_file(trial: Trial) -> None:
    _, response = upload(trial, b"PK\x03\x04\0\0")
    assert "not a text table" in str(response.context["form"].errors["file"])
    assert not TableImport.objects.exists()


def test_a_member_of_another_centre_cannot_enter_outcomes_of_this_one_by_table(trial: Trial) -> None:
    _, response = upload(trial, table(GOOD), "elsewhere")
    assert [(cell.row, cell.column) for cell in response.context["plan"].refused] == [(2, "patient")]


def workbook(*rows: list[Any], formats: dict[str, str] | None = None, title: str = "Sheet") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for cell, shown_as in (formats or {}).items():
        sheet[cell].number_format = shown_as
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_a_workbook_is_read_with_its_dates_percents_and_numbers_as_typed(trial: Trial) -> None:
    header = ["patient", "viable_percent", "necrosis_percent", "stroma_percent", "ypt", "ypn", "surgery_on"]
    row = ["P-1", 0.08, 32, 60.0, "ypT1a", "ypNX", datetime(2024, 6, 10, tzinfo=None)]  # noqa: DTZ001 - a workbook knows no zones
    found = plan(trial, workbook(header, row, formats={"B2": "0.0%"}))
    assert found.refused == ()
    values = found.accepted[0].reading
    assert (float(values["viable_percent"]), values["surgery_on"]) == (8.0, date(2024, 6, 10))


def test_another_sheet_of_a_workbook_is_read_by_its_name() -> None:
    content = workbook(["patient", "age_years"], ["P-1", 60], title="Data")
    assert read_table(content, sheet="Data").rows[0].cells == {"patient": "P-1", "age_years": "60"}
    with pytest.raises(UnreadableTable, match=r"no sheet “Other”. It has: Data"):
        read_table(content, sheet="Other")


#: A value for every field that a table can hold, that none of the rules refuses.
FULL_CLINICAL: dict[str, Any] = {
    "age_years": 66,
    "sex": "female",
    "smoking": "former",
    "histology": "adenocarcinoma",
    "clinical_t": "cT1b",
    "clinical_n": "cN2b",
    "clinical_m": "cM0",
    "clinical_tnm_edition": 9,
    "clinical_stage": "IIIA",
    "pdl1_percent": Decimal("12.5"),
    "location": "central",
    "regimen": "=cmd|'/C calc'!A0",
    "cycles": 3,
    "first_dose_on": date(2024, 3, 4),
    "last_dose_on": date(2024, 4, 22),
    "radiological_response": "PR",
    "suv_max_pre": Decimal("12.3"),
    "suv_max_post": Decimal("4.05"),
    "enrolled_on": date(2024, 2, 20),
    "exclusion": "other",
    "exclusion_note": 'Seen; elsewhere, "too"',
}
FULL_READING: dict[str, Any] = READING | {
    "fibrosis_percent": Decimal("20.5"),
    "inflammation_percent": Decimal("14.5"),
    "ypn": "ypN1",
    "nodes_positive": 1,
    "nodes_viable_percent": Decimal(30),
    "stations": [
        {"station": "7", "examined": 8, "positive": 0, "viable_percent": None},
        {"station": "10R", "examined": 4, "positive": 1, "viable_percent": 30.0},
    ],
    "blocks_examined": 9,
    "tumours_resected": 1,
    "procedure": "lobectomy",
    "resection": "R0",
    "reported_mpr": False,
    "reported_pcr": False,
    "sampling": "incomplete",
    "surgical_histology": "squamous",
    "ypm": "ypM1a",
    "blinded": False,
    "source": "re_review",
    "tnm_edition": 8,
}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_that_is_imported_again_changes_nothing_in_any_field(trial: Trial, kind: str) -> None:
    assert set(FULL_CLINICAL) | {"centre"} == set(CLINICAL_FIELDS)
    assert set(FULL_READING) == set(OUTCOME_FIELDS)
    update_patient(trial.patient, values=FULL_CLINICAL, actor=None)
    enter_outcome(trial.patient, values=FULL_READING, actor=None)
    content = records_of(trial.cohort, None, kind=kind)
    row = next(row for row in read_table(content).rows if row.cells["patient"] == "P-1")
    assert [name for name, text in row.cells.items() if not text] == []
    again = plan(trial, content)
    assert (again.refused, again.accepted, again.unchanged) == ((), (), 2)


def test_the_export_of_one_cohort_fills_another_with_the_same_records(trial: Trial) -> None:
    update_patient(trial.patient, values=FULL_CLINICAL, actor=None)
    enter_outcome(trial.patient, values=FULL_READING, actor=None)
    content = records_of(trial.cohort, None, kind="csv")
    twin = create_cohort("twin", name="Twin", centres={"A": "Here", "B": "There"}, actor=None)
    read = read_table(content)
    write_plan(plan_table(known_in(twin, None), read, mapping=strict_mapping(read.columns)), actor=None)
    assert records_of(twin, None, kind="csv") == content


def test_no_cell_of_an_export_begins_as_a_formula(trial: Trial) -> None:
    update_patient(trial.patient, values={"regimen": "=1+1"}, actor=None)
    client = trial.client("researcher")
    url = reverse("cohorts:records-export", args=[trial.cohort.code])
    assert ",'=1+1," in client.get(url).content.decode()
    sheet = openpyxl.load_workbook(io.BytesIO(client.get(url, {"format": "xlsx"}).content)).active
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert "'=1+1" in [cell.value for cell in cells]
    assert not [cell for cell in cells if cell.data_type == "f"]


def test_an_export_holds_only_patients_whom_the_person_may_see(trial: Trial) -> None:
    url = reverse("cohorts:records-export", args=[trial.cohort.code])
    shown = trial.client("elsewhere").get(url).content.decode()
    assert "P-2" in shown
    assert "P-1" not in shown


def test_an_unknown_patient_with_a_centre_is_added_and_without_one_refused(trial: Trial) -> None:
    content = b"patient,centre,age_years\nP-3,A,70\nP-4,,71\nP-5,C,72\nP 6,A,73\n"
    found = plan(trial, content, person="coordinator")
    assert [(row.patient.code, row.is_new) for row in found.accepted] == [("P-3", True)]
    assert [(cell.row, cell.column) for cell in found.refused] == [(3, "patient"), (4, "centre"), (5, "patient")]
    write_plan(found, actor=trial.coordinator)
    added = Patient.objects.get(code="P-3")
    assert (added.centre, added.age_years) == (trial.here, 70)
    assert AuditEntry.objects.get(patient=added, verb="created").actor == trial.coordinator


def test_a_member_of_one_centre_cannot_reach_patients_or_centres_of_another(trial: Trial) -> None:
    content = b"patient,centre,age_years\nP-1,B,70\nP-2,A,71\nP-8,B,72\n"
    found = plan(trial, content, person="elsewhere")
    assert [(cell.row, cell.column) for cell in found.refused] == [(2, "patient"), (3, "centre")]
    assert [row.patient.code for row in found.accepted] == ["P-8"]


def test_a_reader_can_enter_readings_by_table_but_no_clinical_data(trial: Trial) -> None:
    _, shown = upload(trial, table(GOOD | {"age_years": "80"}), "reader")
    brought = TableImport.objects.get()
    assert brought.mapping["age_years"] == ""
    assert set(shown.context["plan"].accepted[0].changes) & set(CLINICAL_FIELDS) == set()
    planned = plan(trial, table(GOOD | {"age_years": "80"}), person="reader")
    assert planned.accepted[0].clinical == {}


def test_clinical_data_and_a_reading_of_one_row_are_written_together(trial: Trial) -> None:
    content = table(GOOD | {"age_years": "70", "last_dose_on": "2024-04-29"})
    found = plan(trial, content)
    assert list(found.accepted[0].changes)[:2] == ["age_years", "last_dose_on"]
    write_plan(found, actor=trial.coordinator)
    trial.patient.refresh_from_db()
    assert (trial.patient.age_years, trial.patient.outcomes.count()) == (70, 1)


def test_treatment_and_surgery_can_move_together_past_each_others_old_days(trial: Trial) -> None:
    write_plan(plan(trial, table(GOOD)), actor=None)
    moved = GOOD | {"first_dose_on": "2025-03-04", "last_dose_on": "2025-04-22", "surgery_on": "2025-06-10"}
    found = plan(trial, table(moved))
    assert found.refused == ()
    write_plan(found, actor=None)
    trial.patient.refresh_from_db()
    assert (trial.patient.last_dose_on, current_outcome(trial.patient).surgery_on.year) == (date(2025, 4, 22), 2025)


def test_treatment_and_surgery_can_move_to_before_the_old_days(trial: Trial) -> None:
    earlier = GOOD | {"first_dose_on": "2023-03-04", "last_dose_on": "2023-04-22", "surgery_on": "2023-06-10"}
    found = plan(trial, table(earlier))
    assert found.refused == ()
    write_plan(found, actor=None)
    trial.patient.refresh_from_db()
    assert (trial.patient.last_dose_on, current_outcome(trial.patient).surgery_on.year) == (date(2023, 4, 22), 2023)


def test_a_person_whose_language_changes_reads_the_choices_in_it(trial: Trial) -> None:
    with translation.override("en"):
        assert words_of("sex", "female") == "Female"
    with translation.override("zh-hans"):
        assert words_of("sex", "female") == "女"
        assert value_of("sex", "女") == "female"


def test_a_row_without_any_cell_of_a_reading_leaves_the_reading_as_it_is(trial: Trial) -> None:
    write_plan(plan(trial, table(GOOD)), actor=None)
    emptied = dict.fromkeys(GOOD, "") | {"patient": "P-1", "age_years": "70"}
    found = plan(trial, table(emptied))
    assert list(found.accepted[0].changes) == ["age_years"]


def test_a_column_that_is_absent_leaves_what_is_stored(trial: Trial) -> None:
    enter_outcome(trial.patient, values=FULL_READING, actor=None)
    row = {name: GOOD[name] for name in GOOD if name not in {"reported_mpr", "sampling", "surgery_on"}}
    row |= {"ypn": "ypN1", "nodes_positive": "1", "viable_percent": "41", "stroma_percent": "34"}
    assert set(plan(trial, table(row)).accepted[0].changes) == {"viable_percent", "stroma_percent"}


def test_a_locked_record_is_refused_by_its_row_and_what_is_equal_counts_as_unchanged(trial: Trial) -> None:
    RecordLock.objects.create(
        cohort=trial.cohort,
        patient=trial.patient,
        meaning="verified",
        content_sha256="0" * 64,
        signed_by=trial.people["data_manager"],
    )
    found = plan(trial, b"patient,age_years\nP-1,62\nP-2,50\n")
    assert [(cell.row, cell.column) for cell in found.refused] == [(2, "patient")]
    assert "locked" in found.refused[0].reason
    assert plan(trial, b"patient,age_years\nP-1,61\n").unchanged == 1


def test_records_that_change_after_the_look_stop_the_writing(trial: Trial) -> None:
    client, checked = upload(trial, b"patient,age_years\nP-1,62\n")
    update_patient(trial.patient, values={"age_years": 63}, actor=trial.people["data_manager"])
    answer = act(client, "write", TableImport.objects.get(), seen=checked.context["plan"].digest)
    assert "changed since the table was checked" in answer.content.decode()
    trial.patient.refresh_from_db()
    assert trial.patient.age_years == 63


def test_what_a_table_held_goes_when_it_is_written_or_discarded(trial: Trial) -> None:
    client, checked = upload(trial, b"patient,age_years\nP-1,62\nLi Wei,50\n")
    act(client, "write", TableImport.objects.get(), seen=checked.context["plan"].digest)
    upload(trial, b"patient,age_years\nP-1,64\n")
    act(client, "discard", TableImport.objects.first())
    discarded, written = TableImport.objects.all()
    assert (bytes(written.content), bytes(discarded.content)) == (b"", b"")
    assert (written.state, discarded.state) == ("written", "discarded")
    assert written.counts == {"new": 0, "changed": 1, "unchanged": 0, "refused": 1}
    assert "Li Wei" not in str(written.refused), "it may be a name"
    entry = AuditEntry.objects.get(object_type="tableimport")
    assert (entry.verb, entry.changes["changed"]) == ("imported", [None, 1])


def test_nobody_opens_a_table_that_another_person_brought(trial: Trial) -> None:
    upload(trial, table(GOOD))
    brought = TableImport.objects.get()
    other = trial.client("administrator")
    assert other.get(brought.get_absolute_url()).status_code == 404
    assert act(other, "write", brought).status_code == 404


def test_columns_are_corrected_on_a_page_and_remembered_for_the_next_table(trial: Trial) -> None:
    content = b"who,how old\nP-1,62\n"
    client, shown = upload(trial, content)
    assert "lacks the column patient" in shown.context["problem"]
    brought = TableImport.objects.get()
    again = act(client, "mapping", brought, **{"column-0": "age_years", "column-1": "age_years"})
    assert "Two columns" in again.content.decode()
    shown = act(client, "mapping", brought, **{"column-0": "patient", "column-1": "age_years"})
    assert shown.context["plan"].counts["changed"] == 1
    act(client, "write", brought, seen=shown.context["plan"].digest)
    upload(trial, b"who,how old\nP-1,63\n")
    assert TableImport.objects.first().mapping == {"who": "patient", "how old": "age_years"}


def test_five_thousand_rows_are_checked_without_a_query_for_each(
    trial: Trial, django_assert_max_num_queries: Any
) -> None:
    Patient.objects.bulk_create(
        Patient(cohort=trial.cohort, centre=trial.here, code=f"N-{n}", age_years=50) for n in range(5000)
    )
    content = table(*(GOOD | {"patient": f"N-{n}", "age_years": str(40 + n % 50)} for n in range(5000)))
    started = time.perf_counter()
    with django_assert_max_num_queries(12):
        found = plan(trial, content, person="coordinator")
    assert len(found.accepted) == 5000
    assert time.perf_counter() - started < 10


DICTIONARY = HEADER + (
    "record_id,base,,text,Record,,\n"
    "years,base,,text,Age,,\n"
    'sex_c,base,,radio,Sex,"1, Female | 2, Male",\n'
    'hist,base,,dropdown,Histology,"1, Adenocarcinoma | 2, Squamous cell carcinoma",\n'
    "q1,path,,text,Residual viable tumour (%),,\n"
    "q2,path,,text,Necrosis (%),,\n"
    "q3,path,,text,Stroma (%),,\n"
    'q4,path,,radio,ypT,"0, ypT0 | 1, ypT1a",\n'
    'q5,path,,radio,ypN,"0, ypN0 | 9, ypNX",\n'
    "done,path,,yesno,Tumour bed sampled completely,,\n"
)
RAW = b"""record_id,redcap_event_name,redcap_data_access_group,years,sex_c,hist,q1,q2,q3,q4,q5,done,path_complete
P-1,baseline_arm_1,a,62,1,1,,,,,,,0
P-1,surgery_arm_1,a,,,,8,32,60,1,9,0,2
R-7,baseline_arm_1,b,55,2,2,,,,,,,0
P-2,surgery_arm_1,b,,,,8,32,60,1,9,1,2
P-2,late_arm_1,b,,,,12,28,60,1,9,1,2
"""


def test_a_redcap_export_with_its_dictionary_is_read_as_people_mean_it(trial: Trial) -> None:
    dictionary = SimpleUploadedFile("dictionary.csv", DICTIONARY.encode())
    client, shown = upload(trial, RAW, dictionary=dictionary)
    found = shown.context["plan"]
    brought = TableImport.objects.get()
    assert (brought.source, shown.context["left_out"]) == ("redcap", ["path_complete", "redcap_event_name"])
    assert [(row.patient.code, row.is_new) for row in found.accepted] == [("P-1", True), ("R-7", True)]
    assert [(cell.row, cell.column) for cell in found.refused] == [(5, "q1"), (5, "q2")]
    assert "“8”, “12”" in found.refused[0].reason
    act(client, "write", brought, seen=found.digest)
    added = Patient.objects.get(code="R-7")
    assert (added.centre, added.sex, added.histology) == (trial.there, "male", "squamous")
    reading = current_outcome(trial.patient)
    assert reading is not None
    assert (float(reading.viable_percent), reading.ypt, reading.ypn) == (8.0, "ypT1a", "ypNX")
    assert reading.sampling == "incomplete"


def test_a_redcap_export_as_labels_gives_the_same(trial: Trial, tmp_path: Path) -> None:
    labels = (
        "Record,Event Name,Age,Sex,Histology,Residual viable tumour (%),Necrosis (%),Stroma (%),ypT,ypN\n"
        "P-1,Baseline,62,Female,Adenocarcinoma,,,,,\nP-1,Surgery,,,,8,32,60,ypT1a,ypNX\n"
    )
    (tmp_path / "records.csv").write_text(labels)
    (tmp_path / "dictionary.csv").write_text(DICTIONARY)
    call_command(
        "import_outcomes",
        str(tmp_path / "records.csv"),
        cohort="trial",
        redcap=tmp_path / "dictionary.csv",
        commit=True,
    )
    trial.patient.refresh_from_db()
    reading = current_outcome(trial.patient)
    assert reading is not None
    assert (trial.patient.sex, trial.patient.age_years, reading.ypt) == ("female", 62, "ypT1a")


def test_a_reading_other_than_what_the_blinded_readers_settled_on_is_refused(trial: Trial) -> None:
    Cohort.objects.update(double_reading=True)
    trial.cohort.refresh_from_db()
    for slot, reader in ((1, "reader"), (2, "researcher")):
        BlindedReading.objects.create(
            patient=trial.patient, slot=slot, reader=trial.people[reader], viable_percent=Decimal(20)
        )
    found = plan(trial, table(GOOD, GOOD | {"patient": "P-9", "centre": "A"}))
    assert [(cell.row, cell.column) for cell in found.refused] == [(2, "viable_percent")]
    assert "E12" in found.refused[0].reason
    assert [row.patient.code for row in found.accepted] == ["P-9"]


def test_totals_of_nodes_that_are_not_stated_follow_from_the_stations(trial: Trial) -> None:
    row = {name: GOOD[name] for name in GOOD if not name.startswith("nodes")} | {"stations": "7: 0/4; 10R: 0/2"}
    found = plan(trial, table(row))
    assert found.accepted[0].reading["nodes_examined"] == 6
    write_plan(found, actor=None)
    assert plan(trial, table(row)).unchanged == 1
