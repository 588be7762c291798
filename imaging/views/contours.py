"""The versions of a tumour's contour at one timepoint."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.models import Timepoint
from cohorts.selectors.locks import lock_of
from imaging.core.errors import ImagingError
from imaging.models import Segmentation
from imaging.selectors import drawn_versions
from imaging.services.contouring import between_versions


@require_safe
def contours(request: HttpRequest, cohort_code: str, patient_code: str, kind: str) -> HttpResponse:
    """Who drew what and when; any two versions compared by ``?a=&b=``."""
    timepoints = Timepoint.objects.select_related("patient__cohort", "patient__centre")
    place = {"patient__cohort__code": cohort_code, "patient__code": patient_code, "kind": kind}
    timepoint = fetch(timepoints, request.user, Action.VIEW, **place)
    patient = timepoint.patient
    versions = list(drawn_versions(timepoint))
    current = next((one for one in versions if one.is_current), None)
    context = {
        "cohort": patient.cohort,
        "actions": actions_in(request.user, patient.cohort),
        "patient": patient,
        "timepoint": timepoint,
        "versions": versions,
        "series": list(timepoint.series.order_by("-created_at")),
        "current": current,
        "lacks_features": current is not None and not current.feature_sets.exists(),
        "lock": lock_of(patient),
        **_comparison(request, versions),
    }
    return render(request, "imaging/contours.html", context)


def _comparison(request: HttpRequest, versions: list[Segmentation]) -> dict[str, Any]:
    """Compare the two versions that are asked for; the two newest are offered."""
    by_version = {str(one.version): one for one in versions}
    pair = [by_version.get(request.GET.get(key, "")) for key in "ab"]
    offered = {"chosen": [one or guess for one, guess in zip(pair, [*versions[:2], None, None], strict=False)]}
    if pair[0] is None or pair[1] is None:
        return offered
    try:
        measured = between_versions(pair[0], pair[1]).as_dict()
    except ImagingError as error:
        return offered | {"refusal": error.message}
    words = [_("Version %d") % one.version for one in pair if one]
    return offered | {"comparison": measured, "one": words[0], "other": words[1]}
