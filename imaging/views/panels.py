"""Imaging's part of the cohort page and of the patient page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import REMEDIES
from cohorts.models import Cohort, Patient, Timepoint
from cohorts.selectors.summary import summarise
from imaging.charts import HABITAT_COLOURS, fraction_chart, interaction_charts, volume_chart
from imaging.models import HabitatMap, HabitatModel, Segmentation
from imaging.selectors import (
    coverage,
    feature_changes,
    habitat_fraction_rows,
    habitat_maps,
    habitat_vectors,
    location_of,
    measured_locations,
    registration_of,
    scanner_rows,
    shown_habitat_model,
    transition_map,
    transition_vector,
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
        "location": location_of(patient),
        "location_rows": _locations(patient),
        "transitions": _transitions(patient, model),
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


def _locations(patient: Patient) -> list[dict[str, Any]]:
    """Give what the CT shows of the location at each timepoint that has a mask."""
    measured = measured_locations(patient)
    masks = Segmentation.objects.filter(timepoint__patient=patient, is_current=True)
    present = set(masks.values_list("timepoint__kind", flat=True))
    rows = []
    for kind in Timepoint.Kind:
        row = measured.get(kind)
        if kind in present:
            remedy = REMEDIES.get(row.code, "") if row else ""
            rows.append({"label": kind.label, "measured": row, "remedy": remedy})
    return rows


#: Measures of a registration that the page shows: name, words, unit, decimals.
SHOWN_QUALITY = (
    ("ncc_before", "Correlation of the surroundings, centroids laid over each other", "", 2),
    ("ncc_after", "Correlation of the surroundings, registered", "", 2),
    ("vessel_ncc_after", "Correlation of lung vessels, registered", "", 2),
    ("lung_overlap", "Overlap of the lungs (Dice)", "", 2),
    ("residual_p95_mm", "Distance of lung surfaces, 95th percentile", "mm", 1),
    ("inconsistency_p95_mm", "Forth and back: distance from the start, 95th percentile", "mm", 1),
    ("rotation_degrees", "Turn", "°", 1),
    ("bend_max_mm", "Largest bend", "mm", 1),
    ("jacobian_min", "Local change of volume, smallest factor", "", 2),
    ("jacobian_max", "Local change of volume, largest factor", "", 2),
    ("surroundings_ml", "Surroundings compared", "mL", 0),
)
SHOWN_TRANSITIONS = (
    ("transition_persistence", "Habitat kept, of what is tumour at both times"),
    ("transition_became_lung", "Became lung"),
    ("transition_vanished_tumour", "No longer tumour"),
    ("transition_new_tumour", "New tumour"),
)


def _transitions(patient: Patient, model: HabitatModel | None) -> dict[str, Any]:
    """Give where the habitats went, and how well the scans were registered or why that was refused."""
    registration = registration_of(patient)
    if registration is None:
        return {"registration": None}
    quality = [
        {"label": label, "value": registration.quality[name], "unit": unit, "digits": digits}
        for name, label, unit, digits in SHOWN_QUALITY
        if name in registration.quality
    ]
    shown: dict[str, Any] = {"registration": registration, "quality": quality}
    shown["remedy"] = REMEDIES.get(registration.code, "")
    found = transition_map(registration, model) if model else None
    vector = transition_vector(registration, model) if model else None
    if found is None or vector is None:
        return shown
    values = vector.as_dict()
    summary = [{"label": label, "value": values[name]} for name, label in SHOWN_TRANSITIONS]
    return shown | _matrix(found.counts) | {"summary": summary}


def _matrix(counts: list[list[int]]) -> dict[str, Any]:
    """Give transition counts as percent of all places that were tumour at one time, with names and colours."""
    total = sum(map(sum, counts))
    k = len(counts) - 2
    states = [{"name": "Lung", "colour": ""}, {"name": "Other tissue", "colour": ""}]
    states += [{"name": f"Habitat {i + 1}", "colour": HABITAT_COLOURS[i]} for i in range(k)]
    order = [*range(2, k + 2), 0, 1]  # habitats first, as everywhere else
    rows = [
        {
            "state": states[i],
            "cells": [None if i < 2 and j < 2 else 100 * counts[i][j] / total for j in order],
            "percent": 100 * sum(counts[i]) / total,
        }
        for i in order
    ]
    columns = [states[j] | {"percent": 100 * sum(row[j] for row in counts) / total} for j in order]
    return {"rows": rows, "columns": columns}


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
