"""Recipes of a cohort: the built-in ones, and those that its people designed."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Cohort, User
from modeling.core.recipes import BUILT_IN, Recipe
from modeling.models import StoredRecipe


def recipes_of(cohort: Cohort) -> dict[str, Recipe]:
    """Give every recipe that a cohort can train, by name: built-in first, then the newest of each stored name."""
    newest: dict[str, Recipe] = {}
    for row in StoredRecipe.objects.filter(cohort=cohort).order_by("name", "-version"):
        newest.setdefault(row.name, Recipe.from_dict(row.values))
    return BUILT_IN | newest


def recipe_named(cohort: Cohort, name: str) -> Recipe:
    """Give a recipe of a cohort.

    Raises
    ------
    ServiceError
        ``unknown_setting`` with the names that exist.
    """
    known = recipes_of(cohort)
    if name not in known:
        raise ServiceError("unknown_setting", f"There is no recipe “{name}”; there are {', '.join(sorted(known))}.")
    return known[name]


@transaction.atomic
def save_recipe(cohort: Cohort, values: dict[str, object], *, actor: User | None) -> StoredRecipe:
    """Store a recipe as the next version of its name; equal values store nothing new.

    Parameters
    ----------
    values : dict
        As `Recipe.as_dict` gives them; ``version`` is set here.

    Raises
    ------
    InvalidRecipe
        If a value is not known or breaks a rule.
    ServiceError
        ``unknown_setting`` if the name is that of a built-in recipe.
    """
    name = str(values.get("name", ""))
    if name in BUILT_IN:
        raise ServiceError("unknown_setting", f"“{name}” is built in and does not change; choose another name.")
    Cohort.objects.select_for_update().get(pk=cohort.pk)  # two people saving the same name take turns
    rows = StoredRecipe.objects.filter(cohort=cohort, name=name)
    last = rows.order_by("-version").first()
    if last is not None and Recipe.from_dict({**values, "version": last.version}).digest == last.digest:
        return last
    number = (rows.aggregate(last=Max("version"))["last"] or 0) + 1
    recipe = Recipe.from_dict({**values, "version": number})
    row = StoredRecipe.objects.create(
        cohort=cohort,
        name=name,
        version=number,
        values=recipe.as_dict(),
        digest=recipe.digest,
        created_by=actor,
    )
    changes = {"recipe": (str(last) if last else None, str(row)), "digest": (None, recipe.digest)}
    audit.record("saved recipe", row, actor=actor, cohort=cohort, changes=changes)
    return row
