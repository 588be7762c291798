"""Cohorts: list, page, patients, history, creation."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from cohorts.access import Action, fetch, granted, memberships_of, visible
from cohorts.charts import cohort_charts
from cohorts.forms.cohort import CohortForm
from cohorts.models import AuditEntry, Cohort
from cohorts.paging import page_by_key
from cohorts.selectors.patients import patients_for_list
from cohorts.selectors.summary import cohorts_for_list, summary_of, totals
from cohorts.services.cohorts import create_cohort
from cohorts.views.filtered import filtered

PATIENTS_PER_PAGE = 50


@require_safe
def cohort_list(request: HttpRequest) -> HttpResponse:
    """The cohorts that a person may see, with counts."""
    counts = totals(request.user)
    roles = {one.cohort_id: granted(one) for one in memberships_of(request.user)}
    cohorts = [(cohort, counts.get(cohort.pk), roles[cohort.pk]) for cohort in cohorts_for_list(request.user)]
    context = {"cohorts": cohorts, "may_create": request.user.has_perm("cohorts.add_cohort")}
    return render(request, "cohorts/cohort_list.html", context)


@require_http_methods(["GET", "POST"])
def cohort_create(request: HttpRequest) -> HttpResponse:
    """Make a cohort; only for people whom the installation trusts with it."""
    if not request.user.has_perm("cohorts.add_cohort"):
        raise PermissionDenied
    form = CohortForm(request.POST or None)
    if form.is_valid():
        values = form.cleaned_data
        cohort = create_cohort(values.pop("code"), actor=request.user, **values)  # type: ignore[arg-type]
        return redirect(cohort)
    return render(request, "cohorts/cohort_form.html", {"form": form})


@require_safe
@vary_on_headers("HX-Request")  # the same address gives a page or its part
def cohort_detail(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """One cohort: counts, charts, and the panels of participants, imaging and modelling."""
    found = filtered(request, cohort_code)
    summary = summary_of(found.patients, found.cohort)
    context = {
        "summary": summary,
        "count": summary.total.patients,
        "charts": cohort_charts(summary, threshold_percent=float(found.cohort.mpr_threshold_percent)),
    }
    return found.answer(request, context, page="cohorts/cohort_detail.html", part="cohorts/_cohort_body.html")


@require_safe
@vary_on_headers("HX-Request")
def patient_table(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The patients of a cohort: filtered, in pages."""
    found = filtered(request, cohort_code)
    patients = patients_for_list(found.patients)
    after = request.GET.get("after", "")
    context = {
        "page": page_by_key(patients, keys=("code",), after=after, size=PATIENTS_PER_PAGE),
        "count": found.patients.count(),
    }
    return found.answer(request, context, page="cohorts/patient_list.html", part="cohorts/_patient_rows.html")


@require_safe
def history(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """What was done in a cohort, newest first."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    entries = visible(AuditEntry.objects.filter(cohort=cohort), request.user).select_related("actor", "patient")
    # Entries are only ever added, so their numbers run with time; and there is an index on them.
    page = page_by_key(entries, keys=("-pk",), after=request.GET.get("after", ""), size=PATIENTS_PER_PAGE)
    return render(request, "cohorts/history.html", {"cohort": cohort, "page": page})
