"""Who made which version the champion, when and why; and the rule by which a cohort retrains."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cohorts.models import Cohort, User
from modeling.models.training import ModelVersion


class Promotion(models.Model):
    """One change of champion. Never edited: the champion on a date is the latest row before it."""

    cohort_path = "cohort"

    class Kind(models.TextChoices):
        FIRST = "first", _("First of its name")
        APPROVED = "approved", _("Approved after comparison")
        OVERRIDDEN = "overridden", _("Approved against the comparison")
        ROLLBACK = "rollback", _("Rollback")

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="promotions")
    name = models.CharField(max_length=40, help_text="of the model")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="promotions")
    replaced = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind)
    promoted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    promoted_at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=200, blank=True)
    verdict = models.JSONField(default=dict, help_text="the comparison with the champion before, as it was shown")

    class Meta:
        ordering = ["-promoted_at", "-pk"]
        indexes = [models.Index(fields=["cohort", "name", "-promoted_at"])]

    def __str__(self) -> str:
        return f"{self.version} became champion"


class RetrainingPolicy(models.Model):
    """When a cohort's scheduled training has something to do, and what a challenger must reach."""

    cohort_path = "cohort"

    cohort = models.OneToOneField(Cohort, on_delete=models.CASCADE, related_name="retraining_policy")
    minimum_new_outcomes = models.PositiveIntegerField(default=10)
    locked_only = models.BooleanField(default=False, help_text="count only outcomes of locked records")
    when_stale = models.BooleanField(default=True)
    margin_auc = models.FloatField(default=0.05, help_text="largest loss of AUC that still counts as not inferior")
    slope_low = models.FloatField(default=0.5, help_text="lowest acceptable calibration slope")
    slope_high = models.FloatField(default=2.0, help_text="highest acceptable calibration slope")

    def __str__(self) -> str:
        return f"Retraining of {self.cohort}"
