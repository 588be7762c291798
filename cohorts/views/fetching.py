"""What views of one patient begin with: the patient of the address, and the centres that the person may choose."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from cohorts.access import Action, fetch, membership_in
from cohorts.forms.fields import centres_for
from cohorts.models import Cohort, Patient


def fetch_patient(request: HttpRequest, action: Action, cohort_code: str, patient_code: str) -> Patient:
    """Give the patient of an address."""
    patients = Patient.objects.select_related("cohort", "centre").prefetch_related("timepoints")
    return fetch(patients, request.user, action, cohort__code=cohort_code, code=patient_code)


def centres_for_person(request: HttpRequest, cohort: Cohort) -> Any:
    """Give the centres that the person may choose for a patient."""
    member = membership_in(request.user, cohort)
    return centres_for(cohort, member.centre if member else None)
