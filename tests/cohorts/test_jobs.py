"""The life of a job: claimed by one worker, held by a lease, closed once, explained truthfully."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.urls import reverse
from django.utils import timezone

from cohorts import jobs
from cohorts.errors import REMEDIES, ServiceError, explain
from cohorts.jobs import Report
from cohorts.models import Job, Patient
from imaging.core.errors import EmptyMask
from tests.queue import Queue
from tests.trial import Trial


def make(trial: Trial, parent: Job | None = None, **values: Any) -> Job:
    return Job.objects.create(
        kind=Job.Kind.EXTRACTION, cohort=trial.cohort, parent=parent, enqueued_at=timezone.now(), **values
    )


def result_of(value: int) -> Callable[[Job, Report], Callable[[], dict[str, Any]]]:
    return lambda job, report: lambda: {"value": value}


def failing(error: Exception) -> Callable[[Job, Report], Callable[[], dict[str, Any]]]:
    def work(job: Job, report: Report) -> Callable[[], dict[str, Any]]:
        report(1, 3, "halfway")
        raise error

    return work


def take_away(job: Job) -> None:
    """Let the lease run out and another worker claim the job."""
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert jobs._claim(job.pk) is not None


def test_a_job_runs_and_keeps_its_result(trial: Trial) -> None:
    job = make(trial)
    jobs.execute(job.pk, result_of(7))
    job.refresh_from_db()
    assert (job.state, job.result, job.attempt, job.percent) == (Job.State.DONE, {"value": 7}, 1, 100)
    assert job.lease_until is None
    assert job.started_at <= job.finished_at  # type: ignore[operator]


def test_a_message_delivered_twice_does_the_work_once(trial: Trial) -> None:
    job, calls = make(trial), []
    for _ in range(2):
        jobs.execute(job.pk, lambda job, report: lambda: calls.append(1) or {})  # type: ignore[func-returns-value]
    job.refresh_from_db()
    assert (len(calls), job.attempt) == (1, 1)


def test_a_message_delivered_while_another_worker_holds_the_job_is_left_alone(trial: Trial) -> None:
    job, inner = make(trial), []

    def work(claimed: Job, report: Report) -> Callable[[], dict[str, Any]]:
        jobs.execute(job.pk, lambda j, r: inner.append(1) or dict)  # type: ignore[func-returns-value]
        return lambda: {"outer": True}

    jobs.execute(job.pk, work)
    job.refresh_from_db()
    assert (inner, job.result, job.attempt) == ([], {"outer": True}, 1)


def test_a_job_whose_lease_ran_out_is_taken_over_by_the_next_delivery(trial: Trial) -> None:
    job = make(trial, state=Job.State.RUNNING, attempt=1, lease_until=timezone.now() - timedelta(seconds=1))
    jobs.execute(job.pk, result_of(2))
    job.refresh_from_db()
    assert (job.state, job.attempt) == (Job.State.DONE, 2)


def test_a_worker_that_lost_its_lease_writes_nothing(trial: Trial) -> None:
    job = make(trial)

    def work(claimed: Job, report: Report) -> Callable[[], dict[str, Any]]:
        take_away(job)
        return lambda: {"patients": Patient.objects.filter(pk=trial.patient.pk).update(age_years=99)}

    jobs.execute(job.pk, work)
    job.refresh_from_db()
    trial.patient.refresh_from_db()
    assert (job.state, job.attempt, job.result) == (Job.State.RUNNING, 2, {})
    assert trial.patient.age_years == 61


def test_a_worker_that_lost_its_lease_stops_at_its_next_report(trial: Trial) -> None:
    job, reached = make(trial), []

    def work(claimed: Job, report: Report) -> Callable[[], dict[str, Any]]:
        take_away(job)
        report(3, 3)
        reached.append(1)
        return dict

    jobs.execute(job.pk, work)
    job.refresh_from_db()
    assert (reached, job.state, job.done) == ([], Job.State.RUNNING, 0)


def test_a_worker_that_fails_after_it_lost_its_lease_says_nothing(trial: Trial) -> None:
    job = make(trial)

    def work(claimed: Job, report: Report) -> Callable[[], dict[str, Any]]:
        take_away(job)
        raise EmptyMask("The mask is empty.")

    jobs.execute(job.pk, work)
    job.refresh_from_db()
    assert (job.state, job.error) == (Job.State.RUNNING, "")


def test_a_job_that_was_cancelled_and_repeated_is_not_written_by_the_worker_from_before(trial: Trial) -> None:
    job = make(trial)

    def work(claimed: Job, report: Report) -> Callable[[], dict[str, Any]]:
        jobs.cancel(job)
        jobs.retry(job)
        assert jobs._claim(job.pk) is not None, "another worker starts the repeated job, as attempt 1 again"
        return lambda: {"by": "the worker from before"}

    jobs.execute(job.pk, work)
    job.refresh_from_db()
    assert (job.state, job.attempt, job.result) == (Job.State.RUNNING, 1, {})


def test_what_a_failing_write_began_is_undone(trial: Trial) -> None:
    job = make(trial)

    def work(claimed: Job, report: Report) -> Callable[[], dict[str, Any]]:
        def write() -> dict[str, Any]:
            Patient.objects.filter(pk=trial.patient.pk).update(age_years=99)
            raise EmptyMask("The mask is empty.")

        return write

    jobs.execute(job.pk, work)
    job.refresh_from_db()
    trial.patient.refresh_from_db()
    assert (job.state, job.error_code, trial.patient.age_years) == (Job.State.FAILED, "empty_mask", 61)


def test_an_expected_error_fails_with_its_sentence_and_what_to_do(trial: Trial) -> None:
    job = make(trial, total=3)
    jobs.execute(job.pk, failing(EmptyMask("The mask is empty after resampling to 1 mm.")))
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "empty_mask")
    assert job.error == "The mask is empty after resampling to 1 mm."
    assert job.remedy == REMEDIES["empty_mask"]


def test_a_job_that_failed_halfway_does_not_claim_to_be_complete(trial: Trial) -> None:
    job = make(trial)
    jobs.execute(job.pk, failing(EmptyMask("The mask is empty.")))
    job.refresh_from_db()
    assert (job.done, job.total, job.percent) == (1, 3, 33)


def test_an_unknown_error_becomes_an_apology_with_a_reference(trial: Trial, caplog: pytest.LogCaptureFixture) -> None:
    job = make(trial)
    with caplog.at_level(logging.DEBUG):
        jobs.execute(job.pk, failing(KeyError("MEIER^HANS")))
    job.refresh_from_db()
    reference = str(job.reference)[:8]
    assert job.state == Job.State.CRASHED
    assert reference in job.error
    assert "MEIER" not in job.error + job.remedy + caplog.text
    assert reference in caplog.text, "the log can be found by the reference"
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("error", [ValueError("Hans Meier, 1953"), OSError(2, "No such file", "/import/Meier_Hans")])
def test_the_log_names_type_and_place_of_an_unknown_error_and_never_its_message(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def somewhere() -> None:
        raise error

    with caplog.at_level(logging.DEBUG), pytest.raises(type(error)) as caught:
        somewhere()
    words = explain(caught.value, reference="ab12cd34")
    assert words.expected is False
    assert "Meier" not in caplog.text + words.message
    assert type(error).__name__ in caplog.text
    assert "somewhere" in caplog.text


def test_a_refusal_of_a_service_is_expected() -> None:
    words = explain(ServiceError("no_model", "The cohort has no trained model yet."), reference="x")
    assert (words.code, words.expected, words.remedy) == ("no_model", True, REMEDIES["no_model"])


def test_progress_is_what_the_work_reported_and_renews_the_lease(trial: Trial) -> None:
    job, seen = make(trial), []

    def work(claimed: Job, report: Report) -> Callable[[], dict[str, Any]]:
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() + timedelta(seconds=1))
        report(1, 4, "reading")
        job.refresh_from_db()
        seen.append((job.state, job.done, job.total, job.note, job.percent))
        assert job.lease_until > timezone.now() + timedelta(seconds=30)  # type: ignore[operator]
        return dict

    jobs.execute(job.pk, work)
    assert seen == [(Job.State.RUNNING, 1, 4, "reading", 25)]


def test_each_stage_of_the_work_is_shown_at_once_and_counting_now_and_then(trial: Trial) -> None:
    job, seen = make(trial), []

    def work(claimed: Job, report: Report) -> Callable[[], dict[str, Any]]:
        for done, note in ((0, "reading"), (1, "reading"), (2, "fitting"), (3, "fitting"), (4, "fitting")):
            report(done, 4, note)
            job.refresh_from_db()
            seen.append((job.done, job.note))
        return dict

    jobs.execute(job.pk, work)
    assert seen == [(0, "reading"), (0, "reading"), (2, "fitting"), (2, "fitting"), (4, "fitting")]


def test_a_cancelled_job_does_not_start(trial: Trial) -> None:
    job, calls = make(trial), []
    assert jobs.cancel(job)
    jobs.execute(job.pk, lambda j, r: calls.append(1) or dict)  # type: ignore[func-returns-value]
    job.refresh_from_db()
    assert (calls, job.state) == ([], Job.State.CANCELLED)


def test_a_running_job_that_is_cancelled_stops_at_its_next_report_and_writes_nothing(trial: Trial) -> None:
    job, reached = make(trial), []

    def work(claimed: Job, report: Report) -> Callable[[], dict[str, Any]]:
        jobs.cancel(job)
        report(1, 1)
        reached.append(1)
        return dict

    jobs.execute(job.pk, work)
    job.refresh_from_db()
    assert (reached, job.state, job.result) == ([], Job.State.CANCELLED, {})


def test_a_job_that_is_cancelled_after_its_last_report_writes_nothing(trial: Trial) -> None:
    job = make(trial)

    def work(claimed: Job, report: Report) -> Callable[[], dict[str, Any]]:
        jobs.cancel(job)
        return lambda: {"written": True}

    jobs.execute(job.pk, work)
    job.refresh_from_db()
    assert (job.state, job.result) == (Job.State.CANCELLED, {})


def test_what_is_over_cannot_be_cancelled(trial: Trial) -> None:
    job = make(trial)
    jobs.execute(job.pk, result_of(1))
    assert not jobs.cancel(job)
    job.refresh_from_db()
    assert job.state == Job.State.DONE


@pytest.mark.parametrize("state", [Job.State.FAILED, Job.State.CRASHED, Job.State.CANCELLED])
def test_what_did_not_succeed_can_be_repeated_from_the_first_attempt(
    trial: Trial, queue: Queue, django_capture_on_commit_callbacks: Any, state: str
) -> None:
    job = make(trial, state=state, attempt=3, error="It broke.", error_code="crashed", remedy="Wait.")
    with django_capture_on_commit_callbacks(execute=True):
        assert jobs.retry(job) == 1
    job.refresh_from_db()
    assert (job.state, job.attempt, job.error, job.error_code, job.remedy) == (Job.State.QUEUED, 0, "", "", "")
    assert queue.messages == [("imaging.tasks.extract", (job.pk,))]


@pytest.mark.parametrize("state", [Job.State.QUEUED, Job.State.RUNNING, Job.State.DONE])
def test_what_is_under_way_or_done_is_not_repeated(trial: Trial, state: str) -> None:
    job = make(trial, state=state)
    assert jobs.retry(job) == 0
    job.refresh_from_db()
    assert job.state == state


def test_a_message_is_sent_only_when_the_transaction_commits(
    trial: Trial, queue: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        job = jobs.enqueue(Job.Kind.TRAINING, cohort=trial.cohort, user=None)
        assert queue.messages == []
    assert queue.messages == [("modeling.tasks.train", (job.pk,))]


def test_the_reaper_brings_back_a_job_whose_worker_died(
    trial: Trial, queue: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    job = make(trial, state=Job.State.RUNNING, attempt=1, lease_until=timezone.now() - timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        assert jobs.reap() == 1
    job.refresh_from_db()
    assert (job.state, job.attempt) == (Job.State.QUEUED, 1)
    assert queue.messages == [("imaging.tasks.extract", (job.pk,))]


def test_the_reaper_leaves_living_and_finished_jobs_alone(trial: Trial) -> None:
    soon = timezone.now() + timedelta(seconds=30)
    make(trial, state=Job.State.RUNNING, attempt=1, lease_until=soon)
    make(trial)
    for state in Job.TERMINAL:
        make(trial, state=state)
    Job.objects.create(kind=Job.Kind.EXTRACTION_BATCH, cohort=trial.cohort, state=Job.State.RUNNING)
    assert jobs.reap() == 0


def test_the_reaper_sends_a_forgotten_job_again(trial: Trial) -> None:
    job = make(trial)
    Job.objects.filter(pk=job.pk).update(enqueued_at=timezone.now() - timedelta(minutes=11))
    assert jobs.reap() == 1
    assert jobs.reap() == 0, "it waits anew"


def test_a_job_that_killed_three_workers_is_stopped(trial: Trial) -> None:
    job = make(trial)
    for attempt in (1, 2, 3):
        claimed = jobs._claim(job.pk)
        assert claimed is not None
        assert claimed.attempt == attempt
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        jobs.reap()
    job.refresh_from_db()
    assert (job.state, job.attempt, job.error_code) == (Job.State.CRASHED, 3, "crashed")
    assert "3 times" in job.error
    assert jobs._claim(job.pk) is None


def test_a_fourth_delivery_is_refused_also_before_the_reaper_comes(trial: Trial) -> None:
    job = make(trial, state=Job.State.RUNNING, attempt=3, lease_until=timezone.now() - timedelta(seconds=1))
    assert jobs._claim(job.pk) is None


def test_the_reaper_does_not_touch_a_job_that_was_claimed_while_it_looked(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make(trial, state=Job.State.RUNNING, attempt=1, lease_until=timezone.now() - timedelta(seconds=1))
    original = transaction.atomic
    claimed: list[Job | None] = []

    def claim_first(*args: Any, **kwargs: Any) -> Any:
        if not claimed:  # between the reaper's look and its act, a late delivery reaches a worker
            claimed.append(None)
            claimed.append(jobs._claim(job.pk))
        return original(*args, **kwargs)

    monkeypatch.setattr(transaction, "atomic", claim_first)
    jobs.reap()
    job.refresh_from_db()
    assert claimed[1] is not None
    assert (job.state, job.attempt) == (Job.State.RUNNING, 2)


def batch_of(trial: Trial, n: int) -> tuple[Job, list[Job]]:
    batch = jobs.open_batch(Job.Kind.EXTRACTION_BATCH, cohort=trial.cohort, user=None, total=n)
    return batch, [make(trial, parent=batch) for _ in range(n)]


def test_a_batch_is_what_its_cases_are(trial: Trial) -> None:
    batch, cases = batch_of(trial, 3)
    seen = []
    for case, work in zip(cases, [result_of(1), failing(EmptyMask("Empty.")), result_of(3)], strict=True):
        jobs.execute(case.pk, work)
        batch.refresh_from_db()
        seen.append((batch.state, batch.done, batch.note))
    assert seen == [("running", 1, ""), ("running", 2, "1 failed"), ("done", 3, "1 failed")]
    assert batch.result == {"cases": 3, "done": 2, "failed": 1}
    assert batch.started_at is not None
    assert batch.finished_at is not None


def test_a_batch_of_which_every_case_failed_has_failed(trial: Trial) -> None:
    batch, cases = batch_of(trial, 2)
    for case in cases:
        jobs.execute(case.pk, failing(EmptyMask("Empty.")))
    batch.refresh_from_db()
    assert batch.state == Job.State.FAILED


def test_a_batch_runs_from_the_first_claim_on(trial: Trial) -> None:
    batch, cases = batch_of(trial, 2)
    jobs._claim(cases[0].pk)
    batch.refresh_from_db()
    assert (batch.state, batch.done) == (Job.State.RUNNING, 0)


def test_repeating_a_batch_repeats_only_what_did_not_succeed(trial: Trial) -> None:
    batch, cases = batch_of(trial, 3)
    for case, work in zip(cases, [result_of(1), failing(EmptyMask("Empty.")), result_of(3)], strict=True):
        jobs.execute(case.pk, work)
    assert jobs.retry(batch) == 1
    batch.refresh_from_db()
    states = list(batch.children.order_by("pk").values_list("state", flat=True))
    assert (batch.state, states) == ("running", ["done", "queued", "done"])
    jobs.execute(cases[1].pk, result_of(2))
    batch.refresh_from_db()
    assert (batch.state, batch.result, batch.note) == ("done", {"cases": 3, "done": 3, "failed": 0}, "")


def test_repeating_one_case_opens_its_batch_again(trial: Trial) -> None:
    batch, cases = batch_of(trial, 2)
    jobs.execute(cases[0].pk, result_of(1))
    jobs.execute(cases[1].pk, failing(EmptyMask("Empty.")))
    jobs.retry(cases[1])
    batch.refresh_from_db()
    assert (batch.state, batch.done, batch.finished_at) == (Job.State.RUNNING, 1, None)


def test_cancelling_a_batch_cancels_its_cases_and_keeps_what_is_done(trial: Trial) -> None:
    batch, cases = batch_of(trial, 3)
    jobs.execute(cases[0].pk, result_of(1))
    jobs.cancel(batch)
    batch.refresh_from_db()
    states = list(batch.children.order_by("pk").values_list("state", flat=True))
    assert (batch.state, states) == ("cancelled", ["done", "cancelled", "cancelled"])


def test_a_batch_of_which_every_case_was_cancelled_was_cancelled(trial: Trial) -> None:
    batch, cases = batch_of(trial, 2)
    for case in cases:
        jobs.cancel(case)
    batch.refresh_from_db()
    assert batch.state == Job.State.CANCELLED


def test_the_job_page_shows_the_words_of_the_error_and_the_case_in_trouble_first(trial: Trial) -> None:
    batch, cases = batch_of(trial, 2)
    jobs.execute(cases[0].pk, result_of(1))
    jobs.execute(cases[1].pk, failing(EmptyMask("The mask is empty after resampling to 1 mm.")))
    response = trial.client("researcher").get(reverse("cohorts:job", args=[batch.reference]))
    assert "The mask is empty after resampling to 1 mm." in response.content.decode()
    assert [case.state for case in response.context["cases"]] == ["failed", "done"]


def test_the_progress_of_a_job_refreshes_until_it_is_over(trial: Trial) -> None:
    job = make(trial, state=Job.State.RUNNING, done=1, total=4)
    client, url = trial.client("researcher"), reverse("cohorts:job-progress", args=[job.reference])
    assert 'hx-trigger="every 1s"' in client.get(url).content.decode()
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE, finished_at=timezone.now())
    assert "hx-trigger" not in client.get(url).content.decode()


def test_the_buttons_of_the_job_page_cancel_and_repeat(trial: Trial) -> None:
    job, client = make(trial), trial.client("researcher")
    client.post(reverse("cohorts:job-cancel", args=[job.reference]))
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    client.post(reverse("cohorts:job-retry", args=[job.reference]))
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED


def test_a_lease_is_renewed_while_the_work_makes_no_report_also_after_the_database_was_away(
    trial: Trial, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.JOB_LEASE_SECONDS = 0.06
    job, renewals = make(trial), []
    first = threading.Event()

    class Lease:
        def update(self, **values: Any) -> int:
            renewals.append(values["lease_until"])
            if len(renewals) == 1:
                raise OperationalError("the server closed the connection")
            first.set()
            return 1

    monkeypatch.setattr(jobs, "_held", lambda job: Lease())
    with jobs._heartbeat(job):
        assert first.wait(10), "the heart went on beating"
    assert renewals[1] > renewals[0]
