"""Queries of a cohort: the list with its threads, asking, answering, closing."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import ServiceError
from cohorts.forms.query import MessageForm, NewQueryForm, QueryFilterForm
from cohorts.models import Cohort, Patient, Query, User
from cohorts.paging import page_by_key
from cohorts.selectors.locks import lock_of
from cohorts.selectors.queries import ALL, FIELD_LABELS, WAITING, counts_of, queries_for_list
from cohorts.services.queries import answer_query, close_query, open_query, reopen_query

_PER_PAGE = 30
_Act = Callable[..., Query]


@require_safe
@vary_on_headers("HX-Request")  # the same address gives a page or its rows
def query_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The queries of a cohort with what was said, those that wait first."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    filters = QueryFilterForm(request.GET)
    chosen = filters.cleaned_data if filters.is_valid() else {}
    chosen["state"] = chosen.get("state") or WAITING
    found = queries_for_list(cohort, request.user, **chosen)
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "page": page_by_key(found, keys=("-pk",), after=request.GET.get("after", ""), size=_PER_PAGE),
        "chosen": chosen,
        "counts": counts_of(cohort, request.user),
        "states": [(WAITING, _("Not closed")), *Query.State.choices, (ALL, _("All"))],
        "fields": FIELD_LABELS,
        "centres": cohort.centres.all(),
    }
    template = "cohorts/_query_rows.html" if request.htmx else "cohorts/query_list.html"  # type: ignore[attr-defined]
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
def query_open(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Ask about one field of a patient."""
    patients = Patient.objects.select_related("cohort", "centre")
    patient = fetch(patients, request.user, Action.ASK, cohort__code=cohort_code, code=patient_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = NewQueryForm(request.POST or None, initial={"field": request.GET.get("field", "")})
    if form.is_valid():
        values = form.cleaned_data
        query = open_query(patient, field=values["field"], text=values["text"], actor=request.user)
        messages.success(request, _("The query on %(code)s is open.") % {"code": patient.code})
        return redirect(_place(query))
    context = {"cohort": patient.cohort, "patient": patient, "form": form, "lock": lock_of(patient)}
    return render(request, "cohorts/query_form.html", context)


@require_POST
def query_answer(request: HttpRequest, cohort_code: str, pk: int) -> HttpResponse:
    """Answer a query."""
    return _say(request, cohort_code, pk, Action.ANSWER, answer_query)


@require_POST
def query_close(request: HttpRequest, cohort_code: str, pk: int) -> HttpResponse:
    """Close a query."""
    return _say(request, cohort_code, pk, Action.ASK, close_query, optional=_("Closed."))


@require_POST
def query_reopen(request: HttpRequest, cohort_code: str, pk: int) -> HttpResponse:
    """Ask again."""
    return _say(request, cohort_code, pk, Action.ASK, reopen_query)


def _say(
    request: HttpRequest, cohort_code: str, pk: int, action: Action, act: _Act, *, optional: str = ""
) -> HttpResponse:
    queries = Query.objects.select_related("patient__cohort", "opened_by")
    query = fetch(queries, request.user, action, pk=pk, patient__cohort__code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = MessageForm({"text": request.POST.get("text", "").strip() or optional})
    if not form.is_valid():
        messages.error(request, _("Write a sentence of at most 500 characters."))
        return redirect(_place(query))
    try:
        act(query, text=form.cleaned_data["text"], actor=request.user)
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect(_place(query))


def _place(query: Query) -> str:
    page = reverse("cohorts:queries", args=[query.patient.cohort.code])
    return f"{page}?q={query.patient.code}&state={ALL}#query-{query.pk}"
