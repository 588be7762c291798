"""Recipes that people design: versions, refusals, and the pages on which it is done."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Job
from modeling.core.errors import InvalidRecipe
from modeling.core.recipes import BUILT_IN, QUICK, STANDARD, Recipe
from modeling.forms import DesignForm
from modeling.models import StoredRecipe
from modeling.services.recipes import recipe_named, recipes_of, save_recipe
from tests.trial import Trial, build_trial

pytestmark = pytest.mark.django_db
MINE = QUICK.as_dict() | {"name": "mine", "mrmr_features": 7}


@pytest.fixture
def trial() -> Trial:
    return build_trial()


def posted(**changes: Any) -> dict[str, Any]:
    """Give the design form as a browser posts it."""
    values = DesignForm.of(Recipe.from_dict(MINE)).initial | changes
    return {
        name: "on" if value is True else value
        for name, value in values.items()
        if value is not None and value is not False
    }


def test_a_change_adds_a_version_and_equal_values_add_none(trial: Trial) -> None:
    first = save_recipe(trial.cohort, MINE, actor=trial.researcher)
    again = save_recipe(trial.cohort, dict(MINE), actor=trial.researcher)
    changed = save_recipe(trial.cohort, MINE | {"mrmr_features": 8}, actor=trial.researcher)
    assert again == first
    assert (first.version, changed.version) == (1, 2)
    assert first.digest != changed.digest
    assert recipe_named(trial.cohort, "mine").mrmr_features == 8
    assert AuditEntry.objects.filter(verb="saved recipe").count() == 2


def test_a_built_in_recipe_cannot_be_replaced(trial: Trial) -> None:
    with pytest.raises(ServiceError, match="built in"):
        save_recipe(trial.cohort, STANDARD.as_dict() | {"seed": 5}, actor=trial.researcher)
    assert recipes_of(trial.cohort) == BUILT_IN


def test_an_unknown_setting_or_a_broken_rule_stores_nothing(trial: Trial) -> None:
    with pytest.raises(InvalidRecipe, match="colour"):
        save_recipe(trial.cohort, MINE | {"colour": "red"}, actor=trial.researcher)
    with pytest.raises(InvalidRecipe, match="univariate_p"):
        save_recipe(trial.cohort, MINE | {"univariate_p": 2.0}, actor=trial.researcher)
    assert not StoredRecipe.objects.exists()


def test_a_recipe_of_another_cohort_is_not_known_here(trial: Trial) -> None:
    save_recipe(trial.cohort, MINE, actor=trial.researcher)
    stranger = trial.client("stranger")
    assert stranger.get(reverse("modeling:recipe", args=["other", "mine"])).status_code == 404
    assert stranger.get(reverse("modeling:recipe", args=["trial", "mine"])).status_code == 404


def test_the_form_gives_back_every_value_it_was_filled_with(trial: Trial) -> None:
    form = DesignForm(posted())
    assert form.is_valid(), form.errors
    expected = {name: value for name, value in MINE.items() if name in form.cleaned_data}
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in form.recipe_values.items()}
    assert given == expected


def test_a_researcher_designs_a_recipe_from_a_built_in_one_and_trains_it(trial: Trial) -> None:
    client = trial.client("researcher")
    page = client.get(reverse("modeling:recipe-edit", args=["trial", "quick"]))
    assert "quick-trial" in page.content.decode()
    answer = client.post(reverse("modeling:recipe-edit", args=["trial", "quick"]), posted(name="mine"))
    assert answer.status_code == 302, answer.context["form"].errors
    # What the form does not ask is that of the recipe it was designed from, not of the standard.
    assert recipe_named(trial.cohort, "mine").lasso_folds == QUICK.lasso_folds != STANDARD.lasso_folds
    listed = client.get(reverse("modeling:recipes", args=["trial"])).content.decode()
    assert "mine" in listed
    shown = client.get(reverse("modeling:recipe", args=["trial", "mine"])).content.decode()
    assert "standard: 20" in shown  # what differs from the standard is said
    client.post(reverse("modeling:retrain", args=["trial"]), {"recipe": "mine", "keep_closed": "on"})
    job = Job.objects.get(kind=Job.Kind.TRAINING)
    assert (job.parameters["recipe"], job.parameters["open_external"]) == ("mine", False)


def test_what_the_recipe_refuses_is_said_at_the_form_in_words(trial: Trial) -> None:
    page = trial.client("researcher").post(
        reverse("modeling:recipe-edit", args=["trial", "quick"]), posted(univariate_p=0)
    )
    assert page.status_code == 200
    assert "univariate_p lies above 0" in page.content.decode()
    assert not StoredRecipe.objects.exists()


@pytest.mark.parametrize("person", ["coordinator", "reader"])
def test_people_who_enter_pathology_see_no_recipe(trial: Trial, person: str) -> None:
    assert trial.client(person).get(reverse("modeling:recipes", args=["trial"])).status_code == 403
