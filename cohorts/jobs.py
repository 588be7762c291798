"""The life of a job: enqueued, claimed by one worker, kept alive, closed once.

A worker claims a job by one conditional UPDATE and holds it by a lease. Number and moment of its attempt are a
fence: a worker that lost its lease can neither report nor close. Results are written in the closing transaction.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from cohorts.errors import ServiceError, explain
from cohorts.models import Centre, Cohort, Job, Patient, User
from cohorts.notify import tell

logger = logging.getLogger("ecotone.jobs")

Report = Callable[..., None]
#: Does the work of a job and gives what the closing transaction must write: a callable that returns the result.
Handler = Callable[[Job, Report], Callable[[], dict[str, Any]]]

TASKS = {
    Job.Kind.IMPORT: "imaging.tasks.import_images",
    Job.Kind.EXTRACTION: "imaging.tasks.extract",
    Job.Kind.REGISTRATION: "imaging.tasks.register",
    Job.Kind.STABILITY: "imaging.tasks.measure_stability",
    Job.Kind.TRAINING: "modeling.tasks.train",
    Job.Kind.PREDICTION: "modeling.tasks.predict",
    Job.Kind.ANALYSIS: "modeling.tasks.analyse_table",
    Job.Kind.REPORT: "modeling.tasks.write_report",
}
_REPORT_EVERY_SECONDS = 0.5
_REQUEUE_AFTER = timedelta(minutes=10)


class JobLost(Exception):
    """Another worker has taken the job over; this one must stop without writing."""


class JobCancelled(Exception):
    """A person cancelled the job."""


def enqueue(
    kind: Job.Kind,
    *,
    cohort: Cohort,
    user: User | None,
    parameters: dict[str, Any] | None = None,
    centre: Centre | None = None,
    patient: Patient | None = None,
    parent: Job | None = None,
) -> Job:
    """Create a job and send it to the workers when the transaction commits."""
    job = Job.objects.create(
        kind=kind,
        cohort=cohort,
        created_by=user,
        parameters=parameters or {},
        centre=centre,
        patient=patient,
        parent=parent,
        enqueued_at=timezone.now(),
    )
    send(job)
    return job


def open_batch(kind: Job.Kind, *, cohort: Cohort, user: User | None, total: int, **parameters: Any) -> Job:
    """Create the parent of several jobs; its progress follows from theirs."""
    return Job.objects.create(kind=kind, cohort=cohort, created_by=user, total=total, parameters=parameters)


def send(job: Job) -> None:
    """Hand a job to the workers when the transaction commits."""
    signature = current_app.signature(TASKS[Job.Kind(job.kind)], args=[job.pk])

    def deliver() -> None:
        try:
            signature.apply_async()
        except OperationalError:
            # The row stays queued; once the broker is back, `reap` sends it at once.
            logger.warning("The broker does not answer; job %s waits.", job.reference)
            forgotten = timezone.now() - _REQUEUE_AFTER
            Job.objects.filter(pk=job.pk).update(enqueued_at=forgotten, note="Waiting: no worker can be reached.")

    transaction.on_commit(deliver)


def execute(job_id: int, handler: Handler) -> None:
    """Claim a job, do its work outside any transaction, and close it once.

    A job that is over, or that another worker holds, is left alone.
    """
    job = _claim(job_id)
    if job is None:
        return
    try:
        with _heartbeat(job):
            write = handler(job, _reporter(job))
        with transaction.atomic():
            _fence(job)
            _close(job, Job.State.DONE, result=write())
    except JobLost:
        logger.warning("Job %s was taken over by another worker.", job.reference)
    except JobCancelled:
        _roll_up(job)
    except Exception as error:
        _close_with(job, error)


def _claim(job_id: int) -> Job | None:
    now = timezone.now()
    free = Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, lease_until__lt=now)
    claimed = (
        Job.objects.filter(free, pk=job_id)
        .exclude(attempt__gte=settings.JOB_MAX_ATTEMPTS)
        .update(
            state=Job.State.RUNNING,
            attempt=F("attempt") + 1,
            lease_until=now + _lease(),
            worker=f"{socket.gethostname()}:{os.getpid()}",
            started_at=now,
            done=0,
        )
    )
    if not claimed:
        return None
    job = Job.objects.select_related("cohort", "created_by", "patient", "parent").get(pk=job_id)
    _roll_up(job)
    return job


def _lease() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


def _held(job: Job) -> Any:
    # The number alone would not do: a job that was cancelled and is repeated counts from one again.
    return Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt, started_at=job.started_at)


def _reporter(job: Job) -> Report:
    last, last_note = 0.0, ""

    def report(done: int, total: int, note: str = "") -> None:
        nonlocal last, last_note
        # Counting is written now and then; another stage of the work is written at once.
        if time.monotonic() - last < _REPORT_EVERY_SECONDS and done < total and note == last_note:
            return
        last, last_note = time.monotonic(), note
        if not _held(job).update(done=done, total=total, note=note[:200], lease_until=timezone.now() + _lease()):
            _raise_why_not_held(job)

    return report


def _raise_why_not_held(job: Job) -> None:
    state = Job.objects.values_list("state", flat=True).get(pk=job.pk)
    raise JobCancelled if state == Job.State.CANCELLED else JobLost


def _fence(job: Job) -> None:
    if not _held(job).update(lease_until=timezone.now() + _lease()):
        _raise_why_not_held(job)


@contextmanager
def _heartbeat(job: Job) -> Iterator[None]:
    """Renew the lease while a long computation makes no report."""
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(settings.JOB_LEASE_SECONDS / 3):
                try:
                    if not _held(job).update(lease_until=timezone.now() + _lease()):
                        return
                except DatabaseError as error:  # it may answer again before the lease runs out
                    logger.warning("The lease of job %s was not renewed: %s.", job.reference, type(error).__name__)
                    connection.close()
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name=f"lease-{job.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)


def _close(job: Job, state: Job.State, **values: Any) -> None:
    """Write the end of a job and move its batch on; needs a transaction."""
    if state == Job.State.DONE:
        values["done"] = F("total")
    Job.objects.filter(pk=job.pk).update(state=state, finished_at=timezone.now(), lease_until=None, note="", **values)
    if job.parent_id is None:
        _tell_end(job.pk)
    _roll_up(job)


def _tell_end(job_id: int) -> None:
    """Tell who started it that a piece of work is over; of a batch once, not of its cases."""
    job = Job.objects.select_related("created_by", "cohort").get(pk=job_id)
    if job.created_by is None:
        return
    failed = job.result.get("failed", 0) if job.kind in Job.BATCHES else 0
    with translation.override(job.created_by.language or settings.LANGUAGE_CODE):
        words = {"work": job.get_kind_display(), "failed": failed, "error": job.error}
        if job.state in {Job.State.FAILED, Job.State.CRASHED}:
            text = _("%(work)s failed. %(error)s") % words
        elif failed:
            text = _("%(work)s is done; failed: %(failed)s.") % words
        else:
            text = _("%(work)s is done.") % words
    is_trouble = bool(failed) or job.state != Job.State.DONE
    tell(job.created_by, cohort=job.cohort, text=text, url=job.get_absolute_url(), is_trouble=is_trouble)


def _close_with(job: Job, error: Exception) -> None:
    words = explain(error, reference=str(job.reference)[:8])
    state = Job.State.FAILED if words.expected else Job.State.CRASHED
    with transaction.atomic():
        if _held(job).exists():
            found = {"result": error.result} if isinstance(error, ServiceError) and error.result else {}
            _close(job, state, error_code=words.code, error=words.message, remedy=words.remedy, **found)


def _roll_up(job: Job) -> None:
    """Derive a batch's state from its cases."""
    if job.parent_id is None:
        return
    with transaction.atomic():
        # The lock makes two cases that end together count one after the other.
        Job.objects.select_for_update().get(pk=job.parent_id)
        _derive_batch(job.parent_id)


def _derive_batch(batch_id: int) -> None:
    states = list(Job.objects.filter(parent_id=batch_id).order_by("pk").values_list("state", flat=True))
    over = sum(state in Job.TERMINAL for state in states)
    failed = sum(state in {Job.State.FAILED, Job.State.CRASHED} for state in states)
    values: dict[str, Any] = {
        "done": over,
        "total": len(states),
        "note": f"{failed} failed" if failed else "",
        "result": {"cases": len(states), "done": states.count(Job.State.DONE), "failed": failed},
    }
    parent = Job.objects.filter(pk=batch_id)
    if over == len(states):
        values |= {"state": _batch_end(states, failed), "finished_at": timezone.now()}
        ended = parent.exclude(state__in=Job.TERMINAL).update(**values)
        parent.exclude(state=Job.State.CANCELLED).update(**values)
        if ended and values["state"] != Job.State.CANCELLED:
            _tell_end(batch_id)
    else:
        parent.exclude(state__in=Job.TERMINAL).update(state=Job.State.RUNNING, **values)
        parent.filter(started_at=None).update(started_at=timezone.now())


def _batch_end(states: list[str], failed: int) -> Job.State:
    if failed == len(states):
        return Job.State.FAILED
    return Job.State.CANCELLED if set(states) == {Job.State.CANCELLED} else Job.State.DONE


def cancel(job: Job) -> bool:
    """Cancel a job and its cases that are not over; a running one stops at its next report."""
    with transaction.atomic():
        over = Job.objects.exclude(state__in=Job.TERMINAL)
        stopped = over.filter(Q(pk=job.pk) | Q(parent=job)).update(
            state=Job.State.CANCELLED, finished_at=timezone.now(), lease_until=None
        )
        _roll_up(job)
    return bool(stopped)


def retry(job: Job) -> int:
    """Queue again what failed, crashed or was cancelled; of a batch, its cases. Gives how many."""
    again = [Job.State.FAILED, Job.State.CRASHED, Job.State.CANCELLED]
    with transaction.atomic():
        cases = Job.objects.filter(Q(parent=job) | Q(pk=job.pk, children=None), state__in=again).distinct()
        queued = list(cases.order_by("pk"))
        for case in queued:
            _requeue(case, attempt=0)
        if queued and queued[0].parent is not None:
            Job.objects.filter(pk=queued[0].parent.pk).update(state=Job.State.QUEUED, finished_at=None)
        if queued:
            _roll_up(queued[0])
    return len(queued)


def _requeue(job: Job, *, attempt: int) -> None:
    Job.objects.filter(pk=job.pk).update(
        state=Job.State.QUEUED,
        attempt=attempt,
        lease_until=None,
        enqueued_at=timezone.now(),
        finished_at=None,
        error="",
        error_code="",
        remedy="",
    )
    send(job)


def send_waiting() -> int:
    """Send every queued job to a broker that has just been started and holds no message. Gives how many."""
    waiting = Job.objects.filter(state=Job.State.QUEUED).exclude(kind__in=Job.BATCHES).order_by("pk")
    with transaction.atomic():
        queued = list(waiting)
        waiting.update(enqueued_at=timezone.now())
        for job in queued:
            send(job)
    return len(queued)


def reap() -> int:
    """Bring back jobs whose worker died; stop those that killed three workers. Gives how many were touched."""
    now = timezone.now()
    dead = Q(state=Job.State.RUNNING, lease_until__lt=now) & ~Q(kind__in=Job.BATCHES)
    forgotten = Q(state=Job.State.QUEUED, enqueued_at__lt=now - _REQUEUE_AFTER)
    touched = 0
    for pk in list(Job.objects.filter(dead | forgotten).order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            # Looked at again under the lock: a late message may have brought it to a worker meanwhile.
            job = Job.objects.select_for_update().filter(dead | forgotten, pk=pk).first()
            if job is None:
                continue
            if job.attempt >= settings.JOB_MAX_ATTEMPTS:
                _close(
                    job,
                    Job.State.CRASHED,
                    error_code="crashed",
                    error=f"The work stopped its worker {job.attempt} times. Reference: {str(job.reference)[:8]}.",
                    remedy="Check the memory of the machine; report the reference number if it happens again.",
                )
            else:
                _requeue(job, attempt=job.attempt)
                _roll_up(job)
        touched += 1
    return touched
