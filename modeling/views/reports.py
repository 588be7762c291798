"""Reports of a run: write them, read them, take them away."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_POST, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import ServiceError
from cohorts.models import User
from imaging import storage
from modeling.models import Report, TrainingRun
from modeling.services.reports.page import body_of
from modeling.services.reports.writing import enqueue_reports

_TYPES = {"pdf": "application/pdf", "html": "text/html; charset=utf-8"}


@require_POST
def write(request: HttpRequest, cohort_code: str, number: int) -> HttpResponse:
    """Queue all reports of a run."""
    runs = TrainingRun.objects.select_related("cohort")
    run = fetch(runs, request.user, Action.EXPORT, cohort__code=cohort_code, number=number)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        return redirect(enqueue_reports(run, user=request.user))
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect(run)


@require_safe
def detail(request: HttpRequest, cohort_code: str, pk: int) -> HttpResponse:
    """One report, as it was written."""
    report = _fetch(request, cohort_code, pk)
    page = storage.get(report.html_sha256).decode()
    context = {
        "cohort": report.cohort,
        "actions": actions_in(request.user, report.cohort),
        "report": report,
        "body": mark_safe(body_of(page)),  # noqa: S308 - our templates wrote and escaped it, and its digest was checked
    }
    return render(request, "modeling/report.html", context)


@require_safe
def download(request: HttpRequest, cohort_code: str, pk: int) -> HttpResponse:
    """One report as a file, PDF or HTML; never shown as a page of this site."""
    report = _fetch(request, cohort_code, pk)
    form = request.GET.get("format", "pdf")
    if form not in _TYPES:
        raise Http404
    content = storage.get(report.pdf_sha256 if form == "pdf" else report.html_sha256)
    response = HttpResponse(content, content_type=_TYPES[form])
    name = f"{report.cohort.code}-run-{report.run.number}-{report.kind}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _fetch(request: HttpRequest, cohort_code: str, pk: int) -> Report:
    reports = Report.objects.select_related("cohort", "run", "created_by")
    return fetch(reports, request.user, Action.VIEW_PREDICTIONS, cohort__code=cohort_code, pk=pk)
