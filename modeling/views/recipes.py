"""Recipes: list, read, design."""

from __future__ import annotations

from dataclasses import replace

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import ServiceError
from cohorts.models import Cohort, User
from modeling.core.recipes import BUILT_IN, STANDARD, Recipe
from modeling.forms import DesignForm
from modeling.models import StoredRecipe
from modeling.services.recipes import recipes_of, save_recipe
from modeling.wording import setting_rows


@require_safe
def recipe_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Every recipe that the cohort can train."""
    cohort = fetch(Cohort, request.user, Action.VIEW_PREDICTIONS, code=cohort_code)
    stored = StoredRecipe.objects.filter(cohort=cohort).select_related("created_by").order_by("name", "-version")
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "built_in": list(BUILT_IN.values()),
        "stored": stored,
    }
    return render(request, "modeling/recipe_list.html", context)


@require_safe
def recipe_detail(request: HttpRequest, cohort_code: str, name: str) -> HttpResponse:
    """One recipe: every setting with what it is for, beside the standard's."""
    cohort = fetch(Cohort, request.user, Action.VIEW_PREDICTIONS, code=cohort_code)
    recipe = _recipe(cohort, name)
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "recipe": recipe,
        "is_built_in": name in BUILT_IN,
        "rows": setting_rows(recipe.as_dict(), STANDARD.as_dict()),
        "versions": StoredRecipe.objects.filter(cohort=cohort, name=name).select_related("created_by"),
    }
    return render(request, "modeling/recipe_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def recipe_edit(request: HttpRequest, cohort_code: str, name: str) -> HttpResponse:
    """Design a recipe from another one; saving adds a version."""
    cohort = fetch(Cohort, request.user, Action.TRAIN, code=cohort_code)
    recipe = _recipe(cohort, name)
    own_name = f"{name}-{cohort.code}"[:40] if name in BUILT_IN else name
    form = DesignForm(request.POST) if request.method == "POST" else DesignForm.of(replace(recipe, name=own_name))
    if request.method == "POST" and form.is_valid() and (saved := _saved(request, cohort, recipe, form)):
        messages.success(request, _("%(recipe)s is saved.") % {"recipe": saved})
        return redirect("modeling:recipe", cohort.code, saved.name)
    context = {"cohort": cohort, "recipe": recipe, "form": form, "groups": _groups(form)}
    return render(request, "modeling/recipe_form.html", context)


def _recipe(cohort: Cohort, name: str) -> Recipe:
    found = recipes_of(cohort).get(name)
    if found is None:
        raise Http404
    return found


def _saved(request: HttpRequest, cohort: Cohort, base: Recipe, form: DesignForm) -> StoredRecipe | None:
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        # What the form does not ask stays as it is in the recipe that this one is designed from.
        return save_recipe(cohort, base.as_dict() | form.recipe_values, actor=request.user)
    except ServiceError as error:
        form.add_error("name", error.message)
        return None


_GROUPS = {
    gettext_lazy("What models look at"): ("views",),
    gettext_lazy("Selection of features"): (
        "max_missing_fraction",
        "icc_minimum",
        "icc_limit",
        "univariate_p",
        "false_discovery",
        "max_abs_spearman",
        "mrmr_features",
        "lasso_rule",
        "patients_per_feature",
    ),
    gettext_lazy("Classifiers"): ("classifiers", "class_weight", "calibration", "harmonise"),
    gettext_lazy("Threshold"): ("threshold_rule", "sensitivity_floor"),
    gettext_lazy("Validation"): (
        "cv_folds",
        "cv_repeats",
        "inner_folds",
        "temporal_fraction",
        "bootstraps",
        "selection_bootstraps",
        "seed",
    ),
}


def _groups(form: DesignForm) -> list[dict[str, object]]:
    return [{"title": title, "fields": [form[name] for name in names]} for title, names in _GROUPS.items()]
