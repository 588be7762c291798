"""Whether anybody works is known at once: by a fresh sign of life, or by a job that is held."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from cohorts import heartbeat, jobs, workers
from cohorts.errors import ServiceError
from cohorts.models import Job, User
from config import diagnosis, serving
from config.celery import SignOfLife
from config.management.commands.serve import Command
from tests.queue import Queue
from tests.trial import Trial

pytestmark = pytest.mark.django_db
NOBODY = "No worker is running"


def waiting(trial: Trial, **values: Any) -> Job:
    return Job.objects.create(kind=Job.Kind.TRAINING, cohort=trial.cohort, **values)


def page_of(trial: Trial, job: Job, name: str = "cohorts:job") -> str:
    return trial.client("researcher").get(reverse(name, args=[job.reference])).content.decode()


@pytest.fixture
def sign(data_folder: Path) -> Iterator[Path]:
    """The sign of life of a worker."""
    heartbeat.beat()
    (file,) = (data_folder / "workers").iterdir()
    yield file
    file.unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["cohorts:job", "cohorts:job-progress"])
def test_a_job_that_waits_for_nobody_says_so_with_the_command_and_asks_no_broker(
    trial: Trial, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "broker_answers", lambda: pytest.fail("a page waits for no broker"))
    page = page_of(trial, waiting(trial), name)
    assert NOBODY in page
    assert workers.start_command() in page


def test_with_a_worker_the_job_just_waits(trial: Trial, sign: Path) -> None:
    page = page_of(trial, waiting(trial))
    assert NOBODY not in page
    assert "Waiting for a worker" in page


def test_a_worker_that_was_killed_is_not_counted_on(trial: Trial, sign: Path) -> None:
    os.utime(sign, (time.time() - 60, time.time() - 60))
    assert NOBODY in page_of(trial, waiting(trial))


def test_a_job_that_is_held_shows_that_somebody_works_until_its_lease_runs_out(trial: Trial) -> None:
    held = waiting(trial, state=Job.State.RUNNING, lease_until=timezone.now() + timedelta(seconds=30))
    assert NOBODY not in page_of(trial, waiting(trial))
    Job.objects.filter(pk=held.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert NOBODY in page_of(trial, waiting(trial))


def test_a_job_that_is_over_needs_no_worker(trial: Trial) -> None:
    assert NOBODY not in page_of(trial, waiting(trial, state=Job.State.DONE))


def test_a_worker_signs_when_it_starts_clears_the_dead_away_and_signs_off(sign: Path, data_folder: Path) -> None:
    dead = data_folder / "workers" / "gone-1"
    dead.touch()
    os.utime(dead, (0, 0))
    asked: list[tuple[float, Any]] = []

    class Timer:
        def call_repeatedly(self, seconds: float, act: Any) -> Any:
            asked.append((seconds, act))
            return self

        def cancel(self) -> None:
            asked.clear()

    class Worker:
        timer = Timer()

    step = SignOfLife(Worker())
    step.start(Worker())
    assert heartbeat.is_heard()
    assert not dead.exists()
    assert asked == [(heartbeat.EVERY_SECONDS, heartbeat.beat)]
    step.stop(Worker())
    assert not heartbeat.is_heard()
    assert asked == []


def test_the_doctor_names_the_command_where_nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "workers_answer", lambda: False)
    found = diagnosis.workers()
    assert (found.verdict, found.found) == ("warning", "no worker is running")
    assert workers.start_command() in found.remedy


def test_where_the_broker_is_ones_own_the_command_starts_a_worker_only(settings: Any) -> None:
    settings.BROKER_IS_EMBEDDED = False
    assert workers.start_command().endswith("celery -A config.celery worker")
    settings.BROKER_IS_EMBEDDED = True
    assert workers.start_command() == "make serve"


def test_a_broker_that_was_just_started_gets_every_job_that_waits_and_no_batch(trial: Trial, queue: Queue) -> None:
    batch = jobs.open_batch(Job.Kind.EXTRACTION_BATCH, cohort=trial.cohort, user=None, total=1)
    case = Job.objects.create(kind=Job.Kind.EXTRACTION, cohort=trial.cohort, parent=batch)
    waiting(trial, state=Job.State.DONE)
    waiting(trial, state=Job.State.RUNNING, lease_until=timezone.now())
    job = waiting(trial)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs.transaction, "on_commit", lambda act: act())
        assert jobs.send_waiting() == 2
    assert [arguments for _, arguments in queue.messages] == [(case.pk,), (job.pk,)]


def test_no_site_leans_on_the_private_broker_of_another_command(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(workers, "broker_answers", lambda: True)
    settings.BROKER_IS_EMBEDDED = True
    with pytest.raises(ServiceError) as refusal:
        workers.require_own_broker()
    assert refusal.value.code == "workers_borrowed"
    settings.BROKER_IS_EMBEDDED = False
    workers.require_own_broker()


def test_a_broker_of_ones_own_that_does_not_answer_is_named_and_none_is_started(
    settings: Any, monkeypatch: Any
) -> None:
    settings.BROKER_IS_EMBEDDED = False
    monkeypatch.setattr(workers, "broker_answers", lambda: False)
    with pytest.raises(ServiceError, match="CELERY_BROKER_URL") as refusal, workers.running_workers():
        pass
    assert refusal.value.code == "no_broker"


def test_a_database_that_does_not_answer_stops_the_start_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    away = diagnosis.Finding("Database", "problem", "postgresql does not answer", "")
    monkeypatch.setattr(serving, "database", lambda: away)
    with pytest.raises(ServiceError, match="postgresql does not answer") as refusal:
        serving.prepare()
    assert refusal.value.code == "no_database"


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_what_is_no_port_is_refused_in_words(port: int) -> None:
    with pytest.raises(Exception, match="from 1 to 65535"):
        call_command("serve", "--port", str(port))
    assert (settings.DATA_DIR / "served").read_text() == ""


def test_where_only_the_people_of_a_demonstration_can_log_in_the_command_says_how_a_study_is_begun(
    trial: Trial, capsys: Any
) -> None:
    Command()._announce(8000, started=True, as_json=False)
    assert "createsuperuser" in capsys.readouterr().out
    User.objects.create_superuser("wang")
    Command()._announce(8000, started=True, as_json=False)
    said = capsys.readouterr().out
    assert "createsuperuser" not in said
    assert "http://127.0.0.1:8000/" in said


def test_workers_that_run_already_are_used_and_said_to_stay(trial: Trial, capsys: Any) -> None:
    Command()._announce(8000, started=False, as_json=False)
    said = capsys.readouterr().out
    assert "those that run already" in said
    assert "Ctrl-C stops the site." in said


def test_an_impatient_second_ctrl_c_does_not_break_off_the_stopping(capsys: Any) -> None:
    before, while_stopping = signal.getsignal(signal.SIGINT), []
    with serving.until_interrupted():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)  # the signal ends this at once
        finally:
            while_stopping.append(signal.getsignal(signal.SIGINT))
    assert while_stopping == [signal.SIG_IGN]
    assert signal.getsignal(signal.SIGINT) == before
    assert "Stopped" in capsys.readouterr().err
