"""Tables that researchers bring: upload, choices, check, analysis, result."""

from __future__ import annotations

from typing import Any

import yaml
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import REMEDIES, ServiceError
from cohorts.models import Cohort, User
from imaging.storage import ArtefactCorrupt
from modeling.charts.tables import charts_of
from modeling.core.errors import ModelingError
from modeling.core.recipes import STANDARD
from modeling.forms import TableChoicesForm, TableUploadForm
from modeling.models import TableAnalysis
from modeling.services.recipes import recipe_named, recipes_of
from modeling.services.table_analysis import enqueue_analysis, file_of, keep_table, preview, require_size

#: A list of more columns would make the page heavy; others are named in a command.
_OFFERED = 2_000


@require_safe
def table_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The tables of a cohort, newest first, and the upload of another."""
    cohort = fetch(Cohort, request.user, Action.VIEW_PREDICTIONS, code=cohort_code)
    tables = TableAnalysis.objects.filter(cohort=cohort).select_related("cohort", "created_by", "job")
    page = Paginator(tables.order_by("-number"), 30).get_page(request.GET.get("page"))
    context = {"cohort": cohort, "actions": actions_in(request.user, cohort), "page": page, "form": TableUploadForm()}
    return render(request, "modeling/table_list.html", context)


@require_POST
def upload(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Keep a table."""
    cohort = fetch(Cohort, request.user, Action.TRAIN, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = TableUploadForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, _("Choose a table that is not empty: CSV, Excel or Parquet."))
        return redirect("modeling:tables", cohort_code)
    file = form.cleaned_data["file"]
    try:
        require_size(file.size)
        return redirect(keep_table(cohort, file.read(), title=form.cleaned_data["title"], actor=request.user))
    except (ServiceError, ModelingError, ArtefactCorrupt) as error:
        messages.error(request, _in_words(error))
        return redirect("modeling:tables", cohort_code)


@require_safe
def table_detail(request: HttpRequest, cohort_code: str, number: int) -> HttpResponse:
    """One table: its columns and choices, or what came of it."""
    analysis = _fetch(request, cohort_code, number, Action.VIEW_PREDICTIONS)
    return _page(request, analysis, _form(analysis))


@require_POST
def start(request: HttpRequest, cohort_code: str, number: int) -> HttpResponse:
    """Check what was chosen, or start the analysis."""
    analysis = _fetch(request, cohort_code, number, Action.TRAIN)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = _form(analysis, request.POST)
    if not form.is_valid():
        return _page(request, analysis, form)
    choices, values = form.choices(), form.cleaned_data
    try:
        if request.POST.get("act") == "start":
            return redirect(
                enqueue_analysis(
                    analysis, choices, recipe_name=values["recipe"], seed=values["seed"], user=request.user
                )
            )
        found = preview(analysis, choices, recipe_named(analysis.cohort, values["recipe"]))
    except (ServiceError, ModelingError, ArtefactCorrupt) as error:
        return _page(request, analysis, form, refusal=_in_words(error))
    return _page(request, analysis, form, preview=found)


@require_safe
def download(request: HttpRequest, cohort_code: str, number: int) -> HttpResponse:
    """Give one file of a result; the report without a name."""
    analysis = _fetch(request, cohort_code, number, Action.VIEW_PREDICTIONS)
    name = request.GET.get("file", "result.json")
    try:
        content = file_of(analysis, name)
    except (ServiceError, ArtefactCorrupt) as error:
        raise Http404(error.message) from error
    response = HttpResponse(content, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="table-{analysis.number}-{name.split("/")[-1]}"'
    return response


def _fetch(request: HttpRequest, cohort_code: str, number: int, action: Action) -> TableAnalysis:
    tables = TableAnalysis.objects.select_related("cohort", "job", "created_by")
    return fetch(tables, request.user, action, cohort__code=cohort_code, number=number)


def _form(analysis: TableAnalysis, data: Any = None) -> TableChoicesForm:
    names = [column["name"] for column in analysis.columns[:_OFFERED]]
    return TableChoicesForm(data, columns=names, recipes=recipes_of(analysis.cohort), initial=_initial(analysis))


def _initial(analysis: TableAnalysis) -> dict[str, Any]:
    chosen = dict(analysis.choices)
    views = chosen.get("views")
    return chosen | {
        "exclude": "\n".join(chosen.get("exclude", [])),
        "train_on": ", ".join(chosen.get("train_on", [])),
        "views": yaml.safe_dump(views, sort_keys=False, allow_unicode=True) if views else "",
        "recipe": analysis.recipe.get("name", STANDARD.name),
        "seed": analysis.recipe.get("seed", STANDARD.seed),
    }


def _page(request: HttpRequest, analysis: TableAnalysis, form: TableChoicesForm, **found: Any) -> HttpResponse:
    refused = [column for column in analysis.columns if column["reason"]]
    context = {
        "cohort": analysis.cohort,
        "actions": actions_in(request.user, analysis.cohort),
        "table": analysis,
        "form": form,
        "columns": Paginator(analysis.columns, 100).get_page(request.GET.get("page")),
        "refused": refused,
        "result": analysis.result,
        "charts": charts_of(analysis.result) if analysis.result else [],
        **found,
    }
    return render(request, "modeling/table_detail.html", context)


def _in_words(error: ServiceError | ModelingError | ArtefactCorrupt) -> str:
    return f"{error.message} {REMEDIES.get(error.code, '')}".strip()
