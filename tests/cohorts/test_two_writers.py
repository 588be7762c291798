"""Two tabs or two people with one record: nobody's work is lost, and nobody's is overwritten unseen."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, OutcomeDraft, PathologyOutcome, RecordLock
from cohorts.selectors.patients import current_outcome
from cohorts.services.outcomes import enter_outcome
from cohorts.services.patients import create_patient, mark_not_evaluable, update_patient
from tests.scans import PRE_SCAN_ON, small_scan, store_scan
from tests.trial import READING, Trial, as_form

THEIRS = READING | {"viable_percent": Decimal(30), "necrosis_percent": Decimal(35)}
YOURS = READING | {"reader": "ZZ", "necrosis_percent": Decimal(24), "stroma_percent": Decimal(36)}


def address(trial: Trial, name: str) -> str:
    return reverse(f"cohorts:{name}", args=[trial.cohort.code, trial.patient.code])


def opened(trial: Trial, person: str, name: str = "outcome") -> Any:
    """Give what a person's browser would post of an unchanged form."""
    form = trial.client(person).get(address(trial, name)).context["form"]
    values = {field.html_name: field.value() for field in form if field.value() not in (None, "", [], False)}
    return {name: "on" if value is True else str(value) for name, value in values.items()}


def test_the_second_of_two_tabs_sees_both_versions_and_writes_nothing(trial: Trial) -> None:
    enter_outcome(trial.patient, values=READING, actor=None)
    tabs = [opened(trial, person) for person in ("coordinator", "data_manager")]
    first = trial.client("coordinator").post(
        address(trial, "outcome"), tabs[0] | as_form(THEIRS) | {"reason": "second look"}
    )
    assert first.status_code == 302
    second = trial.client("data_manager").post(
        address(trial, "outcome"), tabs[1] | as_form(YOURS) | {"reason": "letter"}
    )
    assert second.status_code == 200
    shown = {
        conflict.field: (conflict.base, conflict.theirs, conflict.yours, conflict.suggestion)
        for conflict in second.context["merge"].conflicts
    }
    assert shown == {
        "viable_percent": ("40", "30", "40", "theirs"),
        "necrosis_percent": ("25", "35", "24", ""),
        "stroma_percent": ("35", "35", "36", "yours"),
        "reader": ("AB", "AB", "ZZ", "yours"),
    }
    assert "coordinator saved this record" in second.content.decode()
    assert PathologyOutcome.objects.count() == 2


def merged(trial: Trial, **choices: str) -> Any:
    """Post a merge as the page of the second tab would."""
    enter_outcome(trial.patient, values=READING, actor=None)
    tab = opened(trial, "data_manager")
    enter_outcome(trial.patient, values=THEIRS, actor=trial.coordinator, reason="second look")
    client = trial.client("data_manager")
    page = client.post(address(trial, "outcome"), tab | as_form(YOURS) | {"reason": "letter"})
    merge = page.context["merge"]
    posted = dict(merge.typed) | {
        "opened": str(merge.opened),
        "newest": str(merge.newest),
        "reason": "both were right",
    }
    kept = {f"keep-{field}": side for field, side in choices.items()}
    return client.post(address(trial, "outcome-merge"), posted | kept)


def test_a_merge_keeps_of_each_field_the_version_that_was_chosen(trial: Trial) -> None:
    response = merged(
        trial, viable_percent="theirs", necrosis_percent="theirs", stroma_percent="theirs", reader="yours"
    )
    assert response.status_code == 302
    stored = current_outcome(trial.patient)
    assert stored is not None
    assert (stored.version, stored.viable_percent, stored.reader) == (3, Decimal(30), "ZZ")
    entry = AuditEntry.objects.filter(object_type="pathologyoutcome").latest("pk")
    assert (entry.changes, entry.reason) == ({"reader": ["AB", "ZZ"]}, "both were right")


def test_a_merge_without_a_choice_for_every_field_is_asked_again(trial: Trial) -> None:
    response = merged(trial, viable_percent="theirs", reader="yours")
    assert "Choose a version of every field" in response.content.decode()
    assert PathologyOutcome.objects.count() == 2


def test_a_merge_that_contradicts_itself_is_refused_with_the_rule(trial: Trial) -> None:
    response = merged(
        trial, viable_percent="theirs", necrosis_percent="yours", stroma_percent="yours", reader="yours"
    )
    assert "(E2)" in response.context["problem"]
    assert PathologyOutcome.objects.count() == 2


def test_a_merge_against_a_version_that_is_no_longer_the_newest_starts_again(trial: Trial) -> None:
    enter_outcome(trial.patient, values=READING, actor=None)
    posted = as_form(YOURS) | {"opened": "1", "newest": "1", "reason": "late"}
    enter_outcome(trial.patient, values=THEIRS, actor=trial.coordinator, reason="x")
    kept = {f"keep-{name}": "yours" for name in ("viable_percent", "necrosis_percent", "stroma_percent", "reader")}
    response = trial.client("data_manager").post(address(trial, "outcome-merge"), posted | kept)
    assert "Somebody saved reading 2" in response.context["problem"]
    assert response.context["merge"].newest == 2
    assert PathologyOutcome.objects.count() == 2


def test_an_outdated_reading_is_refused_by_the_service_itself(trial: Trial) -> None:
    enter_outcome(trial.patient, values=READING, actor=None)
    with pytest.raises(ServiceError) as refusal:
        enter_outcome(trial.patient, values=THEIRS, actor=None, base_version=0)
    assert refusal.value.code == "outdated"


def test_two_people_with_the_clinical_data_merge_them_too(trial: Trial) -> None:
    tab = opened(trial, "data_manager", "patient-edit")
    update_patient(trial.patient, values={"age_years": 63, "smoking": "former"}, actor=trial.coordinator)
    client = trial.client("data_manager")
    page = client.post(address(trial, "patient-edit"), tab | {"age_years": "64", "sex": "female"})
    merge = page.context["merge"]
    assert {c.field: (c.base, c.theirs, c.yours, c.suggestion) for c in merge.conflicts} == {
        "age_years": ("61", "63", "64", ""),
        "sex": ("", "", "Female", "yours"),
        "smoking": ("", "Former", "", "theirs"),
    }
    choices = {"keep-age_years": "yours", "keep-sex": "yours", "keep-smoking": "theirs"}
    posted = dict(merge.typed) | {
        "opened": str(merge.opened),
        "newest": str(merge.newest),
        "reason": "asked the ward",
    }
    assert client.post(address(trial, "patient-merge"), posted | choices).status_code == 302
    trial.patient.refresh_from_db()
    stored = trial.patient
    assert (stored.age_years, stored.sex, stored.smoking, stored.revision) == (64, "female", "former", 3)


def test_what_is_typed_is_kept_as_a_draft_and_fills_the_form_again(trial: Trial) -> None:
    client = trial.client("coordinator")
    typed = {"viable_percent": "7", "base_version": "0", "reader": "AB", "sampling": "as_iaslc"}
    typed |= {"stations-station": "7", "stations-examined": "4", "stations-positive": "1", "stations-viable": ""}
    answer = client.post(address(trial, "outcome-draft"), typed)
    assert "Draft saved" in answer.content.decode()
    assert not PathologyOutcome.objects.exists()
    assert not AuditEntry.objects.filter(object_type="pathologyoutcome").exists()
    assert "You left a draft" in client.get(address(trial, "outcome")).content.decode()
    form = client.get(address(trial, "outcome") + "?draft=restore").context["form"]
    assert (form["viable_percent"].value(), form["stations"].value()) == ("7", "7: 1/4")
    assert form["sampling"].value() == "as_iaslc"
    assert not form["blinded"].value(), "what was not answered stays so"


def test_a_draft_is_of_one_person_and_goes_when_the_reading_is_saved_or_it_is_discarded(trial: Trial) -> None:
    client = trial.client("coordinator")
    for _again in range(2):
        client.post(address(trial, "outcome-draft"), {"viable_percent": "7"})
    assert OutcomeDraft.objects.count() == 1
    assert "You left a draft" not in trial.client("data_manager").get(address(trial, "outcome")).content.decode()
    client.post(address(trial, "outcome-draft"), {"discard": "yes"})
    assert not OutcomeDraft.objects.exists()
    client.post(address(trial, "outcome-draft"), {"viable_percent": "7"})
    client.post(address(trial, "outcome"), as_form(READING))
    assert not OutcomeDraft.objects.exists()


def test_a_draft_that_somebody_overtook_says_so_and_leads_to_the_merge(trial: Trial) -> None:
    client = trial.client("coordinator")
    client.post(address(trial, "outcome-draft"), as_form(YOURS) | {"base_version": "0"})
    enter_outcome(trial.patient, values=THEIRS, actor=None)
    page = client.get(address(trial, "outcome") + "?draft=restore")
    assert "Reading 1 was saved since" in page.content.decode()
    posted = as_form(YOURS) | {"base_version": str(page.context["form"]["base_version"].value()), "reason": "mine"}
    assert client.post(address(trial, "outcome"), posted).context["merge"].conflicts


def test_a_locked_record_refuses_every_way_to_change_it(trial: Trial) -> None:
    segmentation = store_scan(trial.patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON)
    RecordLock.objects.create(
        cohort=trial.cohort, patient=trial.patient, meaning="verified", content_sha256="", signed_by=trial.coordinator
    )
    acts = [
        lambda: enter_outcome(trial.patient, values=READING, actor=None),
        lambda: update_patient(trial.patient, values={"age_years": 70}, actor=None),
        lambda: mark_not_evaluable(segmentation.timepoint, note="motion", actor=None),
    ]
    for act in acts:
        with pytest.raises(ServiceError) as refusal:
            act()
        assert refusal.value.code == "locked"
    page = trial.client("coordinator").get(address(trial, "outcome"))
    assert "This record is locked" in page.content.decode()
    assert "Save the reading" not in page.content.decode()
    refused = trial.client("coordinator").post(address(trial, "outcome"), as_form(READING))
    assert "is locked" in str(refused.context["form"].non_field_errors())
    assert not PathologyOutcome.objects.exists()


def test_the_form_of_a_locked_record_shows_what_follows_from_it(trial: Trial) -> None:
    enter_outcome(trial.patient, values=READING, actor=None)
    RecordLock.objects.create(cohort=trial.cohort, meaning="approved", content_sha256="", signed_by=trial.coordinator)
    page = trial.client("coordinator").get(address(trial, "outcome")).content.decode()
    assert "40 % viable &gt; 10 %" in page
    assert "hx-post" not in page.split('id="outcome-form"')[0].rsplit("<form", 1)[1]


def test_a_locked_cohort_takes_no_new_patient(trial: Trial) -> None:
    RecordLock.objects.create(cohort=trial.cohort, meaning="approved", content_sha256="", signed_by=trial.coordinator)
    with pytest.raises(ServiceError, match="whole cohort is locked"):
        create_patient(trial.cohort, code="P-9", centre=trial.here, actor=None)
