"""My day: what waits for whom, where it is mended, and what it costs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cohorts.models import (
    BlindedReading,
    Job,
    Membership,
    OutcomeDraft,
    Patient,
    Query,
    RecordLock,
    Role,
    TableImport,
    Timepoint,
    User,
)
from cohorts.selectors.day import my_day
from cohorts.services.outcomes import enter_outcome
from cohorts.services.queries import answer_query, open_query
from tests.trial import READING, Trial


def piles(person: User) -> dict[str, list[str]]:
    return {pile.kind: [task.label for task in pile.tasks] for pile in my_day(person)}


def patient(trial: Trial, code: str, *, days_ago: int, **values: Any) -> Patient:
    last = timezone.localdate() - timedelta(days=days_ago)
    return Patient.objects.create(cohort=trial.cohort, centre=trial.here, code=code, last_dose_on=last, **values)


@pytest.fixture
def calm(trial: Trial) -> Trial:
    """The trial without anything that waits."""
    Patient.objects.filter(cohort=trial.cohort).update(last_dose_on=None)
    return trial


def test_a_calm_day_says_so(calm: Trial) -> None:
    assert my_day(calm.coordinator) == ()
    assert "Nothing waits for you" in calm.client().get(reverse("cohorts:day")).content.decode()


def test_pathology_and_scans_are_due_by_the_days_of_the_cohort(calm: Trial) -> None:
    patient(calm, "D-42", days_ago=42)
    patient(calm, "D-43", days_ago=43)
    patient(calm, "D-71", days_ago=71)
    patient(calm, "D-out", days_ago=90, exclusion="no_surgery")
    assert piles(calm.coordinator) == {"pathology": ["D-71"], "scans": ["D-71", "D-43"]}
    calm.cohort.post_scan_due_days = 100
    calm.cohort.save()
    assert piles(calm.coordinator) == {"pathology": ["D-71"]}


def test_what_is_here_is_not_missing(calm: Trial) -> None:
    known = patient(calm, "D-90", days_ago=90)
    Timepoint.objects.create(patient=known, kind="post")
    enter_outcome(known, values=READING | {"surgery_on": None, "signed_off_on": None}, actor=calm.coordinator)
    assert piles(calm.coordinator) == {}


def test_researchers_are_not_asked_to_enter_data(calm: Trial) -> None:
    patient(calm, "D-90", days_ago=90)
    assert piles(calm.researcher) == {}


def test_who_works_at_one_centre_sees_its_patients_only(calm: Trial) -> None:
    far = User.objects.create(username="far")
    Membership.objects.create(user=far, cohort=calm.cohort, role=Role.COORDINATOR, centre=calm.there)
    patient(calm, "D-90", days_ago=90)
    assert piles(far) == {}


def test_a_query_waits_first_for_the_coordinator_then_for_the_data_manager(calm: Trial) -> None:
    manager = calm.people["data_manager"]
    query = open_query(calm.patient, field="ypt", text="Which edition?", actor=manager)
    assert piles(calm.coordinator) == {"answers": ["P-1"]}
    assert piles(manager) == {}
    answer_query(query, text="The ninth.", actor=calm.coordinator)
    assert piles(calm.coordinator) == {}
    assert piles(manager) == {"closing": ["P-1"]}


def test_drafts_tables_and_failed_work_are_their_owners_alone(calm: Trial) -> None:
    me, manager = calm.coordinator, calm.people["data_manager"]
    OutcomeDraft.objects.create(patient=calm.patient, user=me, base_version=0)
    TableImport.objects.create(cohort=calm.cohort, source="csv", content=b"", created_by=me)
    now = {"cohort": calm.cohort, "created_by": me, "finished_at": timezone.now()}
    refused = {"series": [{"verdict": "refused"}, {"verdict": "accepted"}], "segmentations": []}
    Job.objects.create(kind=Job.Kind.IMPORT, state=Job.State.DONE, result=refused, **now)
    Job.objects.create(kind=Job.Kind.IMPORT, state=Job.State.DONE, result={"series": []}, **now)
    Job.objects.create(kind=Job.Kind.EXTRACTION, state=Job.State.FAILED, error="Too large.", **now)
    Job.objects.create(kind=Job.Kind.EXTRACTION_BATCH, state=Job.State.DONE, result={"failed": 2}, **now)
    Job.objects.create(kind=Job.Kind.EXTRACTION_BATCH, state=Job.State.DONE, result={"failed": 0}, **now)
    long_ago = now | {"finished_at": timezone.now() - timedelta(days=15)}
    Job.objects.create(kind=Job.Kind.EXTRACTION, state=Job.State.FAILED, **long_ago)
    assert piles(me) == {
        "drafts": ["P-1"],
        "tables": ["CSV"],
        "imports": ["Import of images"],
        "jobs": ["Extraction of a cohort", "Extraction"],
    }
    assert piles(manager) == {}


def test_a_written_table_waits_while_its_refused_rows_are_fresh(calm: Trial) -> None:
    table = TableImport.objects.create(
        cohort=calm.cohort,
        source="csv",
        content=b"",
        created_by=calm.coordinator,
        state=TableImport.State.WRITTEN,
        counts={"refused": 3},
        closed_at=timezone.now(),
    )
    (pile,) = my_day(calm.coordinator)
    assert pile.tasks[0].detail == "Written, 3 rows refused"
    TableImport.objects.filter(pk=table.pk).update(counts={"refused": 0})
    assert my_day(calm.coordinator) == ()


def test_complete_records_wait_for_a_signature_until_they_are_locked(calm: Trial) -> None:
    manager = calm.people["data_manager"]
    for kind in ("pre", "post"):
        Timepoint.objects.create(patient=calm.patient, kind=kind)
    enter_outcome(calm.patient, values=READING, actor=calm.coordinator)
    assert piles(manager) == {"locks": ["P-1"]}
    RecordLock.objects.create(
        cohort=calm.cohort, patient=calm.patient, meaning="verified", content_sha256="0" * 64, signed_by=manager
    )
    assert piles(manager) == {}


def test_readings_wait_for_readers_and_what_differs_shows_to_data_managers(calm: Trial) -> None:
    calm.cohort.double_reading = True
    calm.cohort.save()
    patient(calm, "B-1", days_ago=10)
    reader, manager = calm.people["reader"], calm.people["data_manager"]
    assert piles(reader) == {"readings": ["B-1"]}
    known = Patient.objects.get(code="B-1")
    others = [User.objects.create(username=f"other-{n}") for n in (1, 2)]
    for slot, (other, percent) in enumerate(zip(others, (5, 60), strict=True), start=1):
        BlindedReading.objects.create(patient=known, reader=other, slot=slot, viable_percent=percent)
    assert piles(manager) == {"adjudication": ["B-1"]}
    BlindedReading.objects.create(patient=known, reader=reader, slot=3, viable_percent=30)
    assert piles(manager) == {}
    assert piles(reader) == {}


def test_an_outcome_that_differs_from_the_consensus_waits_for_its_correction(calm: Trial) -> None:
    calm.cohort.double_reading = True
    calm.cohort.save()
    enter_outcome(calm.patient, values=READING, actor=calm.coordinator)
    for slot, name in enumerate(("data_manager", "researcher"), start=1):
        BlindedReading.objects.create(
            patient=calm.patient, reader=calm.people[name], slot=slot, viable_percent=Decimal(50)
        )
    (pile,) = my_day(calm.coordinator)
    assert (pile.kind, pile.tasks[0].detail) == ("settling", "settled on 50 %")


def test_a_long_pile_is_cut_and_opens_alone(calm: Trial) -> None:
    for number in range(9):
        patient(calm, f"L-{number}", days_ago=60 + number)
    (pile,) = my_day(calm.coordinator)
    assert (pile.count, len(pile.tasks), pile.more) == (9, 6, 3)
    (alone,) = my_day(calm.coordinator, alone="scans")
    assert len(alone.tasks) == 9
    page = calm.client().get(reverse("cohorts:day"), {"pile": "scans"}).content.decode()
    assert "L-8" in page
    assert "Nothing waits for you" in calm.client().get(reverse("cohorts:day"), {"pile": "no"}).content.decode()


def test_the_day_costs_as_many_queries_however_much_waits(calm: Trial) -> None:
    client, manager = calm.client("data_manager"), calm.people["data_manager"]

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(reverse("cohorts:day")).status_code == 200
        return len(captured)

    def more(start: int, end: int) -> None:
        for number in range(start, end):
            one = patient(calm, f"M-{number}", days_ago=100)
            Query.objects.create(patient=one, field="sex", state=Query.State.ANSWERED, opened_by=manager)

    more(0, 3)
    few = cost()
    more(3, 30)
    assert cost() == few
    assert few <= 30


def test_home_is_the_day_for_who_enters_data_and_the_cohorts_for_others(calm: Trial) -> None:
    for person, name in (("coordinator", "day"), ("reader", "day"), ("data_manager", "day"), ("researcher", "list")):
        response = calm.client(person).get(reverse("home"))
        assert response.url == reverse(f"cohorts:{name}"), person  # type: ignore[attr-defined]
