"""What a correction of a pathology reading means for the models that learnt from it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.models import Patient
from cohorts.selectors.patients import current_outcome
from modeling.selectors import runs_on_outcome


@require_safe
def outcome_use(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Say which training runs used the current reading (rule E11); nothing if none did."""
    patients = Patient.objects.select_related("cohort")
    patient = fetch(patients, request.user, Action.ENTER_OUTCOME, cohort__code=cohort_code, code=patient_code)
    outcome = current_outcome(patient)
    context = {
        "cohort": patient.cohort,
        "outcome": outcome,
        "runs": list(runs_on_outcome(outcome)) if outcome else [],
        "actions": actions_in(request.user, patient.cohort),
    }
    return render(request, "modeling/_outcome_use.html", context)
