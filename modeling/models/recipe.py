"""Recipes that people of a cohort designed, beside the built-in ones."""

from __future__ import annotations

from django.db import models

from cohorts.models import Cohort, User


class StoredRecipe(models.Model):
    """One version of a named recipe; twin of `modeling.core.recipes.Recipe`. A change adds a version."""

    cohort_path = "cohort"

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="recipes")
    name = models.SlugField(max_length=40)
    version = models.PositiveIntegerField()
    values = models.JSONField()
    digest = models.CharField(max_length=64)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["cohort", "name", "-version"]
        constraints = [models.UniqueConstraint(fields=["cohort", "name", "version"], name="recipe_version_unique")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
