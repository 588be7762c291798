"""One patient: page, clinical data, history."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from cohorts.access import Action, actions_in, fetch, membership_in
from cohorts.core.errors import ContradictoryOutcome
from cohorts.forms.fields import centres_for
from cohorts.forms.patient import NewPatientForm, PatientForm
from cohorts.models import Cohort, Patient, User
from cohorts.selectors.patients import current_outcome, response_of, timeline_of
from cohorts.services.outcomes import findings
from cohorts.services.patients import CLINICAL_FIELDS, create_patient, date_findings, update_patient


def fetch_patient(request: HttpRequest, action: Action, cohort_code: str, patient_code: str) -> Patient:
    """Give the patient of an address."""
    patients = Patient.objects.select_related("cohort", "centre").prefetch_related("timepoints")
    return fetch(patients, request.user, action, cohort__code=cohort_code, code=patient_code)


@require_safe
def patient_detail(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """One patient: clinical data, outcome, timeline, and the panels of imaging and modelling."""
    patient = fetch_patient(request, Action.VIEW, cohort_code, patient_code)
    outcome = current_outcome(patient)
    context = {
        "cohort": patient.cohort,
        "patient": patient,
        "actions": actions_in(request.user, patient.cohort),
        "outcome": outcome,
        "response": response_of(outcome, patient.cohort) if outcome else None,
        "findings": findings(outcome, patient.cohort) if outcome else date_findings(patient),
        "timeline": timeline_of(patient, outcome=outcome),
    }
    return render(request, "cohorts/patient_detail.html", context)


@require_http_methods(["GET", "POST"])
def patient_create(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Enter a new patient."""
    cohort = fetch(Cohort, request.user, Action.EDIT_PATIENT, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    member = membership_in(request.user, cohort)
    form = NewPatientForm(
        request.POST or None, cohort=cohort, centres=centres_for(cohort, member.centre if member else None)
    )
    if form.is_valid():
        values = form.cleaned_data
        patient = create_patient(
            cohort, code=values.pop("code"), centre=values.pop("centre"), actor=request.user, clinical=values
        )
        return redirect(patient)
    return render(request, "cohorts/patient_form.html", {"cohort": cohort, "form": form, "patient": None})


@require_http_methods(["GET", "POST"])
def patient_edit(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Change a patient's clinical data; a contradiction is shown at its field."""
    patient = fetch_patient(request, Action.EDIT_PATIENT, cohort_code, patient_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    member = membership_in(request.user, patient.cohort)
    centres = centres_for(patient.cohort, member.centre if member else None)
    form = PatientForm(request.POST or None, instance=patient, centres=centres)
    if form.is_valid():
        values = {name: form.cleaned_data[name] for name in CLINICAL_FIELDS}
        try:
            update_patient(patient, values=values, actor=request.user)
        except ContradictoryOutcome as error:
            form.add_findings(error.findings)
        else:
            messages.success(request, f"Clinical data of {patient.code} saved.")
            return redirect(patient)
    return render(request, "cohorts/patient_form.html", {"cohort": patient.cohort, "form": form, "patient": patient})


@require_safe
def patient_history(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Who changed what, when and why."""
    patient = fetch_patient(request, Action.VIEW, cohort_code, patient_code)
    entries = patient.audit_entries.select_related("actor", "patient")
    page = Paginator(entries, 50).get_page(request.GET.get("page"))
    return render(request, "cohorts/history.html", {"cohort": patient.cohort, "patient": patient, "page": page})
