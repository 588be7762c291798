"""Imaging's part of the cohort page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.models import Cohort
from cohorts.selectors.filters import PatientFilters
from cohorts.selectors.summary import patients_shown
from imaging.charts.cohort import change_chart, composition_chart
from imaging.selectors import shown_habitat_model
from imaging.services.cohort_images import composition_rows, coverage_of, scanner_rows, volumes_of


@require_safe
def cohort_panel(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Coverage, scanners, volumes and habitats of the patients that the address asks for."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    filters = PatientFilters.from_query(request.GET)
    patients = patients_shown(cohort, request.user, filters)
    volumes = volumes_of(patients, cohort)
    model = shown_habitat_model(cohort)
    charts = [change_chart(volumes)]
    if model:
        charts.append(composition_chart(composition_rows(patients, cohort, model)))
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "query": filters.query_string(),
        "coverage": coverage_of(patients),
        "charts": [chart for chart in charts if chart.rows],
        "volumes": volumes,
        "scanners": scanner_rows(patients),
    }
    return render(request, "imaging/_cohort_panel.html", context)
