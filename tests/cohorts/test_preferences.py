"""Each person reads in their own language, time zone and appearance, and keeps their own password."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.conf import settings
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from cohorts.glossary import TERMS
from cohorts.models import User
from cohorts.templatetags.quantities import compact, day, moment, number
from tests.trial import Trial

NOON = datetime(2024, 6, 10, 12, 0, tzinfo=UTC)


def choose(trial: Trial, person: str = "coordinator", **values: str) -> Client:
    client = trial.client(person)
    answer = client.post(reverse("account"), {"language": "", "time_zone": "", "theme": "auto"} | values)
    assert answer.status_code == 302
    return client


def test_a_page_comes_in_the_language_of_the_account(trial: Trial) -> None:
    page = choose(trial, language="zh-hans").get(reverse("account"))
    assert '<html lang="zh-hans"' in page.content.decode()
    assert page["Content-Language"] == "zh-hans"
    assert "旧密码" in page.content.decode()


def test_the_language_of_one_person_does_not_stay_for_the_next(trial: Trial) -> None:
    choose(trial, language="zh-hans", time_zone="Asia/Shanghai").get(reverse("account"))
    assert (translation.get_language(), timezone.get_current_timezone_name()) == ("en", "UTC")
    assert '<html lang="en"' in trial.client("reader").get(reverse("account")).content.decode()


def test_without_a_choice_the_browser_is_asked(trial: Trial) -> None:
    page = trial.client().get(reverse("account"), headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert '<html lang="zh-hans"' in page.content.decode()
    unknown = trial.client().get(reverse("account"), headers={"accept-language": "tlh"})
    assert '<html lang="en"' in unknown.content.decode()


def test_a_stranger_chooses_the_language_of_the_log_in_page(trial: Trial) -> None:
    client = Client()
    client.post(reverse("set_language"), {"language": "zh-hans"})
    assert '<html lang="zh-hans"' in client.get(reverse("login")).content.decode()


def test_times_are_shown_in_the_zone_of_the_account(trial: Trial) -> None:
    template = Template("{% load quantities %}{{ noon|moment }}")
    with timezone.override("Asia/Shanghai"):
        assert template.render(Context({"noon": NOON})) == "10 Jun 2024, 20:00"
    client = choose(trial, time_zone="Asia/Shanghai")
    assert User.objects.get(username="coordinator").time_zone == "Asia/Shanghai"
    entry = client.get(reverse("cohorts:history", args=[trial.cohort.code]))
    assert entry.status_code == 200


@pytest.mark.parametrize("values", [{"language": "fr"}, {"time_zone": "Mars/Base"}, {"theme": "pink"}])
def test_what_is_not_offered_is_refused(trial: Trial, values: dict[str, str]) -> None:
    client = trial.client()
    answer = client.post(reverse("account"), {"language": "", "time_zone": "", "theme": "auto"} | values)
    assert answer.status_code == 200
    assert "Select a valid choice" in answer.content.decode()


def test_an_account_whose_zone_is_gone_still_opens_its_pages(trial: Trial) -> None:
    User.objects.filter(username="coordinator").update(time_zone="Mars/Base", language="xx")
    assert trial.client().get(reverse("account")).status_code == 200


def test_the_appearance_is_kept_and_shown_by_every_page(trial: Trial) -> None:
    client = trial.client()
    answer = client.post(reverse("theme"), {"theme": "dark"}, headers={"HX-Request": "true"})
    assert 'data-theme-now="dark"' in answer.content.decode()
    assert 'data-theme="dark"' in client.get(reverse("help")).content.decode()
    client.post(reverse("theme"), {"theme": "pink"})
    assert User.objects.get(username="coordinator").theme == "dark"


def test_a_password_is_changed_with_the_old_one_and_the_window_stays_logged_in(trial: Trial) -> None:
    trial.coordinator.set_password("old-Orchard-71")
    trial.coordinator.save()
    client = Client()
    client.login(username="coordinator", password="old-Orchard-71")
    new = {"new_password1": "wisp-Orchard-72", "new_password2": "wisp-Orchard-72"}
    wrong = client.post(reverse("account-password"), {"old_password": "guess", **new})
    assert "entered incorrectly" in wrong.content.decode()
    client.post(reverse("account-password"), {"old_password": "old-Orchard-71", **new})
    assert client.get(reverse("account")).status_code == 200
    assert User.objects.get(username="coordinator").check_password("wisp-Orchard-72")


def test_the_account_names_each_role_of_the_person_and_nobody_elses(trial: Trial) -> None:
    page = trial.client("elsewhere").get(reverse("account")).content.decode()
    assert "Administrator" in page
    assert "There" in page
    assert "Other trial" not in page


def test_help_explains_every_word_of_the_glossary(trial: Trial) -> None:
    page = trial.client().get(reverse("help")).content.decode()
    assert [key for key in TERMS if f'id="{key}"' not in page] == []


def test_a_word_opens_its_own_meaning_however_often_it_stands_on_a_page() -> None:
    page = Template("{% load glossary %}{% term 'mpr' %} {% term 'mpr' 'major response' %}").render(Context())
    first, second = (part.split('"')[0] for part in page.split('popovertarget="')[1:])
    assert first != second
    assert page.count(f'id="{first}"') == page.count(f'id="{second}"') == 1
    assert "major " in page
    assert page.count("At most 10 %") == 2


def test_numbers_and_dates_are_written_as_the_language_does() -> None:
    assert (number(-1234.56, 1), compact(0.00012), day(date(2024, 6, 10))) == ("−1234.6", "0.00012", "10 Jun 2024")
    assert [compact(value, 3) for value in (999.4, 999.6, 2321.7, -45678, 2.5e7)] == [
        "999", "1000", "2322", "−45678", "2.5e+07",
    ]  # fmt: skip
    with translation.override("de"):
        assert (number(-1234.56, 1), compact(0.5)) == ("−1234,6", "0,5")
    with translation.override("zh-hans"):
        assert day(date(2024, 6, 10)) == "2024年6月10日"
        assert moment(NOON) == "2024年6月10日 12:00"
        assert number(1.5, 1) == "1.5"


def test_a_form_without_its_token_says_what_to_do(trial: Trial) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(trial.coordinator)
    answer = client.post(reverse("theme"), {"theme": "dark"})
    assert answer.status_code == 403
    assert "This page had been open for too long" in answer.content.decode()


def test_scripts_get_their_words_without_a_log_in_and_browsers_keep_them(db: None) -> None:
    answer = Client().get(reverse("words"))
    assert "gettext" in answer.content.decode()
    assert "max-age=3600" in answer["Cache-Control"]
    assert set(dict(settings.LANGUAGES)) == {"en", "zh-hans"}
