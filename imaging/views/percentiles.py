"""Where a patient's habitats stand among those of the cohort."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cohorts.access import Action, fetch, visible
from cohorts.models import Patient
from imaging.charts.strip import strip_of
from imaging.models import HabitatModel
from imaging.selectors import SHOWN_FEATURES, shown_habitat_model
from imaging.services.standing import habitat_measures


@require_safe
def percentile_panel(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """The percentile of each shown measure among the patients whom the person may see."""
    patients = Patient.objects.select_related("cohort", "centre")
    patient = fetch(patients, request.user, Action.VIEW, cohort__code=cohort_code, code=patient_code)
    model = shown_habitat_model(patient.cohort)
    shown = visible(Patient.objects.filter(cohort=patient.cohort), request.user).order_by("pk")
    rows = _rows(patient, model, set(shown.values_list("pk", flat=True))) if model else []
    return render(request, "imaging/_percentiles.html", {"patient": patient, "rows": rows})


def _rows(patient: Patient, model: HabitatModel, shown: set[int]) -> list[dict[str, Any]]:
    measures = {pk: kinds for pk, kinds in habitat_measures(patient.cohort, model).items() if pk in shown}
    own = measures.pop(patient.pk, {})
    labels = {
        f"fraction_{number}": _("Share of habitat %(number)s") % {"number": number}
        for number in range(1, model.n_habitats + 1)
    }
    return [
        {
            "label": label,
            "strips": [
                strip_of(_value(own, name, time), [_value(kinds, name, time) for kinds in measures.values()])
                for time in ("pre", "post", "change")
            ],
        }
        for name, label in {**labels, **SHOWN_FEATURES}.items()
    ]


def _value(kinds: dict[str, dict[str, float]], name: str, time: str) -> float | None:
    pre, post = (kinds.get(kind, {}).get(name) for kind in ("pre", "post"))
    if time == "change":
        return None if pre is None or post is None else post - pre
    return pre if time == "pre" else post
