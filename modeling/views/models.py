"""Runs and models: list, retrain, schedule, predict, promote, export."""

from __future__ import annotations

from operator import attrgetter

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import ServiceError
from cohorts.models import Cohort, Job, User
from cohorts.selectors.jobs import active_job
from modeling.forms import PromotionForm, ScheduleForm, TrainForm
from modeling.models import ModelVersion
from modeling.selectors import runs_for_list, stale_runs
from modeling.services.advice import training_advice
from modeling.services.export import export_archive
from modeling.services.prediction import enqueue_prediction
from modeling.services.promotion import promote
from modeling.services.recipes import recipes_of
from modeling.services.schedule import schedule_values, scheduled, set_schedule
from modeling.services.training import enqueue_training


@require_safe
def model_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Every run of a cohort with its models, newest first; old versions stay beside new ones."""
    cohort = fetch(Cohort, request.user, Action.VIEW_PREDICTIONS, code=cohort_code)
    stale = stale_runs(cohort)
    runs = [
        {
            "run": run,
            "is_stale": bool(stale[run.pk]),
            "versions": [
                {"version": v, "evaluations": v.evaluations.all()}
                for v in sorted(run.model_versions.all(), key=attrgetter("pk"))
            ],
        }
        for run in runs_for_list(cohort)
    ]
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "runs": runs,
        "active_job": active_job(cohort, Job.Kind.TRAINING),
        "train_form": TrainForm(recipes=recipes_of(cohort)),
        "advice": training_advice(cohort),
        "schedule_form": ScheduleForm(initial=schedule_values(cohort), recipes=recipes_of(cohort)),
        "schedule": scheduled(cohort),
    }
    return render(request, "modeling/model_list.html", context)


@require_POST
def retrain(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Queue a training run."""
    cohort = fetch(Cohort, request.user, Action.TRAIN, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = TrainForm(request.POST, recipes=recipes_of(cohort))
    if not form.is_valid():
        messages.error(request, _("Choose a recipe."))
        return redirect("modeling:models", cohort_code)
    recipe, is_open = form.cleaned_data["recipe"], not form.cleaned_data["keep_closed"]
    try:
        return redirect(enqueue_training(cohort, recipe_name=recipe, user=request.user, open_external=is_open))
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect("modeling:models", cohort_code)


@require_POST
def schedule(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Set when the cohort retrains by itself."""
    cohort = fetch(Cohort, request.user, Action.TRAIN, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = ScheduleForm(request.POST, recipes=recipes_of(cohort))
    if form.is_valid():
        set_schedule(cohort, actor=request.user, policy=form.policy, **form.schedule)
        messages.success(request, _("The schedule is saved."))
    else:
        messages.error(
            request,
            _("The schedule is not saved.")
            + " "
            + " ".join(str(text) for texts in form.errors.values() for text in texts),
        )
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
    if not form.is_valid():
        messages.error(request, _("Say why this version becomes the champion."))
        return redirect(version.run)
    try:
        promote(version, actor=request.user, **form.cleaned_data)
        messages.success(request, _("%(version)s is the champion now.") % {"version": version})
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect(version.run)


@require_safe
def export(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Give features, outcomes and predictions as one zip with a data dictionary."""
    cohort = fetch(Cohort, request.user, Action.EXPORT, code=cohort_code)
    response = HttpResponse(export_archive(cohort, request.user), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{cohort.code}-export.zip"'
    return response
