"""Entering pathology by form: derived while it is typed, kept as a draft, stored as a version."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.access import Action, actions_in
from cohorts.core.errors import ContradictoryOutcome, Finding
from cohorts.core.timeline import check_timeline
from cohorts.errors import ServiceError
from cohorts.forms.outcome import OutcomeForm
from cohorts.models import OutcomeDraft, PathologyOutcome, Patient, User
from cohorts.selectors.drafts import draft_of
from cohorts.selectors.locks import lock_of
from cohorts.selectors.patients import current_outcome, response_of, timeline_of
from cohorts.selectors.queries import queries_of
from cohorts.services.drafts import discard_draft, save_draft
from cohorts.services.outcomes import enter_outcome, findings, with_totals
from cohorts.views.fetching import fetch_patient
from cohorts.views.merging import merge_of_outcome, merge_page


@require_http_methods(["GET", "POST"])
def outcome_edit(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Enter or correct a reading; a contradiction is refused at its field, a second person's change is merged."""
    patient = fetch_patient(request, Action.ENTER_OUTCOME, cohort_code, patient_code)
    current = current_outcome(patient)
    draft = None if request.method == "POST" else draft_of(patient, request.user)
    form = _form(request, current, draft)
    if form.is_valid():
        try:
            return _store(request, patient, form)
        except ContradictoryOutcome as error:
            form.add_findings(error.findings)
        except ServiceError as error:
            if error.code == "outdated":
                merge = merge_of_outcome(patient, form, opened=form.cleaned_data["base_version"])
                return merge_page(request, merge)
            form.add_error(None, error.message)
    context = {
        "cohort": patient.cohort,
        "patient": patient,
        "actions": actions_in(request.user, patient.cohort),
        "form": form,
        "version": current.version if current else 0,
        "draft": draft,
        "lock": lock_of(patient),
        "queries": queries_of(patient),
        "field_marks": True,
    }
    if context["lock"] and (stored := current_outcome(patient)):  # nothing can be typed that would show it
        context |= {"typed": stored, "response": response_of(stored, patient.cohort)}
    return render(request, "cohorts/outcome_form.html", context)


def _form(request: HttpRequest, current: PathologyOutcome | None, draft: OutcomeDraft | None) -> OutcomeForm:
    """Give the form as posted, as the draft has it if asked for, or as stored."""
    is_correction = current is not None
    if draft is None or request.GET.get("draft") != "restore":
        return OutcomeForm(request.POST or None, instance=current, is_correction=is_correction)
    typed = {**dict.fromkeys(OutcomeForm.base_fields, ""), **draft.values, "base_version": draft.base_version}
    return OutcomeForm(instance=current, initial=typed, is_correction=is_correction)


def _store(request: HttpRequest, patient: Patient, form: OutcomeForm) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    outcome = enter_outcome(
        patient,
        values=form.values(),
        actor=request.user,
        reason=form.cleaned_data.get("reason", ""),
        base_version=form.cleaned_data["base_version"],
    )
    response = response_of(outcome, patient.cohort)
    words = {"patient": patient.code, "response": _("MPR") if response.mpr else _("no MPR")}
    messages.success(request, _("Pathology of %(patient)s saved: %(response)s.") % words)
    return redirect(patient)


@require_POST
def outcome_derive(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Show MPR, pCR and every finding of what is typed so far, also at its field; nothing is written."""
    patient = fetch_patient(request, Action.ENTER_OUTCOME, cohort_code, patient_code)
    form = OutcomeForm(request.POST, instance=PathologyOutcome(patient=patient), is_correction=False)
    found, typed = _derive(patient, form)
    response = response_of(typed, patient.cohort) if typed else None
    context = {"response": response, "typed": typed, "findings": found, "places": form.said_at(found)}
    return render(request, "cohorts/_outcome_derived.html", context | {"cohort": patient.cohort, "patient": patient})


def _derive(patient: Patient, form: OutcomeForm) -> tuple[tuple[Finding, ...], PathologyOutcome | None]:
    """Give what the rules say, and the reading if none of them refuses it."""
    if not form.is_valid():  # the dates speak before the percentages are typed
        dates = {name: form.cleaned_data.get(name) for name in ("surgery_on", "signed_off_on")}
        return check_timeline(timeline_of(patient, outcome=PathologyOutcome(patient=patient, **dates))), None
    typed = PathologyOutcome(patient=patient, **with_totals(form.values()))
    found = findings(typed, patient.cohort)
    is_refused = any(finding.is_error for finding in found)
    return found, None if is_refused else typed


@require_POST
def outcome_draft(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Keep what is typed until it is saved, or forget it."""
    patient = fetch_patient(request, Action.ENTER_OUTCOME, cohort_code, patient_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    if "discard" in request.POST:
        discard_draft(patient, user=request.user)
        return redirect("cohorts:outcome", cohort_code, patient_code)
    form = OutcomeForm(request.POST, is_correction=True)
    base = request.POST.get("base_version", "")
    base_version = int(base) if base.isdecimal() and len(base) < 9 else 0
    draft = save_draft(patient, user=request.user, base_version=base_version, values=form.as_typed())
    return render(request, "cohorts/_draft_saved.html", {"draft": draft})
