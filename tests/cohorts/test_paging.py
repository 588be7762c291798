"""Lists in pages by key: nobody is left out or shown twice, forth and back, whatever the order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from cohorts.models import Job, Patient
from cohorts.paging import page_by_key
from tests.trial import Trial

pytestmark = pytest.mark.django_db


def patients(trial: Trial, n: int = 23) -> list[str]:
    Patient.objects.bulk_create(
        Patient(cohort=trial.cohort, centre=trial.here, code=f"Q-{i:03d}", age_years=50 + i % 3) for i in range(n)
    )
    return sorted(Patient.objects.filter(cohort=trial.cohort).values_list("code", flat=True))


def walk(trial: Trial, keys: tuple[str, ...], size: int = 5) -> tuple[list[list[str]], list[list[str]]]:
    queryset = Patient.objects.filter(cohort=trial.cohort, age_years__isnull=False)
    forth, after = [], ""
    while True:
        page = page_by_key(queryset, keys=keys, after=after, size=size)
        forth.append([p.code for p in page])
        if not page.next:
            break
        after = page.next
    back = [forth[-1]]
    while page.previous:
        page = page_by_key(queryset, keys=keys, after=page.previous, size=size)
        back.append([p.code for p in page])
    return forth, back


def test_pages_forth_and_back_hold_everybody_once_and_in_order(trial: Trial) -> None:
    codes = [code for code in patients(trial) if code != "P-2"]
    forth, back = walk(trial, ("code",))
    assert [code for page in forth for code in page] == codes
    assert back[::-1] == forth
    assert [len(page) for page in forth] == [5, 5, 5, 5, 4]


def test_orders_of_two_keys_may_run_up_and_down(trial: Trial) -> None:
    patients(trial)
    forth, back = walk(trial, ("-age_years", "code"))
    rows = Patient.objects.filter(cohort=trial.cohort, age_years__isnull=False).order_by("-age_years", "code")
    assert [code for page in forth for code in page] == [row.code for row in rows]
    assert back[::-1] == forth


def test_rows_that_come_or_go_meanwhile_shift_nothing(trial: Trial) -> None:
    patients(trial)
    queryset = Patient.objects.filter(cohort=trial.cohort)
    first = page_by_key(queryset, keys=("code",), after="", size=5)
    Patient.objects.create(cohort=trial.cohort, centre=trial.here, code="A-first")
    second = page_by_key(queryset, keys=("code",), after=first.next, size=5)
    assert second.items[0].code > first.items[-1].code
    again = page_by_key(queryset, keys=("code",), after=second.previous, size=5)
    assert [p.code for p in again] == [p.code for p in first]


def test_moments_are_told_apart_to_the_microsecond(trial: Trial) -> None:
    start = timezone.now()
    for i in range(6):
        job = Job.objects.create(cohort=trial.cohort, kind=Job.Kind.REPORT)
        Job.objects.filter(pk=job.pk).update(created_at=start + timedelta(microseconds=i // 2))
    seen, after = [], ""
    for _ in range(3):
        page = page_by_key(Job.objects.all(), keys=("-created_at", "-pk"), after=after, size=2)
        seen += [job.pk for job in page]
        after = page.next
    assert seen == list(Job.objects.order_by("-created_at", "-pk").values_list("pk", flat=True))


@pytest.mark.parametrize("after", ["x", "bnVsbA", "WyJ4IiwiUC0xIl0", "WyJuIl0", "%%%", "é", "WyJuIiwiWnp6Il0"])
def test_an_address_that_makes_no_sense_or_leads_behind_the_end_gives_the_first_page(
    trial: Trial, after: str
) -> None:
    page = page_by_key(Patient.objects.filter(cohort=trial.cohort), keys=("code",), after=after, size=5)
    assert [p.code for p in page] == ["P-1", "P-2"]
    assert not page.has_other_pages


def test_a_page_costs_one_query(trial: Trial, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    patients(trial)
    queryset = Patient.objects.filter(cohort=trial.cohort)
    with django_assert_num_queries(1):
        page = page_by_key(queryset, keys=("code",), after="", size=5)
    with django_assert_num_queries(1):
        page_by_key(queryset, keys=("code",), after=page.next, size=5)
