"""Writing patients and timepoints: dates in order, history, and the wall between centres."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from cohorts.core.errors import ContradictoryOutcome
from cohorts.models import AuditEntry, Patient, Timepoint
from cohorts.selectors.patients import true_scan_date
from cohorts.services.patients import create_patient, mark_not_evaluable, update_patient
from tests.scans import PRE_SCAN_ON, small_scan, store_scan
from tests.trial import Trial


def test_a_new_patient_and_its_history_come_together(trial: Trial) -> None:
    client = trial.client("coordinator")
    url = reverse("cohorts:patient-create", args=[trial.cohort.code])
    response = client.post(url, {"code": "P-9", "centre": trial.here.pk, "age_years": 70, "sex": "female"})
    assert response.status_code == 302
    patient = Patient.objects.get(code="P-9")
    entry = AuditEntry.objects.get(patient=patient)
    assert (entry.verb, entry.actor) == ("created", trial.coordinator)
    assert entry.changes["age_years"] == [None, 70]
    assert "P-9" in client.get(reverse("cohorts:patients", args=[trial.cohort.code])).content.decode()


@pytest.mark.parametrize("code", ["Maria Müller", "", "a/b", "-x", "x" * 33])
def test_a_code_that_looks_like_a_name_or_an_address_is_refused(trial: Trial, code: str) -> None:
    with pytest.raises(ValidationError):
        create_patient(trial.cohort, code=code, centre=trial.here, actor=None)


def test_a_code_that_the_cohort_has_is_refused_at_the_field(trial: Trial) -> None:
    url = reverse("cohorts:patient-create", args=[trial.cohort.code])
    response = trial.client("coordinator").post(url, {"code": "P-1", "centre": trial.here.pk})
    assert "code" in response.context["form"].errors
    assert Patient.objects.filter(cohort=trial.cohort).count() == 2


def test_a_member_of_one_centre_can_add_patients_to_that_centre_only(trial: Trial) -> None:
    url = reverse("cohorts:patient-create", args=[trial.cohort.code])
    response = trial.client("elsewhere").post(url, {"code": "P-9", "centre": trial.here.pk})
    assert "centre" in response.context["form"].errors
    assert not Patient.objects.filter(code="P-9").exists()


def test_a_change_says_old_and_new_and_no_change_says_nothing(trial: Trial) -> None:
    before = AuditEntry.objects.count()
    update_patient(trial.patient, values={"age_years": 61}, actor=trial.coordinator)
    assert AuditEntry.objects.count() == before
    update_patient(trial.patient, values={"age_years": 62}, actor=trial.coordinator, reason="typing error")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.changes, entry.reason) == ({"age_years": [61, 62]}, "typing error")


def test_a_last_dose_before_the_first_is_refused_at_the_later_field(trial: Trial) -> None:
    url = reverse("cohorts:patient-edit", args=[trial.cohort.code, trial.patient.code])
    values = {"centre": trial.here.pk, "first_dose_on": "2024-03-04", "last_dose_on": "2024-03-01"}
    response = trial.client("coordinator").post(url, values)
    assert "(E10)" in str(response.context["form"].errors["last_dose_on"])
    trial.patient.refresh_from_db()
    assert trial.patient.last_dose_on == date(2024, 4, 22)


def test_a_field_that_is_not_clinical_cannot_be_changed_this_way(trial: Trial) -> None:
    with pytest.raises(ValueError, match="code"):
        update_patient(trial.patient, values={"code": "P-3"}, actor=None)


def test_a_dose_before_the_stored_scan_is_refused_although_the_scan_is_stored_on_another_calendar(
    trial: Trial,
) -> None:
    segmentation = store_scan(trial.patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON)
    timepoint = segmentation.timepoint
    assert timepoint.scanned_on != PRE_SCAN_ON
    assert true_scan_date(timepoint) == PRE_SCAN_ON
    with pytest.raises(ContradictoryOutcome):
        update_patient(trial.patient, values={"first_dose_on": date(2024, 2, 19)}, actor=None)


def test_a_timepoint_that_cannot_be_evaluated_says_why_in_its_history(trial: Trial) -> None:
    segmentation = store_scan(trial.patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON)
    url = reverse("imaging:not-evaluable", args=[trial.cohort.code, trial.patient.code, "pre"])
    trial.client("coordinator").post(url, {"note": "motion"})
    segmentation.timepoint.refresh_from_db()
    assert (segmentation.timepoint.status, segmentation.timepoint.note) == ("not_evaluable", "motion")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.object_type, entry.actor) == ("timepoint", trial.coordinator)
    assert entry.changes == {"status": ["evaluable", "not_evaluable"], "note": ["", "motion"]}
    history = reverse("cohorts:patient-history", args=[trial.cohort.code, trial.patient.code])
    assert "motion" in trial.client("coordinator").get(history).content.decode()


def test_a_timepoint_without_a_stated_reason_stays_evaluable(trial: Trial) -> None:
    store_scan(trial.patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON)
    url = reverse("imaging:not-evaluable", args=[trial.cohort.code, trial.patient.code, "pre"])
    trial.client("coordinator").post(url, {"note": ""})
    assert Timepoint.objects.get().status == "evaluable"


def test_marking_the_same_twice_is_one_entry(trial: Trial) -> None:
    timepoint = store_scan(trial.patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON).timepoint
    mark_not_evaluable(timepoint, note="motion", actor=None)
    before = AuditEntry.objects.count()
    mark_not_evaluable(timepoint, note="motion", actor=None)
    assert AuditEntry.objects.count() == before
