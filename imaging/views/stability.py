"""How stable the features of a cohort are, as a page and as a file, and asking for what is not measured yet."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cohorts.access import Action, Person, actions_in, fetch, visible
from cohorts.errors import ServiceError
from cohorts.models import Cohort, Job, User
from cohorts.selectors.jobs import active_job
from imaging.core.errors import TooFewCases
from imaging.core.perturb import PERTURBATIONS
from imaging.core.reliability import RECOMMENDED_CASES, STABLE_FROM, Reliability
from imaging.forms.stability import StabilityFilter, StabilityForm
from imaging.selectors import current_segmentations
from imaging.services.protocols import protocol_named
from imaging.services.stability import enqueue_stability, reliability
from imaging.services.stability_tables import as_csv, family_rows, stability_rows

_ROWS_PER_PAGE = 50


def _found(cohort: Cohort, user: Person, chosen: dict[str, Any]) -> Reliability | None:
    """Compute agreement over the scans that a person may see; None where too few are measured."""
    scans = visible(current_segmentations(cohort), user)
    if chosen["timepoint"]:
        scans = scans.filter(timepoint__kind=chosen["timepoint"])
    try:
        return reliability(scans, protocol_named(chosen["protocol"]))
    except TooFewCases:
        return None


@require_safe
def stability(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """ICC(2,1) of every feature with its interval, and of the families together."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    chosen = StabilityFilter(request.GET).chosen()
    found = _found(cohort, request.user, chosen)
    every = stability_rows(found) if found else []
    shown = [row for row in every if not chosen["family"] or row.family == chosen["family"]]
    if column := chosen["sort"]:
        shown.sort(key=lambda row: (getattr(row, column) is None, getattr(row, column)))
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "chosen": chosen,
        "filters": StabilityFilter(initial=chosen),
        "form": StabilityForm(auto_id="measure_%s"),
        "found": found,
        "families": family_rows(every),
        "page": Paginator(shown, _ROWS_PER_PAGE).get_page(request.GET.get("page")),
        "cases": int(found.cases.max(initial=0)) if found else 0,
        "active_job": active_job(cohort, Job.Kind.STABILITY),
        "perturbations": PERTURBATIONS,
        "threshold": STABLE_FROM,
        "recommended": RECOMMENDED_CASES,
    }
    return render(request, "imaging/stability.html", context)


@require_safe
def stability_table(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Give the table of the page as CSV; only its header where too few scans are measured."""
    cohort = fetch(Cohort, request.user, Action.EXPORT, code=cohort_code)
    chosen = StabilityFilter(request.GET).chosen()
    found = _found(cohort, request.user, chosen)
    rows = stability_rows(found, family=chosen["family"]) if found else []
    response = HttpResponse(as_csv(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{cohort.code}-stability.csv"'
    return response


@require_POST
def measure_stability(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Queue the scans that were not measured under perturbation yet."""
    cohort = fetch(Cohort, request.user, Action.RUN_EXTRACTION, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = StabilityForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a protocol, and a number of scans from 1, or none for all."))
        return redirect("imaging:stability", cohort.code)
    values = form.cleaned_data
    try:
        batch = enqueue_stability(cohort, protocol_name=values["protocol"], limit=values["limit"], user=request.user)
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect("imaging:stability", cohort.code)
    if batch is None:
        messages.info(request, _("Every image with a tumour mask is measured already."))
        return redirect("imaging:stability", cohort.code)
    return redirect(batch)
