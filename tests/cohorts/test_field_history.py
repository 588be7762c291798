"""The history of one field, the marks at each field, and what is said there while somebody types."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from cohorts.core.node_stations import parse_stations
from cohorts.models import PathologyOutcome
from cohorts.services.outcomes import OUTCOME_FIELDS, enter_outcome
from cohorts.services.patients import CLINICAL_FIELDS, update_patient
from tests.trial import READING, Trial, as_form


def address(trial: Trial, name: str, *more: str) -> str:
    return reverse(f"cohorts:{name}", args=[trial.cohort.code, trial.patient.code, *more])


def history(trial: Trial, field: str) -> list[tuple[str, str, str, str]]:
    page = trial.client("reader").get(address(trial, "field-history", field))
    return [
        (change.entry.actor.username, change.old, change.new, change.entry.reason)
        for change in page.context["changes"]
    ]


def test_the_history_of_a_field_says_who_changed_it_from_what_to_what_and_why(trial: Trial) -> None:
    enter_outcome(trial.patient, values=READING, actor=trial.coordinator)
    other = READING | {"ypt": "ypT1a", "stations": parse_stations("7: 0/4; 10R: 0/8")}
    enter_outcome(trial.patient, values=other, actor=trial.people["data_manager"], reason="letter of the pathologist")
    assert history(trial, "ypt") == [
        ("data_manager", "ypT2a", "ypT1a", "letter of the pathologist"),
        ("coordinator", "", "ypT2a", ""),
    ]
    assert history(trial, "stations") == [("data_manager", "", "7: 0/4; 10R: 0/8", "letter of the pathologist")]
    assert history(trial, "surgery_on") == [("coordinator", "", "10 Jun 2024", "")]


def test_choices_stand_in_the_history_as_words(trial: Trial) -> None:
    update_patient(trial.patient, values={"histology": "adenocarcinoma"}, actor=trial.coordinator, reason="revised")
    newest, first = history(trial, "histology")
    assert newest == ("coordinator", "Squamous cell carcinoma", "Adenocarcinoma", "revised")
    assert first[2] == "Squamous cell carcinoma"


def test_a_field_that_nobody_filled_in_and_one_that_does_not_exist(trial: Trial) -> None:
    client = trial.client("coordinator")
    assert (
        "Nobody filled in this field yet" in client.get(address(trial, "field-history", "regimen")).content.decode()
    )
    assert client.get(address(trial, "field-history", "password")).status_code == 404


def test_every_field_of_the_patient_page_leads_to_its_history(trial: Trial) -> None:
    update_patient(trial.patient, values={"exclusion": "other", "exclusion_note": "moved away"}, actor=None)
    enter_outcome(trial.patient, values=READING, actor=None)
    page = trial.client("reader").get(address(trial, "patient")).content.decode()
    missing = [
        name for name in (*CLINICAL_FIELDS, *OUTCOME_FIELDS) if address(trial, "field-history", name) not in page
    ]
    assert missing == []
    assert "Excluded from the analysis: Other reason." in page


def test_the_cost_of_the_patient_page_does_not_grow_with_its_history(
    trial: Trial, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        enter_outcome(trial.patient, values=READING | {"reader": f"R{number}"}, actor=None, reason="again")
    client = trial.client("coordinator")
    with django_assert_max_num_queries(15):
        client.get(address(trial, "patient"))


def derived(
    trial: Trial, values: dict[str, Any], name: str = "outcome-derive"
) -> dict[str, tuple[list[str], list[str]]]:
    answer = trial.client("coordinator").post(address(trial, name), values)
    assert answer.status_code == 200
    places = {
        place: (mistakes, [finding.rule for finding in found]) for place, mistakes, found in answer.context["places"]
    }
    return {place: said for place, said in places.items() if any(said)}


def test_a_broken_date_is_said_at_its_field_before_anything_else_is_typed(trial: Trial) -> None:
    assert derived(trial, {"surgery_on": "2024-04-01"}) == {"id_surgery_on_error": ([], ["E10"])}
    assert not PathologyOutcome.objects.exists()


def test_what_is_said_at_a_field_while_typing_are_its_rules_and_its_mistakes_but_not_that_it_is_empty(
    trial: Trial,
) -> None:
    said = derived(trial, as_form(READING) | {"ypt": "ypT0"})
    assert said == {"id_ypt_error": ([], ["E6"])}
    said = derived(trial, as_form(READING) | {"viable_percent": "", "stations": "7: x"})
    assert list(said) == ["id_stations_error"]
    assert "is no station" in said["id_stations_error"][0][0]
    sent = derived(trial, {"sent": "yes"})
    assert sent["id_viable_percent_error"][0] == ["This field is required."]


def test_a_broken_date_of_the_clinical_data_is_said_while_it_is_typed(trial: Trial) -> None:
    typed = {"centre": str(trial.here.pk), "first_dose_on": "2024-03-04", "last_dose_on": "2024-03-01"}
    assert derived(trial, typed, "patient-derive") == {"id_last_dose_on_error": ([], ["E10"])}
    trial.patient.refresh_from_db()
    assert str(trial.patient.last_dose_on) == "2024-04-22"


def test_the_response_says_the_rule_that_gave_it(trial: Trial) -> None:
    typed = as_form(READING) | {"viable_percent": "8", "necrosis_percent": "57"}
    answer = trial.client("coordinator").post(address(trial, "outcome-derive"), typed).content.decode()
    assert "8 % viable ≤ 10 %" in answer
    assert "8 % viable tumour in the primary" in answer


def test_nodes_by_station_are_entered_in_rows_and_fill_in_the_totals(trial: Trial) -> None:
    rows = {
        "stations-station": ["10R", "7", "", ""],
        "stations-examined": ["2", "4", "", ""],
        "stations-positive": ["", "1", "", ""],
        "stations-viable": ["", "30", "", ""],
    }
    typed = as_form(READING) | rows | {"nodes_examined": "", "nodes_positive": "", "ypn": "ypN2"}
    assert trial.client("coordinator").post(address(trial, "outcome"), typed).status_code == 302
    stored = PathologyOutcome.objects.get()
    assert stored.stations == parse_stations("7: 1/4 (30%); 10R: 0/2")
    assert (stored.nodes_examined, stored.nodes_positive) == (6, 1)
    page = trial.client("coordinator").get(address(trial, "outcome")).content.decode()
    assert page.count('name="stations-station"') == 4, "two rows that are filled in, and two that wait"


def test_stations_that_exceed_the_stated_total_are_refused(trial: Trial) -> None:
    typed = as_form(READING) | {"stations": "7: 0/40"}
    refused = trial.client("coordinator").post(address(trial, "outcome"), typed)
    assert "(E13)" in str(refused.context["form"].errors["stations"])


def test_a_note_on_an_exclusion_needs_its_reason(trial: Trial) -> None:
    typed = {"centre": str(trial.here.pk), "exclusion_note": "moved away"}
    refused = trial.client("coordinator").post(address(trial, "patient-edit"), typed)
    assert "exclusion" in refused.context["form"].errors
