"""Each look at patients of another hospital."""

from __future__ import annotations

from django.db import models

from cohorts.models import Cohort, User
from modeling.models.training import TrainingRun


class TestOpening(models.Model):
    """One run tested on one external centre; the number says how often that centre was opened before."""

    #: Not a test case, whatever its name makes pytest believe.
    __test__ = False
    cohort_path = "cohort"

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="test_openings")
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="openings")
    centre = models.CharField(max_length=32)
    number = models.PositiveIntegerField(help_text="1: the first time that a model saw this centre's outcomes")
    n_patients = models.PositiveIntegerField()
    reason = models.CharField(max_length=200, blank=True)
    opened_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "centre"], name="opening_once_per_run"),
            models.UniqueConstraint(fields=["cohort", "centre", "number"], name="opening_number_unique"),
        ]

    def __str__(self) -> str:
        return f"Centre {self.centre}, opening {self.number}"
