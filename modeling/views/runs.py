"""One run read closely, its external test, and two versions side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.charts import Chart
from cohorts.errors import ServiceError
from cohorts.models import Cohort, User
from modeling.charts import (
    auc_chart,
    calibration_chart,
    classifier_chart,
    importance_chart,
    net_benefit_chart,
    roc_chart,
    selection_chart,
    subgroup_chart,
)
from modeling.core.views import PRIMARY_MODEL
from modeling.forms import OpeningForm, PromotionForm
from modeling.models import Evaluation, ModelVersion, TrainingRun
from modeling.selectors import stale_readings
from modeling.services import runs
from modeling.services.comparison import differences_of
from modeling.services.promotion import paired, verdict_for
from modeling.services.reports.without_model import in_order

_WAITING = (ModelVersion.State.CANDIDATE, ModelVersion.State.CHALLENGER)
#: Where curves are shown: the most independent test that there is.
_TESTS = (Evaluation.Split.EXTERNAL, Evaluation.Split.INTERNAL_TEST, Evaluation.Split.NESTED_CV)


@require_safe
def run_detail(request: HttpRequest, cohort_code: str, number: int) -> HttpResponse:
    """One run: performance by split and centre, one model closely, what it was fitted on."""
    found = TrainingRun.objects.select_related("cohort", "snapshot__habitat_model", "started_by")
    run = fetch(found, request.user, Action.VIEW_PREDICTIONS, cohort__code=cohort_code, number=number)
    versions = list(run.model_versions.prefetch_related("evaluations__model_version").order_by("pk"))
    evaluations = [evaluation for version in versions for evaluation in version.evaluations.all()]
    shown = _shown(versions, request.GET.get("model", PRIMARY_MODEL))
    context = {
        "cohort": run.cohort,
        "actions": actions_in(request.user, run.cohort),
        "run": run,
        "findings": run.findings,
        "versions": versions,
        "judged": [{"version": v, "verdict": verdict_for(v) if v.state in _WAITING else None} for v in versions],
        "chart": auc_chart(evaluations),
        "curves": _curves(shown, evaluations) if shown else [],
        "rows": [{"version": e.model_version, "evaluation": e} for e in evaluations if not e.centre],
        "centre_rows": [{"version": e.model_version, "evaluation": e} for e in evaluations if e.centre],
        "compared": _by_split(run.findings.get("comparisons", [])),
        "cuts": _by_name(run.findings.get("cuts") or {}),
        "external_size": run.findings.get("external_size") or {},
        "external_tested": _tested(evaluations, run.findings.get("cuts") or {}),
        "shown": shown,
        "closely": _closely(shown) if shown else [],
        "candidates": classifier_chart(shown.facts.get("comparison", {})) if shown else None,
        "openings": run.openings.select_related("opened_by").order_by("centre"),
        "opening_form": OpeningForm(),
        "readings": stale_readings(run, user=request.user),
        "reports": run.reports.select_related("created_by"),
        "snapshot": run.snapshot,
        "excluded": run.snapshot.excluded,
        "spectrum": run.findings.get("spectrum", []),
        "comparators": in_order(run.findings.get("comparators", [])),
        "habitat_model": run.snapshot.habitat_model,
        "codebook": run.snapshot.habitat_model.codebook,
        "recipe": run.recipe,
        "promotion_form": PromotionForm(),
    }
    return render(request, "modeling/run_detail.html", context)


def _shown(versions: Sequence[ModelVersion], name: str) -> ModelVersion | None:
    """Give the version of a name, or the last: a recipe's most inclusive model stands last."""
    return next((version for version in versions if version.name == name), versions[-1] if versions else None)


def _curves(version: ModelVersion, evaluations: Sequence[Evaluation]) -> list[Chart]:
    """Give the curves of all models of a run, on the most independent test of one of them."""
    own = [e for e in evaluations if e.model_version_id == version.pk]
    tested = next((split for split in _TESTS if any(e.split == split for e in own)), Evaluation.Split.NESTED_CV)
    label = Evaluation.Split(tested).label.lower()
    charts = (
        roc_chart(evaluations, split=tested, title=_("ROC, %(split)s") % {"split": label}),
        net_benefit_chart(evaluations, split=tested),
    )
    return [chart for chart in charts if chart]


def _closely(version: ModelVersion) -> list[Chart]:
    """Give the charts of one model."""
    charts = (
        calibration_chart(list(version.evaluations.all())),
        subgroup_chart(version.run.findings.get("subgroups", {}).get(version.name, [])),
        importance_chart(version.facts),
        selection_chart(version.facts, version.selected),
    )
    return [chart for chart in charts if chart]


def _by_name(cuts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of other cuts by split, the most independent test first."""
    return [
        {"label": Evaluation.Split(split).label, "rows": rows}
        for split in _TESTS
        if (rows := [row for row in cuts.get("rows", []) if row["split"] == split])
    ]


def _tested(evaluations: Sequence[Evaluation], cuts: Mapping[str, Any]) -> Evaluation | None:
    """Return the external test of the model that the run is about, if its external centres are open."""
    found = (e for e in evaluations if e.split == Evaluation.Split.EXTERNAL and not e.centre)
    return next((e for e in found if e.model_version.name == cuts.get("model")), None)


def _by_split(comparisons: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give comparisons by split, the most independent test first."""
    order = [*_TESTS, *(split for split in Evaluation.Split if split not in _TESTS)]
    found = {split: [row for row in comparisons if row["split"] == split] for split in order}
    return [{"label": split.label, "rows": rows} for split, rows in found.items() if rows]


@require_POST
def open_external(request: HttpRequest, cohort_code: str, number: int) -> HttpResponse:
    """Test a run on the external centres, with the reason in the log."""
    run = fetch(TrainingRun, request.user, Action.TRAIN, cohort__code=cohort_code, number=number)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = OpeningForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why the external centres are opened now."))
        return redirect(run)
    try:
        opened = runs.open_external(run, actor=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, _("%(n)s external centres are open; the log says so.") % {"n": opened})
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect(run)


@require_safe
def compare(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Two versions side by side: performance, features, recipe, patients."""
    cohort = fetch(Cohort, request.user, Action.VIEW_PREDICTIONS, code=cohort_code)
    versions = ModelVersion.objects.filter(cohort=cohort).select_related("run__snapshot").order_by("name", "-version")
    context = {"cohort": cohort, "actions": actions_in(request.user, cohort), "versions": versions}
    if "a" in request.GET and "b" in request.GET:
        context |= _compared(versions.prefetch_related(_EVALUATIONS), request.GET["a"], request.GET["b"])
    return render(request, "modeling/compare.html", context)


_EVALUATIONS = Prefetch("evaluations", queryset=Evaluation.objects.select_related("model_version").order_by("pk"))


def _compared(versions: Any, first: str, second: str) -> dict[str, Any]:
    found = {
        str(version.pk): version for version in versions.filter(pk__in=[n for n in (first, second) if n.isdecimal()])
    }
    if first not in found or second not in found:
        raise Http404
    a, b = found[first], found[second]
    return {"a": a, "b": b, "differences": differences_of(a, b), "paired": paired(a, b)}
