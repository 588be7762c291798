"""How a cohort works and who works in it: changed in the browser, written to the history."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Membership, RecordLock, Role, User
from cohorts.services.settings import change_role, remove_member, update_settings
from tests.trial import Trial


def values(trial: Trial, **changed: Any) -> dict[str, Any]:
    settings = {
        "name": "Trial",
        "description": "",
        "training_centre": trial.here.pk,
        "mpr_threshold_percent": "10",
        "reading_margin_points": "10",
        "post_scan_due_days": "42",
        "pathology_due_days": "70",
    }
    return settings | changed


def test_settings_are_saved_and_written_to_the_history(trial: Trial) -> None:
    page = reverse("cohorts:cohort-settings", args=[trial.cohort.code])
    client = trial.client("administrator")
    client.post(page, values(trial, double_reading="on", reading_margin_points="5", pathology_due_days="60"))
    trial.cohort.refresh_from_db()
    assert (trial.cohort.double_reading, trial.cohort.pathology_due_days) == (True, 60)
    entry = AuditEntry.objects.filter(object_type="cohort", verb="changed").get()
    assert entry.changes == {
        "double_reading": [False, True],
        "reading_margin_points": [10.0, 5.0],
        "pathology_due_days": [70, 60],
    }
    client.post(page, values(trial, double_reading="on", reading_margin_points="5", pathology_due_days="60"))
    assert AuditEntry.objects.filter(object_type="cohort", verb="changed").count() == 1


def test_a_value_out_of_range_is_refused_at_its_field(trial: Trial) -> None:
    page = reverse("cohorts:cohort-settings", args=[trial.cohort.code])
    answer = trial.client("administrator").post(page, values(trial, mpr_threshold_percent="101")).content.decode()
    assert "less than or equal to 100" in answer
    trial.cohort.refresh_from_db()
    assert trial.cohort.mpr_threshold_percent == 10


def test_the_settings_of_a_locked_cohort_stay(trial: Trial) -> None:
    RecordLock.objects.create(
        cohort=trial.cohort, meaning="approved", content_sha256="0" * 64, signed_by=trial.researcher
    )
    with pytest.raises(ServiceError, match="The whole cohort is locked"):
        update_settings(trial.cohort, values={"mpr_threshold_percent": 20}, actor=None)


def test_a_person_is_added_changed_and_removed(trial: Trial) -> None:
    client, code = trial.client("administrator"), trial.cohort.code
    new = User.objects.create(username="new")
    client.post(reverse("cohorts:member-add", args=[code]), {"username": "new", "role": "reader", "centre": ""})
    member = Membership.objects.get(user=new, cohort=trial.cohort)
    change = reverse("cohorts:member-change", args=[code, member.pk])
    prefix = f"member-{member.pk}"
    client.post(change, {f"{prefix}-role": "coordinator", f"{prefix}-centre": trial.there.pk})
    member.refresh_from_db()
    assert (member.role, member.centre) == (Role.COORDINATOR, trial.there)
    client.post(change, {"remove": "yes"})
    assert not Membership.objects.filter(user=new).exists()
    verbs = AuditEntry.objects.filter(object_type="membership").order_by("pk").values_list("verb", flat=True)
    assert list(verbs)[-3:] == ["set role", "set role", "removed role"]


def test_a_centre_of_another_cohort_is_refused(trial: Trial) -> None:
    member = Membership.objects.get(user=trial.researcher, cohort=trial.cohort)
    far = Membership.objects.get(user=trial.people["stranger"]).cohort.centres.get()
    url = reverse("cohorts:member-change", args=[trial.cohort.code, member.pk])
    prefix = f"member-{member.pk}"
    answer = trial.client("administrator").post(
        url, {f"{prefix}-role": "reader", f"{prefix}-centre": far.pk}, follow=True
    )
    assert "a centre of this cohort" in answer.content.decode()
    member.refresh_from_db()
    assert (member.role, member.centre) == (Role.RESEARCHER, None)


@pytest.mark.parametrize("name", ["nobody-of-this-name", "researcher"])
def test_who_does_not_exist_or_is_a_member_is_not_added(trial: Trial, name: str) -> None:
    url = reverse("cohorts:member-add", args=[trial.cohort.code])
    page = trial.client("administrator").post(url, {"username": name, "role": "reader"}).content.decode()
    assert "Nobody has this username" in page or "is a member already" in page
    assert Membership.objects.filter(cohort=trial.cohort).count() == 6


def test_the_last_administrator_of_all_centres_stays(trial: Trial) -> None:
    member = Membership.objects.get(user=trial.people["administrator"], cohort=trial.cohort)
    with pytest.raises(ServiceError, match="needs an administrator"):
        remove_member(member, actor=None)
    with pytest.raises(ServiceError, match="needs an administrator"):
        change_role(member, role=Role.READER, centre=None, actor=None)
    change_role(
        Membership.objects.get(user=trial.researcher, cohort=trial.cohort),
        role=Role.ADMINISTRATOR,
        centre=None,
        actor=None,
    )
    remove_member(member, actor=None)
    assert not Membership.objects.filter(user=trial.people["administrator"], cohort=trial.cohort).exists()


def test_who_administers_one_centre_gives_no_roles(trial: Trial) -> None:
    client = trial.client("elsewhere")
    assert client.get(reverse("cohorts:cohort-settings", args=[trial.cohort.code])).status_code == 403
    assert client.post(reverse("cohorts:member-add", args=[trial.cohort.code])).status_code == 403


@pytest.mark.parametrize(("person", "shown"), [("administrator", True), ("elsewhere", False)])
def test_only_who_may_open_the_settings_of_the_cohort_sees_their_tab(trial: Trial, person: str, shown: bool) -> None:
    client, page = trial.client(person), reverse("cohorts:cohort-settings", args=[trial.cohort.code])
    listed = client.get(reverse("cohorts:patients", args=[trial.cohort.code])).content.decode()
    assert (f'href="{page}"' in listed) is shown
    assert (client.get(page).status_code == 200) is shown
