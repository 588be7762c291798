"""An empty installation: only who can read the server sets it up, by four questions, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Cohort, Membership, Role, User
from cohorts.services.onboarding import first_person, is_setup_code, setup_code
from cohorts.services.patients import create_patient
from config.diagnosis import people
from config.first_start import announce
from tests.trial import Trial

pytestmark = pytest.mark.django_db
PASSWORD = "wisp-Orchard-71"
PERSON = {"full_name": "Wang Fang", "username": "wang", "password": PASSWORD}
CENTRES = {"name_1": "First hospital", "name_2": "", "name_3": "Third hospital", "trains": "3"}


def answer(client: Client, **values: str) -> Any:
    return client.post(reverse("welcome"), values)


def heading(client: Client) -> str:
    page = client.get(reverse("welcome")).content.decode()
    return page.partition("<h1>")[2].partition("</h1>")[0]


def set_up(client: Client) -> None:
    answer(client, code=setup_code().lower().replace("-", " "))
    answer(client, **PERSON)
    answer(client, name="CheckMate 816 等", is_synthetic="")
    answer(client, **CENTRES)


def test_where_nobody_can_log_in_the_log_in_page_leads_to_the_first_question() -> None:
    response = Client().get("/", follow=True)
    assert response.redirect_chain[-1][0] == reverse("welcome")
    assert "Welcome to Ecotone" in response.content.decode()


def test_without_the_code_of_the_server_nobody_becomes_its_administrator() -> None:
    client = Client()
    page = answer(client, code="AAAA-AAAA-AAAA").content.decode()
    assert "This is not the code of this installation." in page
    answer(client, **PERSON)
    assert not User.objects.exists()


def test_the_code_is_read_by_whoever_runs_the_server_only(capsys: pytest.CaptureFixture[str]) -> None:
    announce()
    code = setup_code()
    assert code in capsys.readouterr().err
    assert code in people().remedy
    assert (settings.DATA_DIR / "setup.code").stat().st_mode & 0o077 == 0


def test_four_answers_make_an_administrator_a_study_and_its_hospitals() -> None:
    client = Client()
    set_up(client)
    user, cohort = User.objects.get(), Cohort.objects.get()
    assert (user.username, user.last_name, user.check_password(PASSWORD)) == ("wang", "Wang Fang", True)
    assert (cohort.name, cohort.is_synthetic, cohort.code) == ("CheckMate 816 等", False, "checkmate-816")
    assert dict(cohort.centres.values_list("code", "name")) == {"A": "First hospital", "C": "Third hospital"}
    assert cohort.training_centre is not None
    assert cohort.training_centre.code == "C"
    assert Membership.objects.get().role == Role.ADMINISTRATOR
    assert AuditEntry.objects.filter(verb="created", actor=user).exists()
    assert heading(client) == "Do you have scans now?"


def test_a_question_left_open_is_asked_again_after_logging_in_from_another_browser() -> None:
    first = Client()
    answer(first, code=setup_code())
    answer(first, **PERSON)
    other = Client()
    assert other.get(reverse("welcome"), follow=True).redirect_chain[-1][0].startswith(reverse("login"))
    other.login(username="wang", password=PASSWORD)
    assert heading(other) == "What is the study called?"
    answer(other, name="Study", is_synthetic="yes")
    assert heading(other) == "Which hospitals take part?"


def test_models_learn_only_at_a_hospital_that_was_named() -> None:
    client = Client()
    answer(client, code=setup_code())
    answer(client, **PERSON)
    answer(client, name="Study")
    page = answer(client, **CENTRES | {"trains": "2"}).content.decode()
    assert "Models can only learn at a hospital that you named." in page
    assert not Cohort.objects.exists()


def test_a_weak_password_is_refused_with_the_reason() -> None:
    client = Client()
    answer(client, code=setup_code())
    assert "too common" in answer(client, **PERSON | {"password": "password"}).content.decode()
    assert not User.objects.exists()


def test_of_two_who_answer_at_once_the_second_is_told() -> None:
    setup_code()
    first_person("wang", full_name="", password=PASSWORD)
    with pytest.raises(ServiceError, match="already"):
        first_person("li", full_name="", password=PASSWORD)
    assert User.objects.count() == 1


def test_once_somebody_can_log_in_the_questions_are_closed(trial: Trial) -> None:
    answer(Client(), code=setup_code())
    answer(Client(), **PERSON)
    assert not User.objects.filter(username="wang").exists()
    assert trial.client().get(reverse("welcome")).status_code == 302


def test_the_first_patient_is_announced_once() -> None:
    client = Client()
    set_up(client)
    cohort, user = Cohort.objects.get(), User.objects.get()
    page = client.get(reverse("cohorts:list")).content.decode()
    assert reverse("welcome-progress") in page
    assert "has no patient yet" in client.get(reverse("welcome-progress")).content.decode()
    create_patient(cohort, code="P-1", centre=cohort.centres.get(code="A"), actor=user)
    arrived = client.get(reverse("welcome-progress"))
    assert "Your first patient is here." in arrived.content.decode()
    assert arrived.status_code == 286
    assert reverse("welcome-progress") not in client.get(reverse("cohorts:list")).content.decode()


@pytest.mark.parametrize("typed", ["", "-", " - "])
def test_a_code_that_is_not_written_yet_opens_nothing(typed: str) -> None:
    file = settings.DATA_DIR / "setup.code"
    setup_code()
    file.write_text("")
    assert not is_setup_code(typed)
    file.unlink()


def test_servers_that_start_at_once_make_one_code() -> None:
    (settings.DATA_DIR / "setup.code").unlink(missing_ok=True)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _number: setup_code(), range(40)))
    assert len(found) == 1
    assert len(found.pop()) == len("AAAA-AAAA-AAAA")
    assert [file.name for file in settings.DATA_DIR.glob("setup.code*")] == ["setup.code"]
