"""Who made which version the champion, when and why; and the rule by which a cohort retrains."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cohorts.models import Cohort, User
from modeling.core.promotion import Rule
from modeling.models.training import ModelVersion


class Promotion(models.Model):
    """One change of champion. Never edited: the champion on a date is the latest row before it."""

    cohort_path = "cohort"

    class Kind(models.TextChoices):
        FIRST = "first", _("First of its name")
        APPROVED = "approved", _("Approved after comparison")
        OVERRIDDEN = "overridden", _("Approved against the rule")
        ROLLBACK = "rollback", _("Rollback")

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="promotions")
    name = models.CharField(max_length=40, help_text="of the model")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="promotions")
    replaced = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind)
    promoted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    promoted_at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=200, blank=True)
    verdict = models.JSONField(default=dict, help_text="what spoke for and against it, as it was shown")

    class Meta:
        ordering = ["-promoted_at", "-pk"]
        indexes = [models.Index(fields=["cohort", "name", "-promoted_at"])]

    def __str__(self) -> str:
        return f"{self.version} became champion"


class RetrainingPolicy(models.Model):
    """When a cohort's scheduled training has something to do, and what a version must reach to become champion."""

    cohort_path = "cohort"

    cohort = models.OneToOneField(Cohort, on_delete=models.CASCADE, related_name="retraining_policy")
    minimum_new_outcomes = models.PositiveIntegerField(default=10)
    locked_only = models.BooleanField(default=False, help_text="count only outcomes of locked records")
    when_stale = models.BooleanField(default=True)
    margin_auc = models.FloatField(default=0.03, help_text="largest loss of AUC that still counts as not inferior")
    slope_low = models.FloatField(default=0.5, help_text="lowest acceptable calibration slope")
    slope_high = models.FloatField(default=2.0, help_text="highest acceptable calibration slope")
    oe_low = models.FloatField(default=0.8, help_text="lowest acceptable ratio of observed to expected")
    oe_high = models.FloatField(default=1.25, help_text="highest acceptable ratio of observed to expected")
    minimum_patients = models.PositiveIntegerField(
        default=60, help_text="fewest patients on whom a version is judged"
    )
    minimum_events = models.PositiveIntegerField(default=20, help_text="fewest of them in the smaller class")

    @property
    def rule(self) -> Rule:
        """The value twin: what a version must reach."""
        return Rule(
            margin=self.margin_auc,
            slope_bounds=(self.slope_low, self.slope_high),
            oe_bounds=(self.oe_low, self.oe_high),
            minimum_patients=self.minimum_patients,
            minimum_events=self.minimum_events,
        )

    def __str__(self) -> str:
        return f"Retraining of {self.cohort}"
