"""Two processes at the same moment: two readers of one tumour; a signature and a correction of one record."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from typing import Any

PASSWORD = "a long pass phrase"
READERS = ("reader", "second")


def at(start: float, act: Callable[[], Any]) -> str:
    from cohorts.errors import ServiceError

    time.sleep(max(0.0, start - time.time()))
    try:
        act()
    except ServiceError as error:
        return error.code
    return "stored"


def read(number: int, start: float) -> str:
    import django

    django.setup()
    from cohorts.models import Patient, User
    from cohorts.services.readings import submit_reading

    patient, reader = Patient.objects.get(code="P-1"), User.objects.get(username=READERS[number])
    return at(start, lambda: submit_reading(patient, viable_percent=40, reader=reader))


def sign_or_correct(number: int, start: float) -> str:
    import django

    django.setup()
    from cohorts.models import Patient, User
    from cohorts.services.locks import lock_record
    from cohorts.services.patients import update_patient

    patient, manager = Patient.objects.get(code="P-2"), User.objects.get(username="data_manager")
    if number:
        return at(start, lambda: update_patient(patient, values={"age_years": 70}, actor=manager))
    return at(start, lambda: lock_record(patient, meaning="verified", actor=manager, password=PASSWORD))


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from cohorts.models import BlindedReading, Cohort, Membership, Patient, RecordLock, User
    from cohorts.selectors.locks import is_as_signed
    from tests.trial import build_trial

    call_command("migrate", verbosity=0)
    trial = build_trial()
    Cohort.objects.filter(pk=trial.cohort.pk).update(double_reading=True)
    Patient.objects.filter(code="P-1").update(last_dose_on=date(2024, 4, 1))
    second = User.objects.create(username=READERS[1])
    Membership.objects.create(user=second, cohort=trial.cohort, role="reader")
    manager = trial.people["data_manager"]
    manager.set_password(PASSWORD)
    manager.save()
    report: dict[str, Any] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(time.sleep, [0.1, 0.1]))
        for name, act in (("read", read), ("signed", sign_or_correct)):
            start = time.time() + (3 if name == "read" else 0.5)
            report[name] = [future.result() for future in [pool.submit(act, n, start) for n in (0, 1)]]
    report["slots"] = list(BlindedReading.objects.order_by("slot").values_list("slot", flat=True))
    report["as_signed"] = is_as_signed(RecordLock.objects.select_related("patient", "cohort").get())
    report["age"] = Patient.objects.get(code="P-2").age_years
    print(json.dumps(report))


if __name__ == "__main__":
    sys.exit(main())
