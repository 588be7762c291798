"""Asking about a field, answering, closing; nothing else writes queries."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from cohorts import audit
from cohorts.access import Action, granted
from cohorts.errors import ServiceError
from cohorts.models import Membership, Patient, Query, QueryMessage, User
from cohorts.notify import tell
from cohorts.selectors.queries import ALL, FIELD_LABELS

_OPENED = gettext_noop("%(person)s asks about %(field)s of %(code)s.")
_ANSWERED = gettext_noop("%(person)s answered the query on %(field)s of %(code)s.")
_REOPENED = gettext_noop("%(person)s asks again about %(field)s of %(code)s.")
#: From which states an act starts, and where it leads.
_STEPS: dict[str, tuple[set[str], Query.State]] = {
    "answered": ({Query.State.OPEN, Query.State.ANSWERED}, Query.State.ANSWERED),
    "closed": ({Query.State.OPEN, Query.State.ANSWERED}, Query.State.CLOSED),
    "reopened": ({Query.State.ANSWERED, Query.State.CLOSED}, Query.State.OPEN),
}


@transaction.atomic
def open_query(patient: Patient, *, field: str, text: str, actor: User) -> Query:
    """Ask about one field of a patient; those who answer are told."""
    if field not in FIELD_LABELS:
        raise ServiceError("unknown_field", _("There is no such field to ask about."))
    Patient.objects.select_for_update().get(pk=patient.pk)  # a signature is given before the question, or not at all
    query = Query.objects.create(patient=patient, field=field, opened_by=actor)
    _say(query, text, actor=actor, verb="opened", old=None)
    _tell(query, _who_answers(patient), actor=actor, template=_OPENED)
    return query


@transaction.atomic
def answer_query(query: Query, *, text: str, actor: User) -> Query:
    """Answer a query; who asked is told."""
    query = _step(query, "answered", text, actor=actor)
    _tell(query, filter(None, [query.opened_by]), actor=actor, template=_ANSWERED)
    return query


@transaction.atomic
def close_query(query: Query, *, text: str, actor: User) -> Query:
    """Close a query: its field is as it should be."""
    return _step(query, "closed", text, actor=actor)


@transaction.atomic
def reopen_query(query: Query, *, text: str, actor: User) -> Query:
    """Ask again; those who answer are told."""
    query = _step(query, "reopened", text, actor=actor)
    _tell(query, _who_answers(query.patient), actor=actor, template=_REOPENED)
    return query


def _step(query: Query, verb: str, text: str, *, actor: User) -> Query:
    """Lead a query to its next state; of two people who act at once, the second is told what the first did."""
    sources, target = _STEPS[verb]
    held = (
        Query.objects.select_for_update(of=("self",)).select_related("patient__cohort", "opened_by").get(pk=query.pk)
    )
    if held.state not in sources:
        state = held.get_state_display()
        raise ServiceError("query_moved_on", _("The query is in another state by now: %(state)s.") % {"state": state})
    old, held.state = held.state, target
    held.closed_at = timezone.now() if target == Query.State.CLOSED else None
    held.save()
    _say(held, text, actor=actor, verb=verb, old=old)
    return held


def _say(query: Query, text: str, *, actor: User, verb: str, old: str | None) -> None:
    QueryMessage.objects.create(query=query, author=actor, text=text, state=query.state)
    patient = query.patient
    changes: dict[str, tuple[object, object]] = {"field": (None, query.field), "state": (old, query.state)}
    reason = text[:200]
    audit.record(verb, query, actor=actor, cohort=patient.cohort, patient=patient, changes=changes, reason=reason)


def _who_answers(patient: Patient) -> list[User]:
    members = Membership.objects.filter(Q(centre=None) | Q(centre=patient.centre_id), cohort=patient.cohort)
    members = members.select_related("user", "cohort").order_by("pk")
    # Who asks closes; telling both sides of each question would drown what matters.
    return [m.user for m in members if Action.ANSWER in granted(m) and Action.ASK not in granted(m)]


def _tell(query: Query, users: Iterable[User], *, actor: User, template: str) -> None:
    """Leave a notice for others, each in their own language."""
    patient = query.patient
    page = reverse("cohorts:queries", args=[patient.cohort.code])
    for user in users:
        if user.pk == actor.pk:
            continue
        with translation.override(user.language or settings.LANGUAGE_CODE):
            words = {
                "person": actor.get_full_name() or actor.username,
                "field": FIELD_LABELS[query.field],
                "code": patient.code,
            }
            text = _(template) % words
        tell(user, cohort=patient.cohort, text=text, url=f"{page}?q={patient.code}&state={ALL}#query-{query.pk}")
