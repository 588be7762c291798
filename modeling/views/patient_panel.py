"""Modelling's part of the patient page, and its short form where patients are compared."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.models import Patient, Timepoint
from imaging.charts.colours import HABITAT_COLOURS
from imaging.charts.strip import strip_of
from modeling.charts import contribution_chart
from modeling.models import Prediction
from modeling.selectors import (
    SimilarPatient,
    current_predictions,
    estimates_of,
    latest_run,
    masks_changed_since,
    predictions_of,
    similar_patients,
)
from modeling.services.standing import training_values
from modeling.wording import feature_in_words


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
    estimates = {one.prediction.pk: one for one in estimates_of(history)}
    context |= {
        "hidden": False,
        "estimate": estimates[current[0].pk] if current else None,
        "prediction": current[0] if current else None,
        "outdated": bool(current) and masks_changed_since(current[0]),
        "others": [estimates[one.pk] for one in current[1:]],
        "history": list(estimates.values()),
        "reason": "" if current else _why_none(patient),
        "chart": contribution_chart(current[0]) if current else None,
        "strips": _strips(current[0]) if current else [],
        "similar": [_similar_row(one) for one in similar_patients(current[0], request.user)] if current else [],
    }
    return render(request, "modeling/_patient_panel.html", context)


@require_safe
def patient_estimate(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """The estimate alone, for those who may see it."""
    patients = Patient.objects.select_related("cohort", "centre")
    patient = fetch(patients, request.user, Action.VIEW_PREDICTIONS, cohort__code=cohort_code, code=patient_code)
    current = current_predictions(predictions_of(patient))
    context = {
        "patient": patient,
        "estimate": estimates_of(current[:1])[0] if current else None,
        "prediction": current[0] if current else None,
        "outdated": bool(current) and masks_changed_since(current[0]),
        "reason": "" if current else _why_none(patient),
    }
    return render(request, "modeling/_estimate.html", context)


def _strips(prediction: Prediction) -> list[dict[str, Any]]:
    """Give where the patient stands among the training patients in each feature that moved the prediction."""
    trained = training_values(prediction)
    own = prediction.patient.code
    rows = []
    for part in prediction.contributions:
        others = {code: value for code, value in trained.get(part["feature"], {}).items() if code != own}
        if strip := strip_of(part["value"], others.values()):
            rows.append({"label": feature_in_words(part["feature"]), "strip": strip})
    return rows


def _similar_row(similar: SimilarPatient) -> dict[str, Any]:
    """Give a similar patient with picture and composition of the tumour before and after, where they are stored."""
    times = [
        {"picture": reverse("imaging:habitat-picture", args=[found.pk]), "shares": _shares(found.fractions)}
        if (found := similar.maps.get(kind))
        else {}
        for kind in (Timepoint.Kind.PRE, Timepoint.Kind.POST)
    ]
    return {"similar": similar, "times": times}


def _shares(fractions: list[float]) -> list[dict[str, Any]]:
    return [
        {
            "name": _("Habitat %(number)s") % {"number": number},
            "colour": HABITAT_COLOURS[number - 1],
            "percent": 100 * fraction,
        }
        for number, fraction in enumerate(fractions, start=1)
    ]


def _why_none(patient: Patient) -> str:
    if latest_run(patient.cohort) is None:
        return _("No model is trained in this cohort yet.")
    return _("A prediction needs extracted features of an evaluable CT before and after treatment.")
