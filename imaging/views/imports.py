"""Importing images and asking for extraction."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.access import Action, actions_in, fetch, membership_in, visible
from cohorts.errors import ServiceError
from cohorts.forms.fields import centres_for
from cohorts.models import Cohort, Job, Timepoint, User
from cohorts.services.patients import mark_not_evaluable
from imaging.forms.imports import ImportForm, NotEvaluableForm
from imaging.services import registration
from imaging.services.extraction import enqueue_missing
from imaging.services.ingest import enqueue_import
from imaging.services.protocols import DEFAULT_PROTOCOL
from imaging.services.resumable import open_uploads
from imaging.services.uploads import keep


@require_http_methods(["GET", "POST"])
def import_images(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Upload images and masks; the import runs in the background."""
    cohort = fetch(Cohort, request.user, Action.IMPORT_IMAGES, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    member = membership_in(request.user, cohort)
    own_centre = member.centre if member else None
    form = ImportForm(request.POST or None, request.FILES or None, centres=centres_for(cohort, own_centre))
    if form.is_valid():
        try:
            folder = keep(form.cleaned_data["files"])
        except ServiceError as error:
            form.add_error("files", error.message)
        else:
            options = form.options()
            return redirect(
                enqueue_import(cohort, path=folder, options=options, user=request.user, centre=own_centre)
            )
    recent = visible(
        Job.objects.filter(cohort=cohort, kind__in=[Job.Kind.IMPORT, Job.Kind.IMPORT_BATCH]), request.user
    )
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "form": form,
        "recent": recent.filter(parent=None)[:5],
        "uploads": open_uploads(cohort, request.user),
    }
    return render(request, "imaging/import_form.html", context)


@require_POST
def extract(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Queue the extraction of what is missing."""
    cohort = fetch(Cohort, request.user, Action.RUN_EXTRACTION, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        batch = enqueue_missing(cohort, protocol_name=DEFAULT_PROTOCOL, user=request.user)
        registering = registration.enqueue_missing(cohort, user=request.user)
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect(cohort)
    queued = batch or registering
    if queued is None:
        messages.info(request, _("Every image with a tumour mask is extracted already."))
        return redirect(cohort)
    return redirect(queued)


@require_POST
def not_evaluable(request: HttpRequest, cohort_code: str, patient_code: str, kind: str) -> HttpResponse:
    """State that a timepoint cannot be evaluated, and why."""
    timepoints = Timepoint.objects.select_related("patient__cohort", "patient__centre")
    timepoint = fetch(
        timepoints,
        request.user,
        Action.EDIT_PATIENT,
        patient__cohort__code=cohort_code,
        patient__code=patient_code,
        kind=kind,
    )
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = NotEvaluableForm(request.POST)
    if form.is_valid():
        mark_not_evaluable(timepoint, note=form.cleaned_data["note"], actor=request.user)
    else:
        messages.error(request, _("Say why the timepoint cannot be evaluated."))
    return redirect(timepoint.patient)
