"""Watching, cancelling and retrying background work."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from cohorts import jobs
from cohorts.access import Action, actions_in, fetch
from cohorts.models import Cohort, Job
from cohorts.selectors.jobs import job_cases, jobs_for_list

#: What a person must be allowed to do in order to stop or repeat a kind of work.
CONTROLS = {
    Job.Kind.IMPORT: Action.IMPORT_IMAGES,
    Job.Kind.IMPORT_BATCH: Action.IMPORT_IMAGES,
    Job.Kind.EXTRACTION: Action.RUN_EXTRACTION,
    Job.Kind.EXTRACTION_BATCH: Action.RUN_EXTRACTION,
    Job.Kind.REGISTRATION: Action.RUN_EXTRACTION,
    Job.Kind.REGISTRATION_BATCH: Action.RUN_EXTRACTION,
    Job.Kind.STABILITY: Action.RUN_EXTRACTION,
    Job.Kind.TRAINING: Action.TRAIN,
    Job.Kind.PREDICTION: Action.TRAIN,
    Job.Kind.ANALYSIS: Action.TRAIN,
    Job.Kind.REPORT: Action.EXPORT,
}


@require_safe
def job_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The work of a cohort, newest first."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    page = Paginator(jobs_for_list(cohort, request.user), 30).get_page(request.GET.get("page"))
    return render(request, "cohorts/job_list.html", {"cohort": cohort, "page": page})


def _context(request: HttpRequest, job: Job) -> dict[str, object]:
    may_control = CONTROLS[Job.Kind(job.kind)] in actions_in(request.user, job.cohort)
    cases = Paginator(job_cases(job), 50).get_page(request.GET.get("page"))
    return {"cohort": job.cohort, "job": job, "cases": cases, "may_control": may_control}


@require_safe
def job_detail(request: HttpRequest, reference: str) -> HttpResponse:
    """One job: progress, result, cases, errors in words."""
    job = fetch(Job.objects.select_related("cohort", "patient"), request.user, Action.VIEW, reference=reference)
    return render(request, "cohorts/job_detail.html", _context(request, job))


@require_safe
def job_progress(request: HttpRequest, reference: str) -> HttpResponse:
    """The part of the job page that refreshes itself until the job is over."""
    job = fetch(Job.objects.select_related("cohort", "patient"), request.user, Action.VIEW, reference=reference)
    return render(request, "cohorts/_job_progress.html", _context(request, job))


def _controlled(request: HttpRequest, reference: str) -> Job:
    job = fetch(Job.objects.select_related("cohort"), request.user, Action.VIEW, reference=reference)
    return fetch(Job, request.user, CONTROLS[Job.Kind(job.kind)], pk=job.pk)


@require_POST
def job_cancel(request: HttpRequest, reference: str) -> HttpResponse:
    """Stop a job."""
    job = _controlled(request, reference)
    stopped = jobs.cancel(job)
    messages.info(request, "Cancelled." if stopped else "It was over already.")
    return redirect(job)


@require_POST
def job_retry(request: HttpRequest, reference: str) -> HttpResponse:
    """Repeat what failed."""
    job = _controlled(request, reference)
    count = jobs.retry(job)
    messages.info(request, f"{count} queued again." if count else "Nothing here can be repeated.")
    return redirect(job)
