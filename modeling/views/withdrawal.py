"""Removing a patient who withdrew consent."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cohorts.access import Action, fetch
from cohorts.errors import ServiceError
from cohorts.models import Patient, User
from cohorts.selectors.locks import lock_of
from imaging.services.removal import counts_of
from imaging.wording import counted
from modeling.forms import WithdrawalForm
from modeling.services.withdrawal import records_of, tables_with, withdraw


@require_http_methods(["GET", "POST"])
def withdraw_patient(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Show what goes with a patient; remove it once the code is typed."""
    patients = Patient.objects.select_related("cohort", "centre")
    patient = fetch(patients, request.user, Action.WITHDRAW, cohort__code=cohort_code, code=patient_code)
    form = WithdrawalForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _removed(request, patient, form):
        return redirect("cohorts:patients", cohort_code)
    context = {
        "cohort": patient.cohort,
        "patient": patient,
        "lock": lock_of(patient),
        "form": form,
        "counts": counted(counts_of(records_of(patient))),
        "tables": len(tables_with(patient)),
    }
    return render(request, "modeling/withdraw.html", context)


def _removed(request: HttpRequest, patient: Patient, form: WithdrawalForm) -> bool:
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        withdraw(patient, actor=request.user, **form.cleaned_data)
    except ServiceError as error:
        form.add_error("code" if error.code == "code_mistyped" else None, error.message)
        return False
    messages.success(request, _("The patient and everything that was theirs are removed."))
    return True
