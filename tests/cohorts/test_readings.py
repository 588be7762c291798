"""Blinded double reading: who sees what, who is next, and what counts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cohorts.access import Action, granted
from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, BlindedReading, Membership, Patient, Role, User
from cohorts.selectors.readings import consensus_in, consensus_of, reading_progress, settled, wanted_readings
from cohorts.services.outcomes import enter_outcome
from cohorts.services.readings import submit_reading
from tests.trial import READING, Trial


@pytest.fixture
def readers(trial: Trial) -> list[User]:
    trial.cohort.double_reading = True
    trial.cohort.save()
    people = [trial.people["reader"], *(User.objects.create(username=f"reader-{n}") for n in (2, 3, 4))]
    for person in people[1:]:
        Membership.objects.create(user=person, cohort=trial.cohort, role=Role.READER)
    return people


def read(patient: Patient, reader: User, percent: float) -> BlindedReading:
    return submit_reading(patient, viable_percent=Decimal(str(percent)), reader=reader)


def test_two_readers_agree_and_their_mean_counts(trial: Trial, readers: list[User]) -> None:
    read(trial.patient, readers[1], 14)
    assert consensus_of(trial.patient).state == "one"
    read(trial.patient, readers[0], 12)
    found = consensus_of(trial.patient)
    assert (found.state, found.viable_percent) == ("agreed", 13)
    assert [r.slot for r in BlindedReading.objects.order_by("pk")] == [1, 2]


def test_a_difference_goes_to_a_third_person_who_decides(trial: Trial, readers: list[User]) -> None:
    read(trial.patient, readers[0], 9)
    read(trial.patient, readers[1], 11)  # within the margin, but across the line
    assert consensus_of(trial.patient).state == "to_adjudicate"
    with pytest.raises(ServiceError, match="You have read this patient already"):
        read(trial.patient, readers[0], 11)
    assert read(trial.patient, readers[2], 8).slot == BlindedReading.Slot.ADJUDICATION
    assert (consensus_of(trial.patient).state, consensus_of(trial.patient).viable_percent) == ("adjudicated", 8)
    with pytest.raises(ServiceError, match="No reading of this patient is wanted any more"):
        read(trial.patient, readers[3], 8)


def test_what_waits_for_a_reader_is_what_they_have_not_read_and_what_is_not_settled(
    trial: Trial, readers: list[User]
) -> None:
    def waiting(reader: User) -> list[tuple[str, bool]]:
        found, n = wanted_readings(trial.cohort, reader, limit=10)
        assert n == len(found)
        return [(one.patient.code, one.is_adjudication) for one in found]

    # The other patient's treatment has no end yet, so there is nothing to read.
    assert waiting(readers[0]) == [("P-1", False)]
    read(trial.patient, readers[0], 9)
    assert waiting(readers[0]) == []
    read(trial.patient, readers[1], 40)
    assert waiting(readers[2]) == [("P-1", True)]
    Patient.objects.filter(pk=trial.patient.pk).update(exclusion="withdrawn")
    assert waiting(readers[2]) == []


def test_a_blinded_reader_may_do_nothing_but_read(trial: Trial, readers: list[User]) -> None:
    member = Membership.objects.get(user=readers[0], cohort=trial.cohort)
    assert granted(member) == {Action.READ_BLINDED}
    enter_outcome(trial.patient, values=READING, actor=trial.coordinator)
    client = trial.client("reader")
    for name in ("detail", "patients", "history", "jobs", "queries", "agreement-panel"):
        assert client.get(reverse(f"cohorts:{name}", args=[trial.cohort.code])).status_code == 403, name
    for name in ("patient", "patient-history", "outcome", "lock"):
        assert client.get(reverse(f"cohorts:{name}", args=[trial.cohort.code, "P-1"])).status_code == 403, name
    assert client.get(reverse("modeling:patient-panel", args=[trial.cohort.code, "P-1"])).status_code == 403


def test_no_page_of_a_reader_shows_a_reading_of_others_or_the_outcome(trial: Trial, readers: list[User]) -> None:
    values = READING | {"viable_percent": Decimal("37.25"), "necrosis_percent": Decimal("27.75")}
    enter_outcome(trial.patient, values=values, actor=trial.coordinator)
    read(trial.patient, readers[1], 63.5)
    client, code = trial.client("reader"), trial.cohort.code
    addresses = [reverse("cohorts:readings", args=[code]), reverse("cohorts:reading", args=[code, "P-1"])]
    addresses += [reverse(name) for name in ("cohorts:day", "cohorts:list", "cohorts:notifications")]
    for address in addresses:
        page = client.get(address).content.decode()
        assert "37.2" not in page, address
        assert "63.5" not in page, address
        assert "MPR rate" not in page, address


def test_the_history_names_the_reader_and_not_the_value(trial: Trial, readers: list[User]) -> None:
    read(trial.patient, readers[0], 63.5)
    entry = AuditEntry.objects.get(verb="read blind")
    assert (entry.actor, entry.changes) == (readers[0], {"slot": [None, "First reading"]})


def submit(client: Client, trial: Trial, **values: Any) -> str:
    url = reverse("cohorts:reading", args=[trial.cohort.code, "P-1"])
    return client.post(url, values, follow=True).content.decode()


def test_a_reading_is_asked_for_twice_and_stored_once(trial: Trial, readers: list[User]) -> None:
    client = trial.client("reader")
    page = submit(client, trial, viable_percent="12.5")
    assert "Is this right?" in page
    assert "12.50" in page
    assert not BlindedReading.objects.exists()
    page = submit(client, trial, viable_percent="12.5", confirmed="on")
    assert "Your reading of P-1 is stored." in page
    assert BlindedReading.objects.get().viable_percent == Decimal("12.50")
    page = submit(client, trial, viable_percent="50", confirmed="on")
    assert "You have read this patient already" in page
    assert BlindedReading.objects.get().viable_percent == Decimal("12.50")


def test_a_percentage_beyond_the_scale_is_refused_at_its_field(trial: Trial, readers: list[User]) -> None:
    page = submit(trial.client("reader"), trial, viable_percent="120")
    assert "less than or equal to 100" in page
    assert not BlindedReading.objects.exists()


def test_nobody_who_sees_predictions_or_enters_outcomes_can_read_blind(trial: Trial, readers: list[User]) -> None:
    for person in ("administrator", "researcher", "coordinator", "data_manager"):
        assert trial.client(person).get(reverse("cohorts:readings", args=[trial.cohort.code])).status_code == 403


def test_only_an_outcome_that_the_readers_settled_on_is_settled(trial: Trial, readers: list[User]) -> None:
    outcome = enter_outcome(trial.patient, values=READING, actor=trial.coordinator)
    assert not settled(outcome, consensus_of(trial.patient))
    read(trial.patient, readers[0], 38)
    read(trial.patient, readers[1], 42)
    assert settled(outcome, consensus_of(trial.patient))


def test_a_correction_away_from_the_consensus_is_refused(trial: Trial, readers: list[User]) -> None:
    read(trial.patient, readers[0], 20)
    read(trial.patient, readers[1], 24)
    with pytest.raises(Exception, match="The blinded readers settled on 22 %, but 40 % is entered"):
        enter_outcome(trial.patient, values=READING, actor=trial.coordinator)


def test_the_agreement_is_counted_over_patients_read_twice(trial: Trial, readers: list[User]) -> None:
    pairs = [(5, 6), (20, 22), (60, 58), (80, 85), (9, 30)]
    for number, (one, other) in enumerate(pairs):
        patient = Patient.objects.create(
            cohort=trial.cohort, centre=trial.here, code=f"R-{number}", last_dose_on=date(2024, 4, 1)
        )
        read(patient, readers[number % 2], (one, other)[number % 2])
        read(patient, readers[1 - number % 2], (one, other)[1 - number % 2])
    found = reading_progress(trial.cohort, trial.researcher)
    assert found.states["agreed"] == 4
    assert found.states["to_adjudicate"] == 1
    assert found.states["none"] == 1  # the trial's own patient
    assert found.agreement is not None
    assert found.agreement.n == 5
    # Whoever submitted first, a column is a reader.
    assert found.agreement.bias_points == pytest.approx(sum(a - b for a, b in pairs) / 5)
    page = trial.client("researcher").get(reverse("cohorts:agreement-panel", args=[trial.cohort.code]))
    assert "ICC(2,1)" in page.content.decode()
    assert len(consensus_in(trial.cohort)) == 5


def test_without_double_reading_the_panel_is_empty(trial: Trial) -> None:
    page = trial.client("researcher").get(reverse("cohorts:agreement-panel", args=[trial.cohort.code]))
    assert page.content.strip() == b""


def test_a_long_list_is_cut_with_the_third_readings_first(trial: Trial, readers: list[User]) -> None:
    for number in range(4):
        patient = Patient.objects.create(
            cohort=trial.cohort, centre=trial.here, code=f"Z-{number}", last_dose_on=date(2024, 4, 1)
        )
    read(patient, readers[1], 5)
    read(patient, readers[2], 90)
    found, n = wanted_readings(trial.cohort, readers[0], limit=2)
    assert [(one.patient.code, one.is_adjudication) for one in found] == [("Z-3", True), ("P-1", False)]
    assert n == 5
