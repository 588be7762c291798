"""Two processes that find the same training due at the same moment."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


def ask(start: float) -> bool:
    import django

    django.setup()
    from modeling.services.schedule import retrain_if_due

    time.sleep(max(0.0, start - time.time()))
    return retrain_if_due("study", "quick")


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from cohorts.models import Job
    from tests.study import build_study

    call_command("migrate", verbosity=0)
    build_study(n=10)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(time.sleep, [0.1, 0.1]))
        start = time.time() + 6
        started = [future.result() for future in [pool.submit(ask, start) for _ in range(2)]]
    print(json.dumps({"started": started, "jobs": Job.objects.filter(kind=Job.Kind.TRAINING).count()}))


if __name__ == "__main__":
    sys.exit(main())
