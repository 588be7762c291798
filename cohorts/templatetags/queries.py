"""What a template asks of queries: which stand at a field, and what a field is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django import template
from django.urls import reverse

from cohorts.access import Action
from cohorts.models import Query
from cohorts.selectors.queries import FIELD_LABELS, is_clinical

register = template.Library()


@register.filter
def at_field(queries: Iterable[Query] | None, field: str) -> list[Query]:
    """Give the queries on one field that are not closed."""
    return [query for query in queries or () if query.field == field and query.state != Query.State.CLOSED]


@register.filter
def field_label(name: str) -> str:
    """Give the words for a field of a patient or of the pathology."""
    return str(FIELD_LABELS.get(name, name))


@register.filter
def edit_action(query: Query) -> str:
    """Give what a person must be allowed to do in order to mend the field of a query."""
    return str(Action.EDIT_PATIENT if is_clinical(query.field) else Action.ENTER_OUTCOME)


@register.filter
def edit_address(query: Query) -> str:
    """Give the form that holds the field of a query, at the field."""
    page = "cohorts:patient-edit" if is_clinical(query.field) else "cohorts:outcome"
    return reverse(page, args=[query.patient.cohort.code, query.patient.code]) + f"#id_{query.field}"


@register.filter
def of(counts: Mapping[str, int], key: str) -> int | None:
    """Give the count of a key, if it is counted."""
    return counts.get(key)
