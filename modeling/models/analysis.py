"""Analyses of tables that a researcher brought."""

from __future__ import annotations

from django.db import models
from django.urls import reverse

from cohorts.models import Cohort, Job, User


class TableAnalysis(models.Model):
    """A table that was uploaded, the choices made for it, and what came out."""

    cohort_path = "cohort"

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="table_analyses")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=80)
    sha256 = models.CharField("table", max_length=64)
    columns = models.JSONField(default=list, help_text="columns of the table, in order")
    choices = models.JSONField(default=dict, help_text="outcome, id, centre, time, event, views, seed")
    recipe = models.JSONField(default=dict)
    result = models.JSONField(default=dict, help_text="what `evaluate_table --json` prints")
    job = models.OneToOneField(Job, null=True, on_delete=models.SET_NULL, related_name="table_analysis")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["cohort", "-number"]
        constraints = [models.UniqueConstraint(fields=["cohort", "number"], name="analysis_number_unique")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("modeling:table-analysis", args=[self.cohort.code, self.number])
