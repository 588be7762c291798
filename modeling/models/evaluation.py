"""How a model did on patients it had not seen."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from modeling.models.training import ModelVersion


class Evaluation(models.Model):
    """One model version on one split of its snapshot, with intervals."""

    cohort_path = "model_version__cohort"

    class Split(models.TextChoices):
        NESTED_CV = "nested_cv", _("Nested cross-validation")
        #: Runs before 0.3.0, whose threshold was chosen on the predictions that are measured.
        CROSS_VALIDATION = "cross_validation", _("Cross-validation (training patients)")
        INTERNAL_TEST = "internal_test", _("Internal test")
        EXTERNAL = "external", _("External test")
        LEAVE_ONE_CENTRE_OUT = "leave_one_centre_out", _("Leave one centre out")
        TEMPORAL = "temporal", _("Temporal test")

    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="evaluations")
    split = models.CharField(max_length=24, choices=Split)
    centre = models.CharField(max_length=32, blank=True, help_text="Empty: all centres of the split together.")
    n = models.PositiveIntegerField()
    events = models.PositiveIntegerField()
    auc = models.FloatField(null=True)
    auc_low = models.FloatField(null=True)
    auc_high = models.FloatField(null=True)
    metrics = models.JSONField(default=dict)
    roc = models.JSONField(default=list)

    class Meta:
        ordering = ["model_version", "pk"]
        constraints = [models.UniqueConstraint(fields=["model_version", "split", "centre"], name="evaluation_once")]

    def __str__(self) -> str:
        return f"{self.model_version}, {self.get_split_display()} {self.centre}".strip()
