"""Blinded readings: what waits for a reader, one reading, and how well readers agree."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import ServiceError
from cohorts.forms.reading import ReadingForm
from cohorts.models import BlindedReading, Cohort, Patient, User
from cohorts.selectors.readings import own_readings, reading_progress, wanted_reading, wanted_readings
from cohorts.services.readings import submit_reading

#: What was read leaves the list, so what follows comes up.
_SHOWN = 100


@require_safe
def reading_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """What waits for a reader in a cohort, and what they have read."""
    cohort = fetch(Cohort, request.user, Action.READ_BLINDED, code=cohort_code)
    wanted, n_wanted = wanted_readings(cohort, request.user, limit=_SHOWN)
    context = {
        "cohort": cohort,
        "wanted": wanted,
        "n_wanted": n_wanted,
        "given": own_readings(cohort, request.user)[:_SHOWN],
    }
    return render(request, "cohorts/reading_list.html", context)


@require_http_methods(["GET", "POST"])
def reading(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Read one patient: the percentage, then the same page asks to confirm it, then it is stored for good."""
    patients = Patient.objects.select_related("cohort", "centre")
    patient = fetch(patients, request.user, Action.READ_BLINDED, cohort__code=cohort_code, code=patient_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = ReadingForm(request.POST or None, instance=BlindedReading(patient=patient))
    typed = form.cleaned_data if form.is_valid() else None
    if typed and typed["confirmed"]:
        try:
            submit_reading(
                patient, viable_percent=typed["viable_percent"], comment=typed["comment"], reader=request.user
            )
        except ServiceError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, _("Your reading of %(code)s is stored. Thank you.") % {"code": patient.code})
        return redirect("cohorts:readings", cohort_code)
    context = {
        "cohort": patient.cohort,
        "patient": patient,
        "form": form,
        "typed": typed,
        "wanted": wanted_reading(patient, request.user),
    }
    return render(request, "cohorts/reading_form.html", context)


@require_safe
def agreement_panel(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """How far the double reading of a cohort is, and how well its readers agree; a part of the cohort page."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    progress = reading_progress(cohort, request.user) if cohort.double_reading else None
    context = {"cohort": cohort, "progress": progress, "actions": actions_in(request.user, cohort)}
    return render(request, "cohorts/_agreement_panel.html", context)
