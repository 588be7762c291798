"""Reading queries: those of a patient by field, those of a cohort as a list."""

from __future__ import annotations

from django.db.models import Case, Count, QuerySet, When
from django.utils.functional import Promise

from cohorts.access import Person, visible
from cohorts.models import Cohort, PathologyOutcome, Patient, Query

#: States of the list that are no state of a query.
WAITING, ALL = "waiting", "all"
#: The fields that a query can be about: columns of these records, without what the software itself writes.
_RECORDS = (Patient, PathologyOutcome)
_OWN_COLUMNS = {"id", "cohort", "code", "revision", "created_at", "patient", "version", "is_current"}
_OWN_COLUMNS |= {"entered_by", "entered_at"}

FIELD_LABELS: dict[str, str | Promise] = {
    field.name: field.verbose_name
    for record in _RECORDS
    for field in record._meta.concrete_fields
    if field.name not in _OWN_COLUMNS
}
_CLINICAL = {field.name for field in Patient._meta.concrete_fields}


def is_clinical(field: str) -> bool:
    """Tell a field of the clinical data from one of the pathology."""
    return field in _CLINICAL


def queries_of(patient: Patient) -> list[Query]:
    """Give every query on a patient with its messages, those that wait first."""
    urgency = Case(When(state=Query.State.OPEN, then=0), When(state=Query.State.ANSWERED, then=1), default=2)
    found = Query.objects.filter(patient=patient).order_by(urgency, "-opened_at", "-pk")
    return list(found.prefetch_related("messages__author"))


def queries_for_list(
    cohort: Cohort, user: Person, *, state: str = WAITING, centre: str = "", field: str = "", q: str = ""
) -> QuerySet[Query]:
    """Give the queries of a cohort that a person may see, with what was said; ``q`` is part of a patient's code."""
    found = visible(Query.objects.filter(patient__cohort=cohort), user)
    if state == WAITING:
        found = found.exclude(state=Query.State.CLOSED)
    elif state != ALL:
        found = found.filter(state=state)
    if centre:
        found = found.filter(patient__centre__code=centre)
    if field:
        found = found.filter(field=field)
    if q:
        found = found.filter(patient__code__icontains=q)
    return found.select_related("patient__cohort", "patient__centre").prefetch_related("messages__author")


def counts_of(cohort: Cohort, user: Person) -> dict[str, int]:
    """Give state → how many queries a person may see are in it."""
    found = visible(Query.objects.filter(patient__cohort=cohort), user)
    counted = dict(found.order_by("state").values_list("state").annotate(n=Count("pk")))
    counts = {state: counted.get(state, 0) for state in Query.State.values}
    return counts | {WAITING: sum(counts.values()) - counts[Query.State.CLOSED], ALL: sum(counts.values())}
