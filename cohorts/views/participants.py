"""Parts of the cohort page that load by themselves: participants and baseline; and completeness, row by row."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from cohorts.core.tables import write_text
from cohorts.paging import page_by_key
from cohorts.selectors.baseline import BaselineTable, baseline
from cohorts.selectors.facts import facts_of
from cohorts.selectors.participants import completeness, flow, matrix_row, patterns, with_facts
from cohorts.selectors.summary import patient_rows
from cohorts.views.filtered import filtered

ROWS_PER_PAGE = 50
GROUPINGS = ("centre", "response")


@require_safe
def participants_panel(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The flow from enrolment to analysis, and what is there by centre."""
    found = filtered(request, cohort_code)
    counted, facts = patterns(found.patients, found.cohort), facts_of(found.cohort)
    query = found.filters.query_string()
    context = {
        "cohort": found.cohort,
        "stages": flow(counted, facts),
        "facts": facts,
        "centres": completeness(counted, facts),
        "query": f"?{query}" if query else "",
        "filter_query": f"{query}&" if query else "",
    }
    return render(request, "cohorts/_participants_panel.html", context)


@require_safe
def baseline_panel(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Who the patients are, by centre or by response; the same as a table to keep."""
    found = filtered(request, cohort_code)
    by = request.GET.get("by", "")
    rows = patient_rows(found.patients, found.cohort)
    table = baseline(rows, by=by if by in GROUPINGS else GROUPINGS[0]) if rows else None
    if table and request.GET.get("format") == "csv":
        return _as_csv(table, name=f"baseline-{found.cohort.code}-{table.by}.csv")
    query = found.filters.query_string()
    context = {"cohort": found.cohort, "table": table, "and_query": f"&{query}" if query else ""}
    return render(request, "cohorts/_baseline_panel.html", context)


def _as_csv(table: BaselineTable, *, name: str) -> HttpResponse:
    columns = [_("Characteristic"), *(f"{group} (n = {n})" for group, n in table.groups)]
    content = write_text(columns, [[row.label.strip(), *row.cells] for row in table.rows])
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=disposition)


@require_safe
@vary_on_headers("HX-Request")
def completeness_table(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """What is there of each patient, in pages."""
    found = filtered(request, cohort_code)
    facts = facts_of(found.cohort)
    patients = with_facts(found.patients.select_related("cohort", "centre"), found.cohort, facts)
    page = page_by_key(patients, keys=("code",), after=request.GET.get("after", ""), size=ROWS_PER_PAGE)
    context = {
        "page": page,
        "rows": [(patient, matrix_row(patient, facts)) for patient in page],
        "facts": facts,
        "count": found.patients.count(),
    }
    return found.answer(request, context, page="cohorts/completeness.html", part="cohorts/_completeness_rows.html")
