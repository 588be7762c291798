"""Imaging's part of the patient page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import REMEDIES
from cohorts.models import Patient, Timepoint
from cohorts.selectors.locks import lock_of
from imaging.charts.patient import interaction_charts
from imaging.models import Segmentation
from imaging.selectors import (
    feature_changes,
    habitat_maps,
    habitat_vectors,
    lesions_to_choose,
    location_of,
    measured_locations,
    shown_habitat_model,
)
from imaging.views.change import habitat_rows, transitions_of
from imaging.views.scans import viewer_of


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
        "viewer": viewer_of({patient: maps}, model),
        "lesions": lesions_to_choose(patient),
        "lock": lock_of(patient),
        "location": location_of(patient),
        "location_rows": _locations(patient),
        "transitions": transitions_of(patient, model),
        "habitat_model": model,
        "habitats": habitat_rows(model, maps) if model and maps else [],
        "interaction_charts": interaction_charts(maps),
        "feature_rows": feature_changes(habitat_vectors(patient, model)) if model else [],
    }
    return render(request, "imaging/_patient_panel.html", context)


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
