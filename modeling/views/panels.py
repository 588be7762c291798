"""Modelling's part of the cohort page and of the patient page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.models import Cohort, Job, Patient, Timepoint
from cohorts.selectors.jobs import active_job
from imaging.charts import HABITAT_COLOURS
from modeling.charts import auc_chart, contribution_chart
from modeling.models import Evaluation
from modeling.selectors import (
    SimilarPatient,
    current_predictions,
    latest_run,
    pooled,
    predictions_of,
    similar_patients,
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


@require_safe
def patient_panel(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """What the models in use say of a patient, why, and what they said before."""
    patients = Patient.objects.select_related("cohort", "centre")
    patient = fetch(patients, request.user, Action.VIEW, cohort__code=cohort_code, code=patient_code)
    actions = actions_in(request.user, patient.cohort)
    context = {"cohort": patient.cohort, "patient": patient, "actions": actions}
    if Action.VIEW_PREDICTIONS not in actions:
        return render(request, "modeling/_patient_panel.html", {**context, "hidden": True})
    history = predictions_of(patient)
    current = current_predictions(history)
    context |= {
        "hidden": False,
        "prediction": current[0] if current else None,
        "others": current[1:],
        "history": history,
        "reason": "" if current else _why_none(patient),
        "chart": contribution_chart(current[0]) if current else None,
        "similar": [_similar_row(one) for one in similar_patients(current[0], request.user)] if current else [],
    }
    return render(request, "modeling/_patient_panel.html", context)


def _similar_row(similar: SimilarPatient) -> dict[str, Any]:
    """Give a similar patient with the composition of the tumour before and after treatment, where it is stored."""
    composition = [
        [
            {"name": f"Habitat {number}", "colour": HABITAT_COLOURS[number - 1], "percent": 100 * fraction}
            for number, fraction in enumerate(similar.maps[kind].fractions, start=1)
        ]
        if kind in similar.maps
        else []
        for kind in (Timepoint.Kind.PRE, Timepoint.Kind.POST)
    ]
    return {"similar": similar, "composition": composition}


def _why_none(patient: Patient) -> str:
    if latest_run(patient.cohort) is None:
        return "No model is trained in this cohort yet."
    return "A prediction needs extracted features of an evaluable CT before and after treatment."
