"""Cohorts: list, page, patients, history, creation."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from cohorts.access import Action, actions_in, fetch, visible
from cohorts.charts import cohort_charts
from cohorts.forms.cohort import CohortForm
from cohorts.forms.patient import PatientFilterForm
from cohorts.models import AuditEntry, Cohort
from cohorts.selectors.patients import patients_for_list
from cohorts.selectors.summary import cohorts_for_list, summarise
from cohorts.services.cohorts import create_cohort

PATIENTS_PER_PAGE = 50


@require_safe
def cohort_list(request: HttpRequest) -> HttpResponse:
    """The cohorts that a person may see, with counts."""
    cohorts = [(cohort, summarise(cohort, request.user).total) for cohort in cohorts_for_list(request.user)]
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
def cohort_detail(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """One cohort: counts, charts, patients, and the panels of imaging and modelling."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    summary = summarise(cohort, request.user)
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "summary": summary,
        "charts": cohort_charts(summary, threshold_percent=float(cohort.mpr_threshold_percent)),
    }
    return render(request, "cohorts/cohort_detail.html", context)


@require_safe
@vary_on_headers("HX-Request")  # the same address gives a page or its rows
def patient_table(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The patients of a cohort: searched, filtered by centre, in pages."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    filters = PatientFilterForm(request.GET)
    chosen = filters.cleaned_data if filters.is_valid() else {"q": "", "centre": ""}
    patients = patients_for_list(cohort, request.user, search=chosen["q"], centre=chosen["centre"])
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "page": Paginator(patients, PATIENTS_PER_PAGE).get_page(request.GET.get("page")),
        "chosen": chosen,
        "centres": cohort.centres.all(),
    }
    template = "cohorts/_patient_rows.html" if request.htmx else "cohorts/patient_list.html"  # type: ignore[attr-defined]
    return render(request, template, context)


@require_safe
def history(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """What was done in a cohort, newest first."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    entries = visible(AuditEntry.objects.filter(cohort=cohort), request.user).select_related("actor", "patient")
    page = Paginator(entries, PATIENTS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "cohorts/history.html", {"cohort": cohort, "page": page})
