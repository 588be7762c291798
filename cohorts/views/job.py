"""Watching, cancelling and retrying background work."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from cohorts import jobs
from cohorts.access import Action, actions_in, fetch
from cohorts.models import Cohort, Job
from cohorts.paging import page_by_key
from cohorts.selectors.jobs import STATES, count_states, job_cases, jobs_for_list, someone_works
from cohorts.workers import start_command

JOBS_PER_PAGE = 30
_STATE_WORDS = {
    "active": gettext_lazy("Under way"),
    "failed": gettext_lazy("Failed"),
    "done": gettext_lazy("Done"),
    "cancelled": gettext_lazy("Cancelled"),
}

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
@vary_on_headers("HX-Request")  # the same address gives a page or its rows
def job_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The work of a cohort, newest first; the rows follow the work while some is under way."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    jobs_seen = jobs_for_list(cohort, request.user)
    state = request.GET.get("state", "")
    chosen = jobs_seen.filter(state__in=STATES[state]) if state in STATES else jobs_seen
    counts = count_states(jobs_seen)
    context = {
        "cohort": cohort,
        "page": page_by_key(chosen, keys=("-pk",), after=request.GET.get("after", ""), size=JOBS_PER_PAGE),
        "state": state if state in STATES else "",
        "counts": [(name, _STATE_WORDS[name], n) for name, n in counts.items()],
        "is_live": bool(counts["active"]),
        "total": sum(counts.values()),
    }
    is_part = bool(request.htmx)  # type: ignore[attr-defined]
    return render(request, "cohorts/_job_rows.html" if is_part else "cohorts/job_list.html", context)


def _context(request: HttpRequest, job: Job) -> dict[str, object]:
    actions = actions_in(request.user, job.cohort)
    may_control = CONTROLS[Job.Kind(job.kind)] in actions
    cases = Paginator(job_cases(job), 50).get_page(request.GET.get("page"))
    context = {"cohort": job.cohort, "job": job, "cases": cases, "actions": actions, "may_control": may_control}
    return context if job.is_over or someone_works() else context | {"start_workers": start_command()}


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
    messages.info(request, _("Cancelled.") if stopped else _("It was over already."))
    return redirect(job)


@require_POST
def job_retry(request: HttpRequest, reference: str) -> HttpResponse:
    """Repeat what failed."""
    job = _controlled(request, reference)
    count = jobs.retry(job)
    again = ngettext("%(n)d queued again.", "%(n)d queued again.", count) % {"n": count}
    messages.info(request, again if count else _("Nothing here can be repeated."))
    return redirect(job)
