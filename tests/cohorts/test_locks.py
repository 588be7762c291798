"""Electronic signatures: what they cover, what they stop, and what opens them again."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, PathologyOutcome, Patient, RecordLock, User
from cohorts.selectors.locks import is_as_signed, lock_of, locked_patients
from cohorts.services.locks import lock_cohort, lock_record, require_cohort_unlocked, require_unlocked, unlock
from cohorts.services.outcomes import enter_outcome
from cohorts.services.patients import update_patient
from cohorts.services.queries import close_query, open_query
from tests.trial import READING, Trial

PASSWORD = "a long pass phrase"
VERIFIED = RecordLock.Meaning.VERIFIED


@pytest.fixture
def manager(trial: Trial) -> User:
    person = trial.people["data_manager"]
    person.set_password(PASSWORD)
    person.save()
    return person


def lock(trial: Trial, manager: User) -> RecordLock:
    return lock_record(trial.patient, meaning=VERIFIED, actor=manager, password=PASSWORD)


def test_a_locked_record_refuses_edits_and_says_who_locked_it(trial: Trial, manager: User) -> None:
    enter_outcome(trial.patient, values=READING, actor=trial.coordinator)
    lock(trial, manager)
    with pytest.raises(ServiceError, match="The record of P-1 is locked: data_manager signed it on") as refusal:
        require_unlocked(trial.patient)
    assert refusal.value.code == "locked"
    require_unlocked(trial.other_patient)
    assert lock_of(trial.other_patient) is None


def test_a_signature_holds_what_was_signed_and_sees_a_change_behind_its_back(trial: Trial, manager: User) -> None:
    enter_outcome(trial.patient, values=READING, actor=trial.coordinator)
    held = lock(trial, manager)
    assert is_as_signed(held)
    PathologyOutcome.objects.filter(patient=trial.patient).update(viable_percent=Decimal("41"))
    assert not is_as_signed(held)


def test_the_database_itself_allows_one_lock_at_a_time(trial: Trial, manager: User) -> None:
    lock(trial, manager)
    with pytest.raises(ServiceError, match="is locked"):
        lock(trial, manager)


def test_a_wrong_password_signs_nothing_and_stands_in_the_history(trial: Trial, manager: User) -> None:
    with pytest.raises(ServiceError) as refusal:
        lock_record(trial.patient, meaning=VERIFIED, actor=manager, password="wrong")
    assert refusal.value.code == "wrong_password"
    assert not RecordLock.objects.exists()
    assert AuditEntry.objects.filter(actor=manager, verb="refused signature", patient=trial.patient).count() == 1


def test_five_wrong_passwords_close_the_way_even_to_the_right_one(trial: Trial, manager: User) -> None:
    for _ in range(5):
        with pytest.raises(ServiceError, match="not your password"):
            lock_record(trial.patient, meaning=VERIFIED, actor=manager, password="wrong")
    with pytest.raises(ServiceError, match="Too many wrong passwords"):
        lock(trial, manager)
    long_ago = timezone.now() - timedelta(minutes=16)
    AuditEntry.objects.filter(verb="refused signature").update(at=long_ago)
    assert lock(trial, manager).unlocked_at is None


def test_a_query_that_is_not_closed_stands_in_the_way(trial: Trial, manager: User) -> None:
    query = open_query(trial.patient, field="ypt", text="Which edition?", actor=manager)
    with pytest.raises(ServiceError, match="1 query is not closed"):
        lock(trial, manager)
    close_query(query, text="Seen.", actor=manager)
    lock(trial, manager)


def test_unlocking_needs_the_password_and_leaves_the_signature_with_the_reason(trial: Trial, manager: User) -> None:
    held = lock(trial, manager)
    with pytest.raises(ServiceError, match="not your password"):
        unlock(held, reason="A typo", actor=manager, password="wrong")
    unlock(held, reason="A typo in ypT", actor=manager, password=PASSWORD)
    held.refresh_from_db()
    assert (held.unlocked_by, held.unlock_reason) == (manager, "A typo in ypT")
    assert AuditEntry.objects.get(verb="unlocked").reason == "A typo in ypT"
    update_patient(trial.patient, values={"age_years": 62}, actor=trial.coordinator)


def test_the_lock_of_a_cohort_keeps_every_record_and_lets_no_patient_in(trial: Trial, manager: User) -> None:
    held = lock_cohort(trial.cohort, meaning=RecordLock.Meaning.APPROVED, actor=manager, password=PASSWORD)
    for patient in (trial.patient, trial.other_patient):
        with pytest.raises(ServiceError, match="The whole cohort is locked"):
            require_unlocked(patient)
    with pytest.raises(ServiceError, match="The whole cohort is locked"):
        require_cohort_unlocked(trial.cohort)
    assert locked_patients(trial.cohort) == {trial.patient.pk, trial.other_patient.pk}
    assert is_as_signed(held)
    Patient.objects.filter(pk=trial.other_patient.pk).update(age_years=40)
    assert not is_as_signed(held)


def sign(client: Client, trial: Trial, **posted: str) -> str:
    url = reverse("cohorts:lock", args=[trial.cohort.code, trial.patient.code])
    return client.post(url, {"meaning": "verified", "password": PASSWORD} | posted, follow=True).content.decode()


def test_a_record_is_signed_shown_as_signed_and_opened_again_in_the_browser(trial: Trial, manager: User) -> None:
    client = trial.client("data_manager")
    page = sign(client, trial)
    held = RecordLock.objects.get()
    assert held.content_sha256 in page
    assert "as signed" in page
    assert "I checked this record against its source." in page
    url = reverse("cohorts:unlock", args=[trial.cohort.code, trial.patient.code])
    assert "This field is required" in client.post(url, {"password": PASSWORD}).content.decode()
    page = client.post(url, {"password": PASSWORD, "reason": "New report"}, follow=True).content.decode()
    assert "New report" in page
    assert lock_of(trial.patient) is None


def test_a_wrong_password_is_said_at_its_field(trial: Trial, manager: User) -> None:
    page = sign(trial.client("data_manager"), trial, password="wrong")
    assert "This is not your password. Nothing was signed." in page
    assert not RecordLock.objects.exists()


def test_others_see_the_signature_and_cannot_sign(trial: Trial, manager: User) -> None:
    lock(trial, manager)
    client = trial.client("coordinator")
    url = reverse("cohorts:lock", args=[trial.cohort.code, trial.patient.code])
    page = client.get(url).content.decode()
    assert "data_manager" in page
    assert 'name="password"' not in page
    assert client.post(url, {"meaning": "verified", "password": PASSWORD}).status_code == 403


def test_who_answers_for_one_centre_cannot_lock_the_whole_cohort(trial: Trial) -> None:
    url = reverse("cohorts:cohort-lock", args=[trial.cohort.code])
    assert trial.client("elsewhere").get(url).status_code == 403
    assert trial.client("administrator").get(url).status_code == 200
