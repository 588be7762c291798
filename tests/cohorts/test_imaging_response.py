"""The radiologist's response and PET of a patient: who may enter them, their history, and records signed before them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from cohorts.core.signature import content_digest
from cohorts.models import AuditEntry, Patient, RecordLock, User
from cohorts.selectors.locks import is_as_signed, signed_content
from cohorts.services.locks import lock_record
from cohorts.services.patients import update_patient
from tests.trial import Trial

PASSWORD = "a long pass phrase"
FIELDS = ("radiological_response", "suv_max_pre", "suv_max_post")


def test_nobody_has_a_response_unless_a_person_entered_it(trial: Trial) -> None:
    assert [getattr(trial.patient, name) for name in FIELDS] == ["", None, None]
    assert trial.patient.suv_max_change_percent is None


def test_a_coordinator_enters_them_and_the_history_says_so(trial: Trial) -> None:
    url = reverse("cohorts:patient-edit", args=[trial.cohort.code, trial.patient.code])
    client = trial.client()
    form = client.get(url).context["form"]
    typed = {name: form[name].value() or "" for name in form.fields} | {
        "radiological_response": "PR",
        "suv_max_pre": "12.5",
        "suv_max_post": "5",
    }
    assert client.post(url, typed).status_code == 302
    entry = AuditEntry.objects.latest("pk")
    assert entry.changes == {
        "radiological_response": ["", "PR"],
        "suv_max_pre": [None, 12.5],
        "suv_max_post": [None, 5.0],
    }
    assert entry.actor == trial.coordinator
    page = client.get(trial.patient.get_absolute_url()).content.decode()
    assert "Partial response (PR)" in page
    assert "\N{MINUS SIGN}60\N{NO-BREAK SPACE}%" in page.replace("&nbsp;", "\N{NO-BREAK SPACE}")


def test_a_person_who_may_not_edit_patients_cannot_enter_them(trial: Trial) -> None:
    url = reverse("cohorts:patient-edit", args=[trial.cohort.code, trial.patient.code])
    assert trial.client("researcher").post(url, {"radiological_response": "CR"}).status_code == 403
    assert trial.client("stranger").post(url, {"radiological_response": "CR"}).status_code == 404
    assert Patient.objects.get(pk=trial.patient.pk).radiological_response == ""


@pytest.mark.parametrize(
    "values", [{"suv_max_pre": Decimal(0)}, {"suv_max_post": Decimal("-1")}, {"radiological_response": "XX"}]
)
def test_what_is_no_category_or_no_uptake_is_refused(trial: Trial, values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        update_patient(trial.patient, values=values, actor=None)


def signed(trial: Trial) -> RecordLock:
    person: User = trial.people["data_manager"]
    person.set_password(PASSWORD)
    person.save()
    return lock_record(trial.patient, meaning=RecordLock.Meaning.VERIFIED, actor=person, password=PASSWORD)


def test_a_record_that_was_signed_before_the_fields_came_is_still_as_it_was_signed(trial: Trial) -> None:
    """What a version without the fields signed is the content without them."""
    content = {code: dict(parts) for code, parts in signed_content([trial.patient]).items()}
    clinical = dict(content[trial.patient.code]["clinical"])
    without = {name: value for name, value in clinical.items() if name not in FIELDS}
    held = signed(trial)
    RecordLock.objects.filter(pk=held.pk).update(
        content_sha256=content_digest({trial.patient.code: content[trial.patient.code] | {"clinical": without}})
    )
    held.refresh_from_db()
    assert is_as_signed(held)


def test_a_signature_sees_a_response_that_was_changed_behind_its_back(trial: Trial) -> None:
    update_patient(trial.patient, values={"radiological_response": "SD"}, actor=None)
    held = signed(trial)
    assert is_as_signed(held)
    Patient.objects.filter(pk=trial.patient.pk).update(radiological_response="PR")
    assert not is_as_signed(held)
