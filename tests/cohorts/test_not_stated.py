"""What a report leaves out is not stated: in the form, in tables, in data of older versions; and what follows from it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse

from cohorts.core.errors import UnreadableTable
from cohorts.core.signature import content_digest
from cohorts.core.tables import read_table
from cohorts.models import AuditEntry, PathologyOutcome, Patient
from cohorts.selectors.baseline import baseline
from cohorts.selectors.history import field_changes
from cohorts.selectors.locks import digest_of, signed_content
from cohorts.selectors.patients import current_outcome, response_of
from cohorts.selectors.summary import summarise
from cohorts.selectors.table_imports import known_in
from cohorts.services.outcomes import enter_outcome
from cohorts.services.patients import create_patient, update_patient
from cohorts.services.table_import.check import plan_table
from cohorts.services.table_import.plan import Plan, strict_mapping
from cohorts.services.table_import.write import write_plan
from tests.core.cohorts.test_redcap import HEADER
from tests.trial import COMPLETE_RESPONSE, READING, Trial, as_form

#: Facts that a report may leave out and that once had a favourable default.
UNSTATED = ("sampling", "blinded", "tnm_edition")


def address(trial: Trial, name: str) -> str:
    return reverse(f"cohorts:{name}", args=[trial.cohort.code, trial.patient.code])


def plan(trial: Trial, content: str) -> Plan:
    read = read_table(content.encode())
    return plan_table(known_in(trial.cohort, None), read, mapping=strict_mapping(read.columns))


TABLE = "patient,viable_percent,necrosis_percent,stroma_percent,ypt,ypn,nodes_examined"
ROW = "P-1,0,40,60,ypT0,ypN0,12"


# The form.


def test_the_form_offers_nothing_preselected_and_not_stated_first(trial: Trial) -> None:
    form = trial.client().get(address(trial, "outcome")).context["form"]
    for name in UNSTATED:
        assert form[name].value() in (None, ""), name
        assert str(form.fields[name].choices[0][1]) == "Not stated", name  # type: ignore[index]


def test_a_form_that_says_nothing_of_them_stores_nothing_and_the_complete_response_is_unconfirmed(
    trial: Trial,
) -> None:
    said = {name: value for name, value in COMPLETE_RESPONSE.items() if name not in UNSTATED}
    assert trial.client().post(address(trial, "outcome"), as_form(said)).status_code == 302
    stored = current_outcome(trial.patient)
    assert stored is not None
    assert [getattr(stored, name) for name in UNSTATED] == ["", None, None]
    response = response_of(stored, trial.cohort)
    assert (response.mpr, response.pcr) == (True, None)
    shown = trial.client().get(trial.patient.get_absolute_url()).content.decode()
    assert "how the bed was sampled is not stated" in shown


def test_a_complete_response_that_a_report_states_is_stored_without_a_word_on_the_sampling(trial: Trial) -> None:
    values = COMPLETE_RESPONSE | {"sampling": "", "reported_pcr": True}
    stored = enter_outcome(trial.patient, values=values, actor=None)
    assert (stored.reported_pcr, response_of(stored, trial.cohort).pcr) == (True, None)


def test_sampling_as_iaslc_asks_confirms_a_complete_response(trial: Trial) -> None:
    values = COMPLETE_RESPONSE | {"sampling": "as_iaslc", "tumour_bed_mm": Decimal(42)}
    stored = enter_outcome(trial.patient, values=values, actor=None)
    assert response_of(stored, trial.cohort).pcr is True


def test_whether_a_reader_was_blind_has_three_answers_on_the_form(trial: Trial) -> None:
    for posted, stored in (("True", True), ("False", False), ("", None)):
        PathologyOutcome.objects.all().delete()
        values = as_form({k: v for k, v in READING.items() if k != "blinded"}) | {"blinded": posted}
        assert trial.client().post(address(trial, "outcome"), values).status_code == 302
        assert current_outcome(trial.patient).blinded is stored  # type: ignore[union-attr]


# Tables.


@pytest.mark.parametrize(
    ("column", "text", "stored"),
    [
        ("sampling", "complete", "complete"),
        ("sampling", "as_iaslc", "as_iaslc"),
        ("sampling", "incomplete", "incomplete"),
        ("sampling", "", ""),
        ("sampling", "Not stated", ""),
        ("sampling", "not_stated", ""),
        ("sampling_complete", "yes", "complete"),
        ("sampling_complete", "no", "incomplete"),
        ("sampling_complete", "1", "complete"),
        ("sampling_complete", "FALSE", "incomplete"),
        ("sampling_complete", "", ""),
    ],
)
def test_a_table_says_how_the_bed_was_sampled_in_today_s_words_and_in_those_of_older_tables(
    trial: Trial, column: str, text: str, stored: str
) -> None:
    found = plan(trial, f"{TABLE},{column},blinded,tnm_edition\n{ROW},{text},,\n")
    assert found.refused == ()
    write_plan(found, actor=None)
    outcome = PathologyOutcome.objects.get()
    assert (outcome.sampling, outcome.blinded, outcome.tnm_edition) == (stored, None, None)


def test_an_empty_cell_takes_back_what_was_stated(trial: Trial) -> None:
    enter_outcome(trial.patient, values=COMPLETE_RESPONSE, actor=None)
    found = plan(trial, f"{TABLE},sampling,blinded,tnm_edition\n{ROW},,,\n")
    assert {name: new for name, (_old, new) in found.accepted[0].changes.items() if name in UNSTATED} == {
        "sampling": "",
        "blinded": None,
        "tnm_edition": None,
    }


def test_a_table_with_the_old_and_the_new_column_of_one_field_is_refused(trial: Trial) -> None:
    with pytest.raises(UnreadableTable, match="Several columns of the table are sampling"):
        plan(trial, f"{TABLE},sampling,sampling_complete\n{ROW},complete,no\n")


def test_a_redcap_project_that_asks_for_three_ways_of_sampling_is_understood(trial: Trial) -> None:
    dictionary = HEADER + (
        "record_id,base,,text,Record,,\n"
        "q1,path,,text,Residual viable tumour (%),,\nq2,path,,text,Necrosis (%),,\nq3,path,,text,Stroma (%),,\n"
        'q4,path,,radio,ypT,"0, ypT0 | 1, ypTX",\nq5,path,,radio,ypN,"0, ypN0 | 9, ypNX",\n'
        'q6,path,,radio,Sampling of the tumour bed,"1, Complete | 2, IASLC | 3, Incomplete | 4, Not stated",\n'
        'q7,path,,radio,Histology at surgery,"1, Adenocarcinoma | 2, Not otherwise specified",\n'
        'q8,base,,radio,Clinical T,"1, T1a | 2, T2a",\n'
    )
    records = b"record_id,q1,q2,q3,q4,q5,q6,q7,q8\nP-1,0,40,60,0,0,2,2,1\nP-2,0,40,60,1,0,4,,2\n"
    url = reverse("cohorts:table-import-new", args=[trial.cohort.code])
    files: dict[str, Any] = {
        "file": SimpleUploadedFile("records", records),
        "dictionary": SimpleUploadedFile("dictionary.csv", dictionary.encode()),
    }
    found = trial.client().post(url, files, follow=True).context["plan"]
    assert found.refused == ()
    assert [row.reading["sampling"] for row in found.accepted] == ["as_iaslc", ""]
    assert found.accepted[0].reading["surgical_histology"] == "nsclc_nos"
    assert [row.clinical["clinical_t"] for row in found.accepted] == ["cT1a", "cT2a"]
    assert found.accepted[1].reading["ypt"] == "ypTX"


# The clinical stage.

T1_N2A = {"clinical_t": "cT1b", "clinical_n": "cN2a", "clinical_m": "cM0"}


@pytest.mark.parametrize(("edition", "stage"), [(8, "IIIA"), (9, "IIB"), (None, "")])
def test_a_stage_that_is_left_empty_is_that_of_the_stated_edition(
    trial: Trial, edition: int | None, stage: str
) -> None:
    values = T1_N2A | {"clinical_tnm_edition": edition}
    assert update_patient(trial.patient, values=values, actor=None).clinical_stage == stage
    added = create_patient(trial.cohort, code="P-3", centre=trial.here, actor=None, clinical=values)
    assert added.clinical_stage == stage


def test_a_typed_stage_stays_and_is_asked_about_on_the_page_and_while_typing(trial: Trial) -> None:
    values = T1_N2A | {"clinical_tnm_edition": 9, "clinical_stage": "IIIA"}
    assert update_patient(trial.patient, values=values, actor=None).clinical_stage == "IIIA"
    question = "means stage IIB, but IIIA is entered"
    assert question in trial.client().get(trial.patient.get_absolute_url()).content.decode()
    typed = {name: str(value) for name, value in values.items()} | {"centre": str(trial.here.pk)}
    assert question in trial.client().post(address(trial, "patient-derive"), typed).content.decode()
    undated = {name: text for name, text in typed.items() if name not in {"clinical_tnm_edition", "clinical_stage"}}
    assert "state the edition" in trial.client().post(address(trial, "patient-derive"), undated).content.decode()


def test_a_change_of_something_else_derives_no_stage(trial: Trial) -> None:
    Patient.objects.filter(pk=trial.patient.pk).update(**T1_N2A, clinical_tnm_edition=9)
    assert update_patient(trial.patient, values={"age_years": 62}, actor=None).clinical_stage == ""


def test_a_table_derives_the_stage_as_the_form_does_and_changes_nothing_the_second_time(trial: Trial) -> None:
    content = "patient,clinical_t,clinical_n,clinical_m,clinical_tnm_edition,clinical_stage\nP-1,T1b,N2a,M0,9th,\n"
    found = plan(trial, content)
    assert found.accepted[0].changes["clinical_stage"] == ("", "IIB")
    write_plan(found, actor=None)
    again = plan(trial, content)
    assert (again.accepted, again.unchanged) == ((), 1)


def test_the_baseline_table_counts_the_editions_and_those_that_state_none(trial: Trial) -> None:
    update_patient(trial.patient, values={"clinical_tnm_edition": 8}, actor=None)
    rows = summarise(trial.cohort, trial.researcher).rows
    lines = {line.label.strip(): line.cells[-1] for line in baseline(rows, by="centre").rows}
    assert lines["TNM edition of the clinical stage"] == ""
    assert (lines["8th"], lines["Not stated"]) == ("1 (100 %)", "1 (50 %)")


# Histology of two moments.


def test_the_rules_read_the_histology_of_the_resected_tumour_where_it_is_stated(trial: Trial) -> None:
    stored = enter_outcome(trial.patient, values=READING | {"surgical_histology": "adenocarcinoma"}, actor=None)
    assert (trial.patient.histology, stored.reading.histology) == ("squamous", "adenocarcinoma")
    stored.surgical_histology = ""
    assert stored.reading.histology == "squamous"


# Records of older versions.


def test_a_signature_on_a_record_of_an_older_version_still_holds(trial: Trial) -> None:
    for sampling, was in (("complete", True), ("incomplete", False)):
        enter_outcome(trial.patient, values=READING | {"sampling": sampling}, actor=None, reason="again")
        former = {code: dict(content) for code, content in signed_content([trial.patient]).items()}
        pathology = dict(former["P-1"]["pathology"])  # type: ignore[call-overload]
        new_fields = {"ypm", "surgical_histology", "sampling"} & {name for name, value in pathology.items() if value}
        assert new_fields == set(), "what is not stated counts as absent"
        assert pathology["sampling_complete"] is was
        assert digest_of(trial.patient) == content_digest(former)


def test_a_signature_covers_every_way_of_sampling(trial: Trial) -> None:
    digests = set()
    for sampling in ("complete", "as_iaslc", "incomplete", ""):
        PathologyOutcome.objects.all().delete()
        enter_outcome(trial.patient, values=READING | {"sampling": sampling}, actor=None)
        digests.add(digest_of(trial.patient))
    assert len(digests) == 4


def test_the_history_of_the_sampling_goes_on_where_an_older_version_left_it(trial: Trial) -> None:
    AuditEntry.objects.create(
        cohort=trial.cohort,
        patient=trial.patient,
        verb="entered",
        object_type="pathologyoutcome",
        changes={"sampling_complete": [None, True]},
    )
    enter_outcome(trial.patient, values=READING | {"sampling": "as_iaslc"}, actor=None)
    changes = [(change.old, change.new) for change in field_changes(trial.patient, "sampling")]
    assert [old for old, _new in changes] == ["", ""]
    assert changes[0][1].startswith("As IASLC asks")
    assert changes[1][1] == "Yes"


@pytest.mark.django_db(transaction=True)
def test_a_database_of_an_older_version_keeps_what_was_stored() -> None:
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    try:
        executor = MigrationExecutor(connection)
        executor.migrate([("cohorts", "0005_withdrawal")])
        old = executor.loader.project_state([("cohorts", "0005_withdrawal")]).apps
        cohort = old.get_model("cohorts", "Cohort").objects.create(code="old", name="Old")
        centre = old.get_model("cohorts", "Centre").objects.create(cohort=cohort, code="A", name="A")
        user = old.get_model("cohorts", "User").objects.create(username="old")
        patient = old.get_model("cohorts", "Patient").objects.create(
            cohort=cohort, centre=centre, code="P-1", histology="squamous", clinical_stage="IIIA"
        )
        reading = {"viable_percent": 0, "necrosis_percent": 40, "stroma_percent": 60, "ypt": "ypT0", "ypn": "ypN0"}
        outcomes = old.get_model("cohorts", "PathologyOutcome").objects
        outcomes.create(
            patient=patient, version=1, is_current=False, sampling_complete=False, blinded=False, **reading
        )
        outcomes.create(patient=patient, version=2, surgery_on=date(2024, 6, 10), **reading)
        old.get_model("cohorts", "Query").objects.create(patient=patient, field="sampling_complete")
        old.get_model("cohorts", "OutcomeDraft").objects.create(
            patient=patient, user=user, base_version=2, values={"sampling_complete": "True", "reader": "AB"}
        )
        old.get_model("cohorts", "TableImport").objects.create(
            cohort=cohort, source="csv", content=b"", mapping={"done": "sampling_complete", "note": ""}
        )
        executor = MigrationExecutor(connection)
        executor.migrate(leaves)
        new = executor.loader.project_state(leaves).apps
        outcomes = new.get_model("cohorts", "PathologyOutcome").objects.order_by("version")
        kept = [(o.sampling, o.blinded, o.tnm_edition, o.surgical_histology, o.ypm) for o in outcomes]
        assert kept == [("incomplete", False, 9, "", ""), ("complete", True, 9, "", "")]
        person = new.get_model("cohorts", "Patient").objects.get()
        assert (person.histology, person.clinical_stage, person.clinical_tnm_edition) == ("squamous", "IIIA", None)
        assert new.get_model("cohorts", "Query").objects.get().field == "sampling"
        draft = new.get_model("cohorts", "OutcomeDraft").objects.get()
        assert draft.values == {"sampling": "complete", "reader": "AB"}
        assert new.get_model("cohorts", "TableImport").objects.get().mapping == {"done": "sampling", "note": ""}
    finally:
        MigrationExecutor(connection).migrate(leaves)
