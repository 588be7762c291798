"""Queries: asked at a field, answered, closed; everybody concerned is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cohorts.access import actions_in
from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Membership, Notification, Query, Role, User
from cohorts.selectors.queries import queries_of
from cohorts.services.queries import answer_query, close_query, open_query, reopen_query
from tests.trial import Trial


@pytest.fixture
def query(trial: Trial) -> Query:
    return open_query(trial.patient, field="ypt", text="Which edition?", actor=trial.people["data_manager"])


def told(person: User) -> list[str]:
    return list(Notification.objects.filter(user=person).order_by("pk").values_list("text", flat=True))


def test_a_query_goes_from_question_to_answer_to_closed_and_everybody_is_told(trial: Trial, query: Query) -> None:
    manager, coordinator = trial.people["data_manager"], trial.coordinator
    assert told(coordinator) == ["data_manager asks about ypT of P-1."]
    answer_query(query, text="The ninth.", actor=coordinator)
    assert told(manager) == ["coordinator answered the query on ypT of P-1."]
    close_query(query, text="Thank you.", actor=manager)
    query.refresh_from_db()
    assert (query.state, query.closed_at is not None) == ("closed", True)
    assert [m.text for m in query.messages.all()] == ["Which edition?", "The ninth.", "Thank you."]
    verbs = AuditEntry.objects.filter(object_type="query").order_by("pk").values_list("verb", "reason")
    assert list(verbs) == [("opened", "Which edition?"), ("answered", "The ninth."), ("closed", "Thank you.")]


def test_a_closed_query_is_not_answered_but_asked_again(trial: Trial, query: Query) -> None:
    close_query(query, text="Seen.", actor=trial.people["data_manager"])
    with pytest.raises(ServiceError, match="in another state by now: Closed"):
        answer_query(query, text="The ninth.", actor=trial.coordinator)
    reopen_query(query, text="Still open.", actor=trial.people["data_manager"])
    query.refresh_from_db()
    assert (query.state, query.closed_at) == ("open", None)


def test_a_coordinator_of_another_centre_is_not_told(trial: Trial) -> None:
    other = User.objects.create(username="far")
    Membership.objects.create(user=other, cohort=trial.cohort, role=Role.COORDINATOR, centre=trial.there)
    open_query(trial.patient, field="sex", text="Sure?", actor=trial.people["data_manager"])
    assert told(other) == []


def test_a_query_is_about_a_field_that_exists(trial: Trial) -> None:
    with pytest.raises(ServiceError, match="no such field"):
        open_query(trial.patient, field="password", text="?", actor=trial.people["data_manager"])


def post(client: Client, name: str, *args: Any, **values: str) -> Any:
    return client.post(reverse(f"cohorts:{name}", args=args), values, follow=True)


def test_the_day_of_a_query_in_two_browsers(trial: Trial) -> None:
    code, manager, coordinator = trial.cohort.code, trial.client("data_manager"), trial.client("coordinator")
    post(manager, "query-open", code, "P-1", field="ypt", text="Which <edition>?")
    query = Query.objects.get()
    page = coordinator.get(reverse("cohorts:queries", args=[code])).content.decode()
    assert "Which &lt;edition&gt;?" in page
    assert reverse("cohorts:outcome", args=[code, "P-1"]) + "#id_ypt" in page
    post(coordinator, "query-answer", code, query.pk, text="The ninth.")
    page = post(manager, "query-close", code, query.pk, text="").content.decode()
    assert "Closed." in page
    assert "Nothing is open" in manager.get(reverse("cohorts:queries", args=[code])).content.decode()


def test_an_empty_answer_is_refused_in_words(trial: Trial, query: Query) -> None:
    page = post(trial.client("coordinator"), "query-answer", trial.cohort.code, query.pk, text="  ").content.decode()
    assert "Write a sentence" in page
    query.refresh_from_db()
    assert query.state == "open"


def test_a_query_of_another_centre_is_as_if_it_were_not_there(trial: Trial, query: Query) -> None:
    client = trial.client("elsewhere")
    assert post(client, "query-answer", trial.cohort.code, query.pk, text="Mine.").status_code == 404
    assert "Which edition?" not in client.get(reverse("cohorts:queries", args=[trial.cohort.code])).content.decode()


def test_filters_narrow_the_list_and_an_unknown_one_is_ignored(trial: Trial, query: Query) -> None:
    page = reverse("cohorts:queries", args=[trial.cohort.code])
    client = trial.client("researcher")
    assert "Which edition?" in client.get(page, {"field": "ypt", "q": "p-1", "state": "open"}).content.decode()
    assert "Which edition?" not in client.get(page, {"field": "sex"}).content.decode()
    assert "Which edition?" not in client.get(page, {"state": "answered"}).content.decode()
    assert "Which edition?" in client.get(page, {"state": "nonsense"}).content.decode()


def mark(trial: Trial, person: str, field: str) -> str:
    user = trial.people[person]
    context = {
        "patient": trial.patient,
        "field": field,
        "queries": queries_of(trial.patient),
        "actions": actions_in(user, trial.cohort),
    }
    return render_to_string("cohorts/_field_query.html", context)


def test_a_field_shows_its_query_or_a_way_to_ask(trial: Trial, query: Query) -> None:
    assert "Query on ypT: Waits for an answer" in mark(trial, "coordinator", "ypt")
    assert "Ask about sex" in mark(trial, "data_manager", "sex")
    assert "<a" not in mark(trial, "coordinator", "sex")
    close_query(query, text="Seen.", actor=trial.people["data_manager"])
    assert "Ask about ypT" in mark(trial, "data_manager", "ypt")


def test_the_list_asks_as_many_questions_of_the_database_however_long_it_is(trial: Trial) -> None:
    client, page = trial.client("data_manager"), reverse("cohorts:queries", args=[trial.cohort.code])

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page).status_code == 200
        return len(captured)

    for number in range(3):
        open_query(trial.patient, field="sex", text=f"{number}", actor=trial.people["data_manager"])
    few = count()
    for number in range(24):
        open_query(trial.other_patient, field="ypt", text=f"{number}", actor=trial.people["administrator"])
    assert count() == few
