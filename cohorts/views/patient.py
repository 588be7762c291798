"""One patient: page, clinical data, history."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.core.errors import ContradictoryOutcome, Finding
from cohorts.core.staging import check_stage
from cohorts.core.timeline import Timeline, check_timeline
from cohorts.errors import ServiceError
from cohorts.forms.patient import NewPatientForm, PatientForm
from cohorts.models import Cohort, PathologyOutcome, Patient, User
from cohorts.paging import page_by_key
from cohorts.selectors.history import field_changes
from cohorts.selectors.locks import lock_of
from cohorts.selectors.patients import current_outcome, response_of, timeline_of
from cohorts.selectors.queries import queries_of
from cohorts.services.outcomes import OUTCOME_FIELDS, findings
from cohorts.services.patients import CLINICAL_FIELDS, create_patient, update_patient
from cohorts.views.fetching import centres_for_person, fetch_patient
from cohorts.views.merging import merge_of_patient, merge_page


@require_safe
def patient_detail(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """One patient: clinical data, outcome, timeline, and the panels of imaging and modelling."""
    patient = fetch_patient(request, Action.VIEW, cohort_code, patient_code)
    outcome = current_outcome(patient)
    if outcome:
        outcome.patient = patient  # spares a query: the reading asks for the histology
    timeline = timeline_of(patient, outcome=outcome)
    context = {
        "cohort": patient.cohort,
        "patient": patient,
        "actions": actions_in(request.user, patient.cohort),
        "outcome": outcome,
        "response": response_of(outcome, patient.cohort) if outcome else None,
        "findings": (*_of_record(patient, outcome, timeline), *check_stage(patient.clinical_tnm)),
        "timeline": timeline,
        "lock": lock_of(patient),
        "queries": queries_of(patient),
        "field_marks": True,
    }
    return render(request, "cohorts/patient_detail.html", context)


def _of_record(patient: Patient, outcome: PathologyOutcome | None, timeline: Timeline) -> tuple[Finding, ...]:
    return findings(outcome, patient.cohort) if outcome else check_timeline(timeline)


@require_http_methods(["GET", "POST"])
def patient_create(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Enter a new patient."""
    cohort = fetch(Cohort, request.user, Action.EDIT_PATIENT, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = NewPatientForm(request.POST or None, cohort=cohort, centres=centres_for_person(request, cohort))
    if form.is_valid():
        values = form.values()
        code, centre = form.cleaned_data["code"], values.pop("centre")
        try:
            return redirect(create_patient(cohort, code=code, centre=centre, actor=request.user, clinical=values))
        except ContradictoryOutcome as error:
            form.add_findings(error.findings)
        except ServiceError as error:
            form.add_error(None, error.message)
    return render(request, "cohorts/patient_form.html", {"cohort": cohort, "form": form, "patient": None})


@require_http_methods(["GET", "POST"])
def patient_edit(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Change a patient's clinical data; a contradiction is shown at its field, a second person's change is merged."""
    patient = fetch_patient(request, Action.EDIT_PATIENT, cohort_code, patient_code)
    form = PatientForm(request.POST or None, instance=patient, centres=centres_for_person(request, patient.cohort))
    if form.is_valid():
        try:
            return _store(request, patient, form)
        except ContradictoryOutcome as error:
            form.add_findings(error.findings)
        except ServiceError as error:
            if error.code == "outdated":
                merge = merge_of_patient(patient, form, opened=form.cleaned_data["base_revision"])
                return merge_page(request, merge)
            form.add_error(None, error.message)
    context = {
        "cohort": patient.cohort,
        "form": form,
        "patient": patient,
        "actions": actions_in(request.user, patient.cohort),
        "lock": lock_of(patient),
        "queries": queries_of(patient),
        "field_marks": True,
    }
    return render(request, "cohorts/patient_form.html", context)


def _store(request: HttpRequest, patient: Patient, form: PatientForm) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    update_patient(
        patient,
        values=form.values(),
        actor=request.user,
        reason=form.cleaned_data["reason"],
        base_revision=form.cleaned_data["base_revision"],
    )
    messages.success(request, _("Clinical data of %(patient)s saved.") % {"patient": patient.code})
    return redirect(patient)


@require_POST
def patient_derive(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Write at the fields what the rules of dates and stage think of what is typed, and below what has no field here."""
    patient = fetch_patient(request, Action.EDIT_PATIENT, cohort_code, patient_code)
    form = PatientForm(request.POST, instance=patient, centres=centres_for_person(request, patient.cohort))
    form.is_valid()
    for name in ("first_dose_on", "last_dose_on"):
        setattr(patient, name, form.cleaned_data.get(name))
    found = (*check_timeline(timeline_of(patient)), *check_stage(patient.clinical_tnm))
    elsewhere = [finding for finding in found if finding.field not in form.fields]
    return render(request, "cohorts/_patient_derived.html", {"findings": elsewhere, "places": form.said_at(found)})


@require_safe
def patient_history(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Who changed what, when and why."""
    patient = fetch_patient(request, Action.VIEW, cohort_code, patient_code)
    entries = patient.audit_entries.select_related("actor", "patient")
    page = page_by_key(entries, keys=("-pk",), after=request.GET.get("after", ""), size=50)
    return render(request, "cohorts/history.html", {"cohort": patient.cohort, "patient": patient, "page": page})


@require_safe
def field_history(request: HttpRequest, cohort_code: str, patient_code: str, field: str) -> HttpResponse:
    """Who changed one field from what to what, when and why: a page, or its part that a dialog shows."""
    patient = fetch_patient(request, Action.VIEW, cohort_code, patient_code)
    if field not in {*CLINICAL_FIELDS, *OUTCOME_FIELDS}:
        raise Http404
    is_part = request.headers.get("X-Requested-With") == "dialog"
    template = "cohorts/_field_changes.html" if is_part else "cohorts/field_history.html"
    context = {"cohort": patient.cohort, "patient": patient, "field": field, "changes": field_changes(patient, field)}
    return render(request, template, context)
