"""Two workers, one case; the worker that extracts it is killed. Prints what was seen on the way."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import ExitStack
from typing import Any

import django

django.setup()

from celery import current_app  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402

from cohorts import jobs, workers  # noqa: E402
from cohorts.models import Job  # noqa: E402
from cohorts.services.cohorts import create_cohort  # noqa: E402
from cohorts.services.patients import create_patient  # noqa: E402
from imaging.core.phantom import plan_cohort, render  # noqa: E402
from imaging.models import FeatureSet, SupervoxelMap  # noqa: E402
from imaging.services.extraction import enqueue_missing  # noqa: E402
from tests.scans import Scan, store_scan  # noqa: E402

#: When this program gives up, early enough to stop what it started.
DEADLINE = time.monotonic() + 100


def main() -> None:
    call_command("migrate", verbosity=0)
    batch = _one_case()
    case = batch.children.get()
    seen: list[dict[str, Any]] = []
    with ExitStack() as stack:
        processes = stack.enter_context(workers.running_workers(concurrency=1))
        second = [*workers._worker_command(1), "--hostname", "second@%h"]
        processes.append(stack.enter_context(workers.running_process(second, "second")))
        workers._wait(lambda: len(current_app.control.ping(timeout=1)) == 2, "both workers")
        for _ in range(3):  # the same message three times: a delivery more must not do the work again
            jobs.send(case)
        _until(lambda: _look(case, seen)["note"] == "whole-tumour features" or seen[-1]["over"])
        victim = int(_look(case, seen)["worker"].split(":")[1])
        os.killpg(os.getpgid(victim), signal.SIGKILL)
        killed_at = len(seen)
        _until(lambda: _reap_and_look(case, seen)["over"])
        survivors = [process.poll() is None for process in processes]
    batch.refresh_from_db()
    report = {
        "seen": seen,
        "killed_at": killed_at,
        "victim": victim,
        "survivors": survivors,
        "left_over": [process.pid for process in processes if _group_lives(process.pid)],
        "broker_answers": workers.broker_answers(),
        "feature_sets": FeatureSet.objects.count(),
        "supervoxel_maps": SupervoxelMap.objects.count(),
        "batch": {"state": batch.state, "result": batch.result},
    }
    print(json.dumps(report))


def _one_case() -> Job:
    cohort = create_cohort("trial", name="Trial", centres={"A": "A"}, actor=None)
    patient = create_patient(cohort, code="P-1", centre=cohort.centres.get(), actor=None)
    phantom = render(plan_cohort(4, seed=7)[0], "pre")
    store_scan(patient, "pre", Scan(phantom.volume, phantom.mask))
    with transaction.atomic():
        batch = enqueue_missing(cohort, protocol_name="light", user=None)
        assert batch is not None
        # Nobody listens yet; the messages are sent when the workers are there.
        transaction.get_connection().run_on_commit.clear()
    return batch


def _look(case: Job, seen: list[dict[str, Any]]) -> dict[str, Any]:
    with transaction.atomic():
        job = Job.objects.get(pk=case.pk)
        moment = {
            "state": job.state,
            "attempt": job.attempt,
            "note": job.note,
            "worker": job.worker,
            "over": job.is_over,
            "features": FeatureSet.objects.exists(),
        }
    if not seen or seen[-1] != moment:
        seen.append(moment)
    return moment


def _reap_and_look(case: Job, seen: list[dict[str, Any]]) -> dict[str, Any]:
    current_app.signature("cohorts.tasks.reap").apply_async()  # as beat does, only sooner
    time.sleep(0.3)
    return _look(case, seen)


def _until(condition: Any) -> None:
    while not condition():
        assert time.monotonic() < DEADLINE, "it took too long"
        time.sleep(0.02)


def _group_lives(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
