"""Imaging's part of the cohort page and of the patient page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.models import Cohort, Patient, Timepoint
from cohorts.selectors import summarise
from imaging.charts import HABITAT_COLOURS, fraction_chart, interaction_charts, volume_chart
from imaging.models import HabitatMap, HabitatModel, Segmentation
from imaging.selectors import (
    coverage,
    feature_changes,
    habitat_fraction_rows,
    habitat_maps,
    habitat_vectors,
    scanner_rows,
    shown_habitat_model,
    volume_rows,
)


@require_safe
def cohort_panel(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Coverage, scanners, volumes and habitats of a cohort."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    responses = {str(row["patient"]): str(row["response"]) for row in summarise(cohort, request.user).rows}
    charts = [volume_chart(volume_rows(cohort, request.user), responses)]
    if model := shown_habitat_model(cohort):
        charts.append(fraction_chart(habitat_fraction_rows(cohort, request.user, model), responses))
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "coverage": coverage(cohort, request.user),
        "charts": [chart for chart in charts if chart.rows],
        "scanners": scanner_rows(cohort, request.user),
    }
    return render(request, "imaging/_cohort_panel.html", context)


@require_safe
def patient_panel(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Viewer, habitats and interaction of one patient, before and after."""
    patients = Patient.objects.select_related("cohort", "centre")
    patient = fetch(patients, request.user, Action.VIEW, cohort__code=cohort_code, code=patient_code)
    model = shown_habitat_model(patient.cohort)
    maps = habitat_maps(patient, model) if model else {}
    context = {
        "cohort": patient.cohort,
        "patient": patient,
        "actions": actions_in(request.user, patient.cohort),
        "timepoints": [_timepoint(patient, kind, maps) for kind in Timepoint.Kind],
        "habitat_model": model,
        "habitats": _habitats(model, maps) if model and maps else [],
        "interaction_charts": interaction_charts(maps),
        "feature_rows": feature_changes(habitat_vectors(patient, model)) if model else [],
    }
    return render(request, "imaging/_patient_panel.html", context)


def _timepoint(patient: Patient, kind: Timepoint.Kind, maps: dict[str, HabitatMap]) -> dict[str, Any]:
    timepoint = Timepoint.objects.filter(patient=patient, kind=kind).first()
    current = Segmentation.objects.filter(timepoint=timepoint, is_current=True).select_related("series")
    segmentation = current.first() if timepoint else None
    series = segmentation.series if segmentation else timepoint.series.first() if timepoint else None
    row: dict[str, Any] = {
        "kind": kind.value,
        "label": kind.label,
        "timepoint": timepoint,
        "series": series,
        "segmentation": segmentation,
        "status": timepoint.status if timepoint else "",
        "note": timepoint.note if timepoint else "",
        "not_evaluable_url": "",
        "habitats_url": reverse("imaging:habitats", args=[maps[kind].pk]) if kind in maps else "",
    }
    if timepoint:
        row["not_evaluable_url"] = reverse(
            "imaging:not-evaluable", args=[patient.cohort.code, patient.code, kind.value]
        )
    if segmentation:
        row |= {
            "volume_url": reverse("imaging:volume", args=[segmentation.pk]),
            "mask_url": reverse("imaging:mask", args=[segmentation.pk]),
            "volume_ml": segmentation.volume_mm3 / 1000,
            "mean_hu": segmentation.mean_hu,
        }
    return row


def _habitats(model: HabitatModel, maps: dict[str, HabitatMap]) -> list[dict[str, Any]]:
    rows = []
    for index in range(model.n_habitats):
        percent = {kind: 100 * found.fractions[index] for kind, found in maps.items()}
        millilitres = {kind: found.volumes_mm3[index] / 1000 for kind, found in maps.items()}
        both = "pre" in percent and "post" in percent
        rows.append(
            {
                "number": index + 1,
                "name": f"Habitat {index + 1}",
                "colour": HABITAT_COLOURS[index],
                "centroid_hu": model.codebook["centroid_mean_hu"][index],
                "pre_percent": percent.get("pre"),
                "post_percent": percent.get("post"),
                "change_points": percent["post"] - percent["pre"] if both else None,
                "pre_ml": millilitres.get("pre"),
                "post_ml": millilitres.get("post"),
            }
        )
    return rows
