"""Modelling's part of the cohort page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.models import Cohort, Job
from cohorts.selectors.jobs import active_job
from modeling.charts import auc_chart
from modeling.models import Evaluation
from modeling.selectors import (
    latest_run,
    pooled,
)


@require_safe
def cohort_panel(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The newest run's models and how they did."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    actions = actions_in(request.user, cohort)
    hidden = Action.VIEW_PREDICTIONS not in actions
    run = None if hidden else latest_run(cohort)
    versions = list(run.model_versions.prefetch_related("evaluations__model_version").order_by("pk")) if run else []
    context = {
        "cohort": cohort,
        "actions": actions,
        "hidden": hidden,
        "run": run,
        "models": [
            {
                "version": version,
                "title": version.title,
                "external": pooled(version, Evaluation.Split.EXTERNAL),
                "internal": pooled(version, Evaluation.Split.INTERNAL_TEST),
            }
            for version in versions
        ],
        "chart": auc_chart([e for version in versions for e in version.evaluations.all()]),
        "active_job": None if hidden else active_job(cohort, Job.Kind.TRAINING),
    }
    return render(request, "modeling/_cohort_panel.html", context)
