"""Patients as points, near each other where all their features are alike."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cohorts.errors import ServiceError
from imaging.charts.feature_map import MOST_POINTS, map_chart
from imaging.forms.features import MapFilter
from imaging.services.feature_maps import PlacedCases, placed, scanners_of
from imaging.views.features import as_csv, patient_urls, require_export
from imaging.views.looked_at import LookedAt, looked_at
from imaging.wording import METHOD_WORDS, MOMENT_WORDS


@require_safe
def feature_map(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The page around the map, which is drawn as a part of its own: UMAP takes its time."""
    looked = looked_at(request, cohort_code)
    chosen = MapFilter(request.GET).chosen()
    query = request.GET.urlencode()
    context = looked.context() | {
        "shown": MapFilter(chosen),
        "chosen": chosen,
        "panel_query": f"?{query}" if query else "",
    }
    return render(request, "imaging/feature_map.html", context)


@require_safe
def map_panel(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The map itself."""
    looked = looked_at(request, cohort_code)
    chosen = MapFilter(request.GET).chosen()
    context = {"cohort": looked.cohort, "chosen": chosen, "most_points": MOST_POINTS}
    try:
        found = _placed(looked, chosen)
    except ServiceError as error:
        return render(request, "imaging/_feature_map.html", context | {"refusal": error})
    groups = _groups(looked, found, chosen)
    urls = patient_urls(looked.cohort, found.cases)
    words = {"method": METHOD_WORDS[chosen["method"]], "moment": MOMENT_WORDS[looked.moment]}
    chart = map_chart(found, urls, groups, colour=chosen["colour"], title=_("%(method)s, %(moment)s") % words)
    return render(request, "imaging/_feature_map.html", context | {"chart": chart, "placed": found})


@require_safe
def map_table(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The coordinates of every patient as CSV."""
    looked = looked_at(request, cohort_code)
    require_export(looked)
    chosen = MapFilter(request.GET).chosen()
    header = ("patient", "centre", "response", "scanner", "x", "y")
    name = f"{looked.cohort.code}-{chosen['method']}-{looked.moment}"
    try:
        found = _placed(looked, chosen)
    except ServiceError:
        return as_csv(name, header, [])
    cases, scanners = found.cases, scanners_of(found.cases, looked.table, looked.moment)
    columns = (cases.codes, cases.centres, cases.responses, scanners, found.points[:, 0], found.points[:, 1])
    return as_csv(name, header, zip(*(column.tolist() for column in columns), strict=True))


def _placed(looked: LookedAt, chosen: dict[str, str]) -> PlacedCases:
    return placed(looked.table, looked.cases, looked.moment, method=chosen["method"], regions=chosen["regions"])


def _groups(looked: LookedAt, found: PlacedCases, chosen: dict[str, str]) -> list[str]:
    if chosen["colour"] == "scanner":
        scanners = scanners_of(found.cases, looked.table, looked.moment).tolist()
        return [name or _("Not stated") for name in scanners]
    by = {"response": found.cases.responses, "centre": found.cases.centres}
    return [str(name) for name in by[chosen["colour"]]]
