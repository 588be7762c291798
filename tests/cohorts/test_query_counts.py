"""No page asks the database more often because there is more in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.crowd import crowd
from cohorts.models import Cohort, Job, Membership, Notification, Query, QueryMessage, Role, TableImport, User

pytestmark = pytest.mark.django_db

ROLE = "administrator"
#: Enough that something of every kind is there; and three times as much.
FEW, MANY = 16, 48
#: Page → its address, where CODE is the cohort and BATCH a job with a case for each patient.
LISTS = {
    "cohorts": "/cohorts/",
    "day": "/cohorts/day/",
    "notifications": "/cohorts/notifications/",
    "cohort": "/cohorts/CODE/",
    "cohort-filtered": "/cohorts/CODE/?centre=C1&has=ct_pre",
    "participants": "/cohorts/CODE/panels/participants/",
    "baseline": "/cohorts/CODE/panels/baseline/",
    "imaging": "/cohorts/CODE/panels/imaging/",
    "models-panel": "/cohorts/CODE/panels/models/",
    "agreement": "/cohorts/CODE/agreement/",
    "patients": "/cohorts/CODE/patients/",
    "completeness": "/cohorts/CODE/completeness/",
    "history": "/cohorts/CODE/history/",
    "jobs": "/cohorts/CODE/jobs/",
    "batch": "/cohorts/jobs/BATCH/",
    "subsets": "/cohorts/CODE/subsets/",
    "queries": "/cohorts/CODE/queries/",
    "tables": "/cohorts/CODE/records/",
    "settings": "/cohorts/CODE/settings/",
    "patient": "/cohorts/CODE/patients/P-00001/",
    "patient-history": "/cohorts/CODE/patients/P-00001/history/",
    "models": "/cohorts/CODE/models/",
}


def build(n: int) -> Cohort:
    """Write a cohort of n patients, and n of everything else that a list shows."""
    cohort = crowd(f"crowd-{n}", patients=n, features=3)
    person = User.objects.get(username=f"{cohort.code}-{ROLE}")
    for i, patient in enumerate(cohort.patients.order_by("code")):
        other = Cohort.objects.create(code=f"{cohort.code}-{i}", name=f"Other {i}")
        Membership.objects.create(user=person, cohort=other, role=Role.COORDINATOR)
        query = Query.objects.create(patient=patient, field="age_years", opened_by=person)
        QueryMessage.objects.create(query=query, author=person, text="Is this so?")
        Notification.objects.create(user=person, cohort=cohort, text="Done.", url="/")
        TableImport.objects.create(cohort=cohort, created_by=person)
    return cohort


@pytest.fixture(scope="module")
def cohorts(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Cohort, Cohort]]:
    """A small cohort and a larger one, written once for all pages and taken back afterwards."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build(FEW), build(MANY)
        transaction.set_rollback(True)


def ask(cohort: Cohort, address: str) -> list[str]:
    client = Client()
    client.force_login(User.objects.get(username=f"{cohort.code}-{ROLE}"))
    batch = Job.objects.get(cohort=cohort, kind=Job.Kind.EXTRACTION_BATCH)
    url = address.replace("CODE", cohort.code).replace("BATCH", str(batch.reference))
    client.get(url)  # a first visit may write what later ones read
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url)
    assert response.status_code == 200, url
    return [query["sql"][:160] for query in captured]


@pytest.mark.parametrize("name", LISTS)
def test_many_rows_take_as_many_queries_as_few(cohorts: tuple[Cohort, Cohort], name: str) -> None:
    few, many = (ask(cohort, LISTS[name]) for cohort in cohorts)
    assert len(few) == len(many), "\n".join(many)


@pytest.mark.parametrize("name", ["cohort", "cohort-filtered", "participants", "baseline", "imaging", "patients"])
def test_the_cohort_page_and_its_panels_take_at_most_fifteen_queries(
    cohorts: tuple[Cohort, Cohort], name: str
) -> None:
    queries = ask(cohorts[1], LISTS[name])
    assert len(queries) <= 15, "\n".join(queries)
