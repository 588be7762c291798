"""Runs and models: list, retrain, schedule, predict, promote, export."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import ServiceError
from cohorts.models import Cohort, Job, User
from cohorts.selectors import active_job
from modeling.charts import auc_chart, roc_chart
from modeling.forms import PromotionForm, RecipeForm, ScheduleForm
from modeling.models import Evaluation, ModelVersion, TrainingRun
from modeling.selectors import runs_for_list
from modeling.services.export import export_archive
from modeling.services.prediction import enqueue_prediction
from modeling.services.schedule import schedule_values, scheduled, set_schedule
from modeling.services.training import enqueue_training, promote


@require_safe
def model_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Every run of a cohort with its models, newest first; old versions stay beside new ones."""
    cohort = fetch(Cohort, request.user, Action.VIEW_PREDICTIONS, code=cohort_code)
    runs = [
        {
            "run": run,
            "versions": [{"version": v, "evaluations": v.evaluations.all()} for v in run.model_versions.all()],
        }
        for run in runs_for_list(cohort)
    ]
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "runs": runs,
        "active_job": active_job(cohort, Job.Kind.TRAINING),
        "recipe_form": RecipeForm(),
        "schedule_form": ScheduleForm(initial=schedule_values(cohort)),
        "schedule": scheduled(cohort),
    }
    return render(request, "modeling/model_list.html", context)


@require_safe
def run_detail(request: HttpRequest, cohort_code: str, number: int) -> HttpResponse:
    """One run: performance by split and centre, selected features, what it was fitted on."""
    runs = TrainingRun.objects.select_related("cohort", "snapshot__habitat_model", "started_by")
    run = fetch(runs, request.user, Action.VIEW_PREDICTIONS, cohort__code=cohort_code, number=number)
    versions = list(run.model_versions.prefetch_related("evaluations__model_version").order_by("pk"))
    evaluations = [evaluation for version in versions for evaluation in version.evaluations.all()]
    charts = [
        auc_chart(evaluations),
        roc_chart(evaluations, split=Evaluation.Split.INTERNAL_TEST, title="ROC, internal test"),
        roc_chart(evaluations, split=Evaluation.Split.EXTERNAL, title="ROC, external centres together"),
    ]
    context = {
        "cohort": run.cohort,
        "actions": actions_in(request.user, run.cohort),
        "run": run,
        "versions": versions,
        "charts": [chart for chart in charts if chart],
        "rows": [{"version": e.model_version, "evaluation": e} for e in evaluations],
        "snapshot": run.snapshot,
        "excluded": run.snapshot.excluded,
        "habitat_model": run.snapshot.habitat_model,
        "codebook": run.snapshot.habitat_model.codebook,
        "recipe": run.recipe,
        "promotion_form": PromotionForm(),
    }
    return render(request, "modeling/run_detail.html", context)


def _started(request: HttpRequest, cohort: Cohort, recipe_name: str) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        return redirect(enqueue_training(cohort, recipe_name=recipe_name, user=request.user))
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect("modeling:models", cohort.code)


@require_POST
def retrain(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Queue a training run."""
    cohort = fetch(Cohort, request.user, Action.TRAIN, code=cohort_code)
    form = RecipeForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose a recipe.")
        return redirect("modeling:models", cohort_code)
    return _started(request, cohort, form.cleaned_data["recipe"])


@require_POST
def schedule(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Set when the cohort retrains by itself."""
    cohort = fetch(Cohort, request.user, Action.TRAIN, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = ScheduleForm(request.POST)
    if form.is_valid():
        values = form.cleaned_data
        values["recipe_name"] = values.pop("recipe")
        set_schedule(cohort, actor=request.user, **values)
        messages.success(request, "The schedule is saved.")
    else:
        messages.error(request, "The schedule needs a recipe, a weekday and an hour from 0 to 23.")
    return redirect("modeling:models", cohort_code)


@require_POST
def predict(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Queue predictions by the models in use."""
    cohort = fetch(Cohort, request.user, Action.TRAIN, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        return redirect(enqueue_prediction(cohort, user=request.user))
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect("modeling:models", cohort_code)


@require_POST
def promote_version(request: HttpRequest, cohort_code: str, pk: int) -> HttpResponse:
    """Make a version the champion of its name."""
    versions = ModelVersion.objects.select_related("cohort", "run")
    version = fetch(versions, request.user, Action.MANAGE, cohort__code=cohort_code, pk=pk)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = PromotionForm(request.POST)
    if form.is_valid():
        promote(version, actor=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, f"{version} is the champion now.")
    else:
        messages.error(request, "Say why this version becomes the champion.")
    return redirect(version.run)


@require_safe
def export(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Give features, outcomes and predictions as one zip with a data dictionary."""
    cohort = fetch(Cohort, request.user, Action.EXPORT, code=cohort_code)
    response = HttpResponse(export_archive(cohort, request.user), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{cohort.code}-export.zip"'
    return response
