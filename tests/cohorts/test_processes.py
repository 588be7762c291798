"""What must hold when processes die or meet: real workers, a real broker, a database file."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from cohorts import jobs
from cohorts.models import Job, PathologyOutcome
from cohorts.services.outcomes import enter_outcome
from tests.installation import Installation
from tests.trial import READING, build_trial


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was seen while the worker that extracted a case was killed."""
    return Installation(tmp_path_factory.mktemp("killed")).drive("tests.drivers.killed_worker")


@pytest.mark.processes
def test_a_case_whose_worker_was_killed_is_finished_once_by_another(report: dict[str, Any]) -> None:
    last = report["seen"][-1]
    assert (last["state"], last["attempt"]) == (Job.State.DONE, 2)
    assert (report["feature_sets"], report["supervoxel_maps"]) == (1, 1)
    assert report["batch"] == {"state": "done", "result": {"cases": 1, "done": 1, "failed": 0}}
    workers = {moment["worker"] for moment in report["seen"] if moment["worker"]}
    assert len(workers) == 2
    assert int(last["worker"].split(":")[1]) != report["victim"]
    assert sorted(report["survivors"]) == [False, True, True], "the killed worker is gone, the others live"


@pytest.mark.processes
def test_the_row_of_the_job_tells_the_truth_throughout(report: dict[str, Any]) -> None:
    for moment in report["seen"]:
        assert (moment["state"] == Job.State.DONE) is moment["features"], moment
    states = [moment["state"] for moment in report["seen"]]
    order = [state for number, state in enumerate(states) if number == 0 or states[number - 1] != state]
    assert order in (
        ["queued", "running", "queued", "running", "done"],
        ["running", "queued", "running", "done"],
        ["queued", "running", "done"],  # taken over by a late message before anybody looked
        ["running", "done"],
    )
    assert [moment["attempt"] for moment in report["seen"]] == sorted(moment["attempt"] for moment in report["seen"])
    assert all(moment["attempt"] == 1 for moment in report["seen"][1 : report["killed_at"]])


@pytest.mark.processes
def test_nothing_that_was_started_is_left_running(report: dict[str, Any]) -> None:
    assert report["left_over"] == []
    assert report["broker_answers"] is False


@pytest.mark.processes
def test_two_people_or_workers_at_once_take_turns_on_the_embedded_database(tmp_path: Path) -> None:
    found = Installation(tmp_path).drive("tests.drivers.two_at_once")
    assert sorted(found["entered"]) == [1, 2]
    assert sorted(found["corrected"]) == ["outdated", "stored"], "of two who saw reading 2, one is shown the other's"
    assert found["versions"] == [1, 2, 3]
    assert found["current"] == [3]
    assert sorted(found["claimed"]) == [False, True]
    assert found["attempt"] == 1


def at_once(*acts: Any) -> list[Any]:
    """Run functions in threads that start together; give what they returned or raised."""
    start, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int) -> None:
        try:
            start.wait(10)
            results[number] = acts[number]()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


needs_server = pytest.mark.skipif(connection.vendor != "postgresql", reason="threads need a database server")


@needs_server
@pytest.mark.django_db(transaction=True)
def test_two_people_who_enter_at_once_give_two_versions() -> None:
    trial = build_trial()

    def entering(number: int) -> Any:
        values = READING | {"necrosis_percent": Decimal(20 + number), "stroma_percent": Decimal(40 - number)}
        return lambda: enter_outcome(trial.patient, values=values, actor=None, reason="at once").version

    assert sorted(at_once(*(entering(number) for number in range(4)))) == [1, 2, 3, 4]
    assert list(PathologyOutcome.objects.filter(is_current=True).values_list("version", flat=True)) == [4]


@needs_server
@pytest.mark.django_db(transaction=True)
def test_of_workers_who_claim_at_once_one_gets_the_job() -> None:
    job = Job.objects.create(kind=Job.Kind.TRAINING, cohort=build_trial().cohort)
    claims = at_once(*(lambda: jobs._claim(job.pk) for _ in range(4)))
    assert sum(claim is not None for claim in claims) == 1
    job.refresh_from_db()
    assert job.attempt == 1


@needs_server
@pytest.mark.django_db(transaction=True)
def test_cases_that_end_at_once_are_all_counted() -> None:
    cohort = build_trial().cohort
    batch = jobs.open_batch(Job.Kind.EXTRACTION_BATCH, cohort=cohort, user=None, total=4)
    cases = [Job.objects.create(kind=Job.Kind.EXTRACTION, cohort=cohort, parent=batch) for _ in range(4)]
    at_once(*(lambda case=case: jobs.execute(case.pk, lambda job, report: dict) for case in cases))
    batch.refresh_from_db()
    assert (batch.state, batch.result) == (Job.State.DONE, {"cases": 4, "done": 4, "failed": 0})
