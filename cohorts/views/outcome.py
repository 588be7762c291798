"""Entering pathology, by form and by table."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.access import Action, fetch, visible
from cohorts.core.errors import CohortError, ContradictoryOutcome
from cohorts.forms.outcome import OutcomeFileForm, OutcomeForm
from cohorts.models import Cohort, PathologyOutcome, Patient, User
from cohorts.selectors.patients import current_outcome, response_of
from cohorts.services.outcome_import import COLUMNS, commit_outcomes, plan_outcomes
from cohorts.services.outcomes import enter_outcome, findings
from cohorts.views.patient import fetch_patient

_SESSION_KEY = "outcome_table"


@require_http_methods(["GET", "POST"])
def outcome_edit(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Enter or correct a reading; a contradiction is refused at its field."""
    patient = fetch_patient(request, Action.ENTER_OUTCOME, cohort_code, patient_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    current = current_outcome(patient)
    form = OutcomeForm(request.POST or None, instance=current, is_correction=current is not None)
    if form.is_valid():
        try:
            reason = form.cleaned_data.get("reason", "")
            outcome = enter_outcome(patient, values=form.values(), actor=request.user, reason=reason)
        except ContradictoryOutcome as error:
            form.add_findings(error.findings)
        else:
            response = response_of(outcome, patient.cohort)
            messages.success(request, f"Pathology of {patient.code} saved: {'MPR' if response.mpr else 'no MPR'}.")
            return redirect(patient)
    context = {"cohort": patient.cohort, "patient": patient, "form": form, "current": current}
    return render(request, "cohorts/outcome_form.html", context)


@require_POST
def outcome_derive(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Show MPR, pCR and every finding of what is typed so far; nothing is written."""
    patient = fetch_patient(request, Action.ENTER_OUTCOME, cohort_code, patient_code)
    form = OutcomeForm(request.POST, instance=PathologyOutcome(patient=patient), is_correction=False)
    context: dict[str, object] = {"cohort": patient.cohort, "patient": patient, "response": None, "findings": ()}
    if form.is_valid():
        typed = PathologyOutcome(patient=patient, **form.values())
        found = findings(typed, patient.cohort)
        context["findings"] = found
        if not any(finding.is_error for finding in found):
            context["response"] = response_of(typed, patient.cohort)
    return render(request, "cohorts/_outcome_derived.html", context)


@require_http_methods(["GET", "POST"])
def outcome_import(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Check a table of outcomes: what is new, changed and refused. Nothing is written."""
    cohort = fetch(Cohort, request.user, Action.ENTER_OUTCOME, code=cohort_code)
    form = OutcomeFileForm(request.POST or None, request.FILES or None)
    plan = None
    if form.is_valid():
        content = form.cleaned_data["file"].read()
        try:
            plan = plan_outcomes(cohort, content, patients=_patients(request, cohort))
        except CohortError as error:
            form.add_error("file", error.message)
        else:
            request.session[_SESSION_KEY] = content.decode("utf-8-sig")
    context = {"cohort": cohort, "form": form, "plan": plan, "columns": COLUMNS}
    return render(request, "cohorts/outcome_import.html", context)


@require_POST
def outcome_import_commit(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Write the table that was just checked."""
    cohort = fetch(Cohort, request.user, Action.ENTER_OUTCOME, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    content = request.session.pop(_SESSION_KEY, None)
    if content is None:
        messages.error(request, "There is no checked table to write. Choose the file again.")
        return redirect("cohorts:outcome-import", cohort_code)
    plan = plan_outcomes(cohort, content.encode(), patients=_patients(request, cohort))
    written = commit_outcomes(plan, actor=request.user)
    messages.success(request, f"Readings written: {written}. Refused: {len(plan.refused)}.")
    return redirect(cohort)


def _patients(request: HttpRequest, cohort: Cohort) -> dict[str, Patient]:
    found = visible(Patient.objects.filter(cohort=cohort), request.user).select_related("cohort", "centre")
    return {patient.code: patient for patient in found}
