"""Two patients side by side: scans, habitats, volumes and outcome."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cohorts.access import Action, actions_in, fetch, visible
from cohorts.models import Cohort, PathologyOutcome, Patient
from cohorts.selectors.patients import response_of
from imaging.models import HabitatModel
from imaging.selectors import feature_changes, habitat_maps, habitat_vectors, shown_habitat_model
from imaging.views.change import habitat_rows
from imaging.views.scans import viewer_of

SIDES = ("a", "b")


@require_safe
def compare_patients(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Choose two patients by their codes (``?a=&b=``) and look at both."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    asked = {side: request.GET.get(side, "").strip() for side in SIDES}
    shown = visible(Patient.objects.filter(cohort=cohort), request.user).select_related("cohort", "centre")
    chosen = {patient.code: patient for patient in shown.filter(code__in=filter(None, asked.values()))}
    both = [chosen[code] for code in asked.values() if code in chosen]
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "asked": asked,
        "unknown": [code for code in asked.values() if code and code not in chosen],
        "same": bool(asked["a"]) and asked["a"] == asked["b"],
        "suggested": shown.order_by("code").values_list("code", flat=True)[:200],
    }
    if len(both) == len(SIDES) and not context["same"]:
        context |= _compared(both, shown_habitat_model(cohort))
    return render(request, "imaging/compare_patients.html", context)


def _compared(patients: list[Patient], model: HabitatModel | None) -> dict[str, Any]:
    maps = {patient: habitat_maps(patient, model) if model else {} for patient in patients}
    viewer = viewer_of(maps, model)
    sides = [
        _side(patient, row["timepoints"], model, maps[patient])
        for patient, row in zip(patients, viewer["rows"], strict=True)
    ]
    return {"viewer": viewer, "sides": sides, "habitat_pairs": _paired(sides)}


def _side(
    patient: Patient, timepoints: list[dict[str, Any]], model: HabitatModel | None, maps: Any
) -> dict[str, Any]:
    outcome = PathologyOutcome.objects.filter(patient=patient, is_current=True).first()
    volumes = {row["kind"]: row.get("volume_ml") for row in timepoints}
    pre, post = volumes["pre"], volumes["post"]
    return {
        "patient": patient,
        "outcome": outcome,
        "response": response_of(outcome, patient.cohort) if outcome else None,
        "pre_ml": pre,
        "post_ml": post,
        "change_percent": 100 * (post - pre) / pre if pre and post is not None else None,
        "habitats": habitat_rows(model, maps) if model and maps else [],
        "features": feature_changes(habitat_vectors(patient, model)) if model else [],
    }


def _paired(sides: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each habitat with its row in both patients; None where a patient has none."""
    by_number = [{row["number"]: row for row in side["habitats"]} for side in sides]
    either = {**by_number[1], **by_number[0]}
    return [
        {"name": row["name"], "colour": row["colour"], "of": [side.get(number) for side in by_number]}
        for number, row in sorted(either.items())
    ]
