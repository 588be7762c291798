"""Two processes that enter or correct a reading of one patient, or claim one job, at the same moment."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing import get_context
from typing import Any


def enter(number: int, start: float) -> int:
    import django

    django.setup()
    from cohorts.models import Patient
    from cohorts.services.outcomes import enter_outcome
    from tests.trial import READING

    patient = Patient.objects.get(code="P-1")
    values = READING | {"necrosis_percent": Decimal(20 + number), "stroma_percent": Decimal(40 - number)}
    time.sleep(max(0.0, start - time.time()))
    return enter_outcome(patient, values=values, actor=None, reason=f"entry {number}").version


def correct(number: int, start: float) -> str:
    """Correct the reading that both saw, reading 2."""
    import django

    django.setup()
    from cohorts.errors import ServiceError
    from cohorts.models import Patient
    from cohorts.services.outcomes import enter_outcome
    from tests.trial import READING

    patient = Patient.objects.get(code="P-1")
    time.sleep(max(0.0, start - time.time()))
    try:
        enter_outcome(patient, values=READING | {"reader": f"R{number}"}, actor=None, reason="x", base_version=2)
    except ServiceError as error:
        return error.code
    return "stored"


def claim(number: int, start: float) -> bool:
    import django

    django.setup()
    from cohorts import jobs
    from cohorts.models import Job

    job = Job.objects.get()
    time.sleep(max(0.0, start - time.time()))
    return jobs._claim(job.pk) is not None


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from cohorts.models import Job, PathologyOutcome
    from tests.trial import build_trial

    call_command("migrate", verbosity=0)
    trial = build_trial()
    Job.objects.create(kind=Job.Kind.TRAINING, cohort=trial.cohort)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(time.sleep, [0.1, 0.1]))
        report: dict[str, Any] = {}
        for name, act in (("entered", enter), ("corrected", correct), ("claimed", claim)):
            start = time.time() + (3 if name == "entered" else 0.2)
            report[name] = [future.result() for future in [pool.submit(act, n, start) for n in (1, 2)]]
    current = PathologyOutcome.objects.filter(is_current=True)
    report["versions"] = list(PathologyOutcome.objects.order_by("version").values_list("version", flat=True))
    report["current"] = [outcome.version for outcome in current]
    report["attempt"] = Job.objects.get().attempt
    print(json.dumps(report))


if __name__ == "__main__":
    sys.exit(main())
