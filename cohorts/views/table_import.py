"""Bringing tables of clinical data and outcomes, and taking them away."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.core.errors import CohortError, UnreadableTable
from cohorts.errors import ServiceError
from cohorts.forms.table import ColumnsForm, TableFileForm
from cohorts.models import Cohort, TableImport, User
from cohorts.selectors.table_imports import tables_of
from cohorts.services.records_export import KINDS, records_of
from cohorts.services.table_import import imports
from cohorts.services.table_import.plan import Plan
from cohorts.services.table_import.shown import shown_rows
from cohorts.services.table_import.values import COLUMNS

TABLES_PER_PAGE = 30


@require_safe
def table_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The tables that a person brought, and the records as a table to take away."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "page": Paginator(tables_of(cohort, request.user), TABLES_PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "cohorts/table_imports.html", context)


@require_http_methods(["GET", "POST"])
def table_new(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Bring a table. It is checked; nothing is written."""
    cohort = fetch(Cohort, request.user, Action.ENTER_OUTCOME, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = TableFileForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        values = form.cleaned_data
        try:
            table = imports.bring_table(
                cohort,
                content=values["file"],
                dictionary=values["dictionary"],
                sheet=values["sheet"],
                user=request.user,
            )
        except CohortError as error:
            form.add_error("file", error.message)
        else:
            return redirect(table)
    context = {"cohort": cohort, "form": form, "columns": COLUMNS}
    return render(request, "cohorts/table_import_form.html", context)


def _fetch_table(request: HttpRequest, cohort_code: str, reference: uuid.UUID) -> TableImport:
    """Give the table of an address; nobody opens another person's."""
    own = TableImport.objects.select_related("cohort").filter(created_by=request.user.pk)
    return fetch(own, request.user, Action.ENTER_OUTCOME, cohort__code=cohort_code, reference=reference)


@require_safe
def table_detail(request: HttpRequest, cohort_code: str, reference: uuid.UUID) -> HttpResponse:
    """What a table would do, or did."""
    table = _fetch_table(request, cohort_code, reference)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    context = {"cohort": table.cohort, "table": table, **_read_columns(table)}
    if table.state == TableImport.State.CHECKED:
        try:
            context |= _plan_context(imports.plan_of(table, user=request.user))
        except UnreadableTable as error:
            context["problem"] = error.message
    return render(request, "cohorts/table_import.html", context)


def _read_columns(table: TableImport) -> dict[str, object]:
    # By name: a database need not keep the order of the table.
    left_out = sorted(column for column, field in table.mapping.items() if not field)
    return {"left_out": left_out, "columns_read": len(table.mapping) - len(left_out)}


def _plan_context(plan: Plan) -> dict[str, object]:
    return {"plan": plan, "new": shown_rows(plan.new), "changed": shown_rows(plan.changed)}


@require_http_methods(["GET", "POST"])
def table_mapping(request: HttpRequest, cohort_code: str, reference: uuid.UUID) -> HttpResponse:
    """Say which column is which field."""
    table = _fetch_table(request, cohort_code, reference)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        read = imports.opened(table)
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect(table)
    fields = imports.fields_for(table.cohort, request.user)
    form = ColumnsForm(request.POST or None, table=read.table, fields=fields, mapping=table.mapping)
    if form.is_valid():
        imports.map_columns(table, form.mapping(), user=request.user)
        return redirect(table)
    context = {"cohort": table.cohort, "table": table, "form": form, "columns": form.columns(read.labels)}
    return render(request, "cohorts/table_import_mapping.html", context)


@require_POST
def table_write(request: HttpRequest, cohort_code: str, reference: uuid.UUID) -> HttpResponse:
    """Write the rows that were accepted, all or none."""
    table = _fetch_table(request, cohort_code, reference)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        count = imports.write_table(table, seen=request.POST.get("seen", ""), user=request.user)
    except (ServiceError, CohortError) as error:
        messages.error(request, error.message)
    else:
        sentence = ngettext("%(count)s patient was written.", "%(count)s patients were written.", count)
        messages.success(request, sentence % {"count": count})
    return redirect(table)


@require_POST
def table_discard(request: HttpRequest, cohort_code: str, reference: uuid.UUID) -> HttpResponse:
    """Throw a table away."""
    table = _fetch_table(request, cohort_code, reference)
    imports.discard_table(table)
    messages.info(request, _("The table was discarded. Nothing of it was written."))
    return redirect("cohorts:table-imports", cohort_code)


@require_safe
def records_export(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Give the records that a person may see as CSV or Excel; the import takes them back."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    if not {Action.EXPORT, Action.EDIT_PATIENT} & actions_in(request.user, cohort):
        raise PermissionDenied
    kind = "xlsx" if request.GET.get("format") == "xlsx" else "csv"
    response = HttpResponse(records_of(cohort, request.user, kind=kind), content_type=KINDS[kind])
    response["Content-Disposition"] = f'attachment; filename="{cohort.code}-records.{kind}"'
    return response
