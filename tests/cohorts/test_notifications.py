"""Notices: what a person is told, and that nobody else is."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from cohorts import jobs
from cohorts.errors import ServiceError
from cohorts.models import Job, Notification, User
from cohorts.notify import tell
from tests.queue import Queue
from tests.trial import Trial


def told(person: User) -> list[tuple[str, bool]]:
    return list(Notification.objects.filter(user=person).order_by("pk").values_list("text", "is_trouble"))


def start(trial: Trial, kind: Job.Kind = Job.Kind.EXTRACTION, **more: Any) -> Job:
    return jobs.enqueue(kind, cohort=trial.cohort, user=trial.coordinator, **more)


def fail(job: Job, report: Any) -> Any:
    raise ServiceError("nothing_to_do", "There is no image.")


def test_who_started_work_is_told_when_it_is_done(trial: Trial, queue: Queue) -> None:
    job = start(trial)
    jobs.execute(job.pk, lambda job, report: lambda: {"n": 1})
    assert told(trial.coordinator) == [("Extraction is done.", False)]
    assert Notification.objects.get().url == job.get_absolute_url()


def test_a_failure_is_told_as_trouble_with_its_sentence(trial: Trial, queue: Queue) -> None:
    jobs.execute(start(trial).pk, fail)
    assert told(trial.coordinator) == [("Extraction failed. There is no image.", True)]


def test_a_batch_is_told_once_and_its_cases_are_not(trial: Trial, queue: Queue) -> None:
    batch = jobs.open_batch(Job.Kind.EXTRACTION_BATCH, cohort=trial.cohort, user=trial.coordinator, total=2)
    cases = [start(trial, parent=batch) for _ in range(2)]
    jobs.execute(cases[0].pk, fail)
    assert told(trial.coordinator) == []
    jobs.execute(cases[1].pk, lambda job, report: dict)
    assert told(trial.coordinator) == [("Extraction of a cohort is done; failed: 1.", True)]


def test_what_a_person_cancelled_is_not_told_to_them(trial: Trial, queue: Queue) -> None:
    jobs.cancel(start(trial))
    batch = jobs.open_batch(Job.Kind.EXTRACTION_BATCH, cohort=trial.cohort, user=trial.coordinator, total=1)
    start(trial, parent=batch)
    jobs.cancel(batch)
    assert told(trial.coordinator) == []


def test_the_bell_counts_what_is_new_and_the_list_marks_it_read(trial: Trial) -> None:
    there = reverse("cohorts:list")
    for text in ("One.", "Two."):
        tell(trial.coordinator, cohort=trial.cohort, text=text, url=there)
    client, page = trial.client(), reverse("cohorts:notifications")
    bell = client.get(page, headers={"HX-Request": "true"}).content.decode()
    assert "2 new notices" in bell
    assert "<html" not in bell
    notice = Notification.objects.get(text="One.")
    response = client.post(reverse("cohorts:notification-read"), {"notice": notice.pk})
    assert response.url == there  # type: ignore[attr-defined]
    assert "1 new notice" in client.get(page, headers={"HX-Request": "true"}).content.decode()
    client.post(reverse("cohorts:notification-read"))
    assert "Notices, none is new" in client.get(page, headers={"HX-Request": "true"}).content.decode()
    assert "Two." in client.get(page).content.decode()


def test_nobody_sees_or_reads_the_notices_of_others(trial: Trial) -> None:
    notice = tell(trial.coordinator, cohort=trial.cohort, text="Mine.", url="/")
    other = trial.client("administrator")
    assert "Mine." not in other.get(reverse("cohorts:notifications")).content.decode()
    assert other.post(reverse("cohorts:notification-read"), {"notice": notice.pk}).status_code == 404
    other.post(reverse("cohorts:notification-read"))
    notice.refresh_from_db()
    assert notice.read_at is None


def test_who_left_a_cohort_reads_its_notices_no_more(trial: Trial) -> None:
    tell(trial.coordinator, cohort=trial.cohort, text="About P-1.", url="/")
    client, page = trial.client("coordinator"), reverse("cohorts:notifications")
    assert "About P-1." in client.get(page).content.decode()
    trial.coordinator.memberships.all().delete()
    assert "About P-1." not in client.get(page).content.decode()
    notice = Notification.objects.get()
    assert client.post(reverse("cohorts:notification-read"), {"notice": notice.pk}).status_code == 404
