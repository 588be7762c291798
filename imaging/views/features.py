"""The features of a cohort: a list to search and sort, and a page for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import quote

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from cohorts.access import Action, allowed
from cohorts.core.csv_writer import write_csv
from cohorts.models import Cohort, Timepoint
from imaging.charts.features import feature_charts
from imaging.core.correlation import TOGETHER_FROM
from imaging.core.reliability import STABLE_FROM
from imaging.selectors import index_lesions, patients_in_other_order
from imaging.services.cohort_cases import Cases
from imaging.services.feature_page import page_of
from imaging.services.feature_statistics import (
    FeatureRow,
    expected_by_chance,
    feature_rows,
    leave_out_coin,
    stability_of,
)
from imaging.views.looked_at import LookedAt, looked_at

_ROWS_PER_PAGE = 50
_COLUMNS = (
    *("feature", "filter", "family", "known", "missing_share", "icc", "icc_lower", "icc_upper"),
    *("auc", "auc_lower", "auc_upper", "responders", "others"),
)
_ORDERS: dict[str, Callable[[FeatureRow], Any]] = {
    "name": lambda row: row.feature.name,
    "missing": lambda row: -row.missing,
    "icc": lambda row: (row.icc is None, -(row.icc or 0.0)),
    "auc": lambda row: -row.strength,
}


@require_safe
def features(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Every feature with what is missing of it, how stable it is and how it differs between responses."""
    looked = looked_at(request, cohort_code)
    rows = _chosen(looked)
    context = looked.context() | {
        "page": Paginator(rows, _ROWS_PER_PAGE).get_page(request.GET.get("page")),
        "threshold": STABLE_FROM,
        "compared": sum(row.auc_lower is not None for row in rows),
        "by_chance": expected_by_chance(rows),
        "apart": leave_out_coin(rows),
        "other_order": _in_other_order(looked),
    }
    return render(request, "imaging/features.html", context)


@require_safe
def features_table(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The list as CSV, in its order and with its filters."""
    looked = looked_at(request, cohort_code)
    require_export(looked)
    rows = _chosen(looked)
    cells = [
        [row.feature.name, row.feature.filter, row.feature.family, row.known, row.missing, *_numbers(row)]
        for row in rows
    ]
    return as_csv(f"{looked.cohort.code}-features-{looked.moment}", _COLUMNS, cells)


@require_safe
def feature(request: HttpRequest, cohort_code: str, feature_name: str) -> HttpResponse:
    """One feature in every patient: by response, centre and time, and what goes with it."""
    looked = looked_at(request, cohort_code)
    name = _known(looked, feature_name)
    stability = stability_of(looked.table, looked.found.user, looked.found.filters, looked.moment)
    page = page_of(looked.table, looked.cases, name, looked.moment, stability.get(name))
    context = looked.context() | {
        "page": page,
        "feature": page.feature,
        "moment": page.moment,
        "moment_control": [looked.controls["moment"]],
        "charts": feature_charts(page, patient_urls(looked.cohort, looked.cases)),
        "threshold": STABLE_FROM,
        "group_from": TOGETHER_FROM,
    }
    return render(request, "imaging/feature.html", context)


@require_safe
def feature_table(request: HttpRequest, cohort_code: str, feature_name: str) -> HttpResponse:
    """One feature in every patient as CSV: before, after and its change."""
    looked = looked_at(request, cohort_code)
    require_export(looked)
    name = _known(looked, feature_name)
    cases, rows = looked.cases, looked.cases.rows_in(looked.table)
    values = [looked.table.values(moment, [name])[rows, 0].tolist() for moment in ("pre", "post", "change")]
    named = index_lesions(looked.cohort)
    lesions = [[named.get((pk, kind), "") for pk in cases.ids.tolist()] for kind in Timepoint.Kind.values]
    cells = zip(cases.codes, cases.centres, cases.responses, *values, *lesions, strict=True)
    header = ("patient", "centre", "response", "before", "after", "change", "lesion_before", "lesion_after")
    return as_csv(f"{looked.cohort.code}-{name}", header, cells)


def _in_other_order(looked: LookedAt) -> list[str]:
    """Return the codes of the patients looked at whose volumes were stored in another order of voxels."""
    shown = set(looked.cases.codes.tolist())
    return [code for code in patients_in_other_order(looked.cohort) if code in shown]


def patient_urls(cohort: Cohort, cases: Cases) -> list[str]:
    """Give the address of each patient."""
    every = reverse("cohorts:patients", args=[cohort.code])
    return [f"{every}{quote(code)}/" for code in cases.codes.tolist()]


def require_export(looked: LookedAt) -> None:
    """Refuse people whose role does not take data out."""
    if not allowed(looked.found.user, Action.EXPORT, looked.cohort):
        raise PermissionDenied


def as_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """Give rows as a file; what is undefined is empty, and no text is a formula."""
    response = HttpResponse(write_csv(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _numbers(row: FeatureRow) -> tuple[Any, ...]:
    limits = (row.icc, row.icc_lower, row.icc_upper, row.auc, row.auc_lower, row.auc_upper)
    return (*limits, row.responders, row.others)


def _chosen(looked: LookedAt) -> list[FeatureRow]:
    """Give the features that fit the choices, in the chosen order."""
    chosen = looked.controls.chosen()
    stability = stability_of(looked.table, looked.found.user, looked.found.filters, looked.moment)
    every = feature_rows(looked.table, looked.cases, looked.moment, stability) if len(looked.cases) else []
    wanted = chosen["feature"].lower()
    rows = [
        row
        for row in every
        if chosen["family"] in ("", row.feature.family)
        and chosen["image"] in ("", row.feature.image)
        and (wanted in row.feature.name.lower() or wanted in row.feature.measure)
    ]
    order = _ORDERS.get(chosen["sort"])
    return sorted(rows, key=order) if order else rows


def _known(looked: LookedAt, name: str) -> str:
    """Give the name of a feature that the cohort has."""
    if name not in looked.table.position:
        raise Http404(f"There is no feature {name} in {looked.cohort.code}.")
    return name
