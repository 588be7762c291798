"""Taking back a mask, a scan or a whole import: first what goes, then the reason."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cohorts.access import Action, fetch
from cohorts.errors import ServiceError
from cohorts.models import Cohort, Job, User
from imaging.forms.take_back import TakeBackForm
from imaging.models import ImageSeries, Segmentation
from imaging.services import take_back
from imaging.services.take_back import Import
from imaging.wording import counted

_OF_TIMEPOINT = ("timepoint__patient__cohort", "timepoint__patient__centre")


@require_http_methods(["GET", "POST"])
def take_back_scan(request: HttpRequest, series_pk: int) -> HttpResponse:
    """Take one scan back, with every mask on it."""
    series = fetch(ImageSeries.objects.select_related(*_OF_TIMEPOINT), request.user, Action.TAKE_BACK, pk=series_pk)
    patient = series.timepoint.patient
    title = _("Take back the scan of %(timepoint)s") % {"timepoint": series.timepoint}
    return _page(request, take_back.of_series(series), patient.cohort, title, patient.get_absolute_url())


@require_http_methods(["GET", "POST"])
def take_back_mask(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one mask back; its scan stays."""
    mask = fetch(Segmentation.objects.select_related(*_OF_TIMEPOINT), request.user, Action.TAKE_BACK, pk=pk)
    patient = mask.timepoint.patient
    words = {"version": mask.version, "name": mask.name, "timepoint": mask.timepoint}
    title = _("Take back version %(version)s (%(name)s) of %(timepoint)s") % words
    return _page(request, take_back.of_mask(mask), patient.cohort, title, patient.get_absolute_url())


@require_http_methods(["GET", "POST"])
def take_back_import(request: HttpRequest, reference: str) -> HttpResponse:
    """Take back all that an import brought."""
    job = fetch(Job.objects.select_related("cohort"), request.user, Action.TAKE_BACK, reference=reference)
    title = _("Take back import %(reference)s") % {"reference": str(job.reference)[:8]}
    return _page(request, take_back.of_job(job), job.cohort, title, job.get_absolute_url())


def _page(request: HttpRequest, taken: Import, cohort: Cohort, title: str, back: str) -> HttpResponse:
    form = TakeBackForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _taken(request, taken, form):
        return redirect(back)
    context = {
        "cohort": cohort,
        "title": title,
        "back": back,
        "form": form,
        "counts": counted(taken.counts),
        "patients": list(taken.patients),
    }
    return render(request, "imaging/take_back.html", context)


def _taken(request: HttpRequest, taken: Import, form: TakeBackForm) -> bool:
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        take_back.take_back(taken, reason=form.cleaned_data["reason"], actor=request.user)
    except ServiceError as error:
        form.add_error(None, error.message)
        return False
    messages.success(request, _("Taken back. Models that learned from it are marked as stale."))
    return True
