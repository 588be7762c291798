"""Electronic signatures: locking a record or a cohort, and opening it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import ServiceError
from cohorts.forms.lock import SignatureForm, UnlockForm
from cohorts.models import Cohort, Patient, User
from cohorts.selectors.locks import (
    cohort_lock_of,
    is_as_signed,
    lock_of,
    lock_progress,
    locks_for_list,
    locks_on,
    signed_rows,
)
from cohorts.selectors.patients import current_outcome
from cohorts.selectors.queries import queries_of
from cohorts.services.locks import lock_cohort, lock_record, unlock

_Act = Callable[[User, Mapping[str, Any]], object]
#: Refusals that are about the password; all others are about the record.
_OF_PASSWORD = {"wrong_password", "too_many_attempts"}


@require_http_methods(["GET", "POST"])
def record_lock(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Show whether a record is locked and what was signed; sign and lock it."""
    patient = _patient(request, Action.LOCK if request.method == "POST" else Action.VIEW, cohort_code, patient_code)
    form = SignatureForm(request.POST or None)
    if form.is_valid() and _signed(
        request, form, lambda person, values: lock_record(patient, actor=person, **values)
    ):
        messages.success(request, _("The record of %(code)s is signed and locked.") % {"code": patient.code})
        return redirect("cohorts:lock", cohort_code, patient_code)
    return _record_page(request, patient, form, UnlockForm())


@require_http_methods(["GET", "POST"])
def record_unlock(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Open the lock of a record, for a reason."""
    patient = _patient(request, Action.LOCK, cohort_code, patient_code)
    lock, form = lock_of(patient), UnlockForm(request.POST or None)
    if request.method == "POST" and (lock is None or lock.patient is None):
        messages.error(request, _("The record is not locked by itself."))
        return redirect("cohorts:lock", cohort_code, patient_code)
    if (
        lock
        and form.is_valid()
        and _signed(request, form, lambda person, values: unlock(lock, actor=person, **values))
    ):
        messages.success(request, _("The record of %(code)s is open again.") % {"code": patient.code})
        return redirect("cohorts:lock", cohort_code, patient_code)
    return _record_page(request, patient, SignatureForm(), form)


@require_http_methods(["GET", "POST"])
def cohort_lock(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Show the locks of a cohort; sign and lock all of it."""
    cohort = _whole_cohort(request, cohort_code)
    form = SignatureForm(request.POST or None)
    if form.is_valid() and _signed(request, form, lambda person, values: lock_cohort(cohort, actor=person, **values)):
        messages.success(request, _("The whole cohort is signed and locked."))
        return redirect("cohorts:cohort-lock", cohort_code)
    return _cohort_page(request, cohort, form, UnlockForm())


@require_http_methods(["GET", "POST"])
def cohort_unlock(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Open the lock of a cohort, for a reason; records that are locked by themselves stay so."""
    cohort = _whole_cohort(request, cohort_code)
    lock, form = cohort_lock_of(cohort), UnlockForm(request.POST or None)
    if request.method == "POST" and lock is None:
        messages.error(request, _("The cohort is not locked."))
        return redirect("cohorts:cohort-lock", cohort_code)
    if (
        lock
        and form.is_valid()
        and _signed(request, form, lambda person, values: unlock(lock, actor=person, **values))
    ):
        messages.success(request, _("The cohort is open again."))
        return redirect("cohorts:cohort-lock", cohort_code)
    return _cohort_page(request, cohort, SignatureForm(), form)


def _patient(request: HttpRequest, action: Action, cohort_code: str, patient_code: str) -> Patient:
    patients = Patient.objects.select_related("cohort", "centre")
    return fetch(patients, request.user, action, cohort__code=cohort_code, code=patient_code)


def _whole_cohort(request: HttpRequest, cohort_code: str) -> Cohort:
    """Give a cohort of which the person answers for every centre."""
    return fetch(Cohort, request.user, Action.LOCK_COHORT, code=cohort_code)


def _signed(request: HttpRequest, form: forms.Form, act: _Act) -> bool:
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        act(request.user, form.cleaned_data)
    except ServiceError as error:
        form.add_error("password" if error.code in _OF_PASSWORD else None, error.message)
        return False
    return True


def _record_page(
    request: HttpRequest, patient: Patient, form: SignatureForm, unlock_form: UnlockForm
) -> HttpResponse:
    lock = lock_of(patient)
    context = {
        "cohort": patient.cohort,
        "patient": patient,
        "actions": actions_in(request.user, patient.cohort),
        "lock": lock,
        "is_as_signed": lock and is_as_signed(lock),
        "locks": locks_on(patient),
        "values": signed_rows(patient, current_outcome(patient)),
        "waiting": [query for query in queries_of(patient) if query.state != query.State.CLOSED],
        "form": form,
        "unlock_form": unlock_form,
    }
    return render(request, "cohorts/lock_record.html", context)


def _cohort_page(request: HttpRequest, cohort: Cohort, form: SignatureForm, unlock_form: UnlockForm) -> HttpResponse:
    lock = cohort_lock_of(cohort)
    context = {
        "cohort": cohort,
        "lock": lock,
        "is_as_signed": lock and is_as_signed(lock),
        "locks": locks_for_list(cohort, request.user)[:50],
        "progress": lock_progress(cohort),
        "form": form,
        "unlock_form": unlock_form,
    }
    return render(request, "cohorts/lock_cohort.html", context)
