"""Two protocols side by side: agreement of every feature, and the values of one."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from imaging.charts.comparison import agreement_chart
from imaging.forms.features import ComparisonFilter
from imaging.services.protocol_comparison import Comparison, compared, protocols_with_features
from imaging.views.features import as_csv, patient_urls, require_export
from imaging.views.looked_at import LookedAt, looked_at

_ROWS_PER_PAGE = 50


@require_safe
def compare_protocols(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Agreement of two protocols feature by feature, least first, and one feature drawn."""
    looked = looked_at(request, cohort_code)
    names = protocols_with_features(looked.cohort)
    chosen = ComparisonFilter(request.GET, protocols=names).chosen()
    context = looked.context() | {
        "shown": ComparisonFilter(chosen, protocols=names),
        "chosen": chosen,
        "protocols": names,
    }
    if len(names) > 1 and chosen["a"] != chosen["b"]:
        context |= _comparison(looked, chosen)
    return render(request, "imaging/compare_protocols.html", context)


@require_safe
def comparison_table(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The agreement of every feature as CSV."""
    looked = looked_at(request, cohort_code)
    require_export(looked)
    chosen = ComparisonFilter(request.GET, protocols=protocols_with_features(looked.cohort)).chosen()
    found = _found(looked, chosen) if chosen["a"] else None
    rows = [(row.feature.name, row.concordance, row.difference, row.n) for row in found.rows] if found else []
    name = f"{looked.cohort.code}-{chosen['a']}-{chosen['b']}-{chosen['moment']}"
    return as_csv(name, ("feature", "concordance", "median_relative_difference", "patients"), rows)


def _found(looked: LookedAt, chosen: dict[str, str]) -> Comparison:
    return compared(looked.cohort, looked.everybody, chosen["a"], chosen["b"], chosen["moment"])


def _comparison(looked: LookedAt, chosen: dict[str, str]) -> dict[str, Any]:
    found = _found(looked, chosen)
    drawn = looked.request.GET.get("drawn", "")
    named = [row.feature.name for row in found.rows if row.concordance is not None]
    name = drawn if drawn in named else next(iter(named), "")
    urls = patient_urls(looked.cohort, found.cases)
    chart = agreement_chart(found, name, urls, (chosen["a"], chosen["b"])) if name else None
    page = Paginator(found.rows, _ROWS_PER_PAGE).get_page(looked.request.GET.get("page"))
    return {"found": found, "drawn": name, "chart": chart, "page": page}
