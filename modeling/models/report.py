"""Documents written from the database."""

from __future__ import annotations

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from cohorts.models import Cohort, Job, User
from modeling.models.training import TrainingRun


class Report(models.Model):
    """One document about one run, frozen as HTML and PDF."""

    cohort_path = "cohort"

    class Kind(models.TextChoices):
        STUDY = "study", _("Study report")
        MODEL_CARD = "model_card", _("Model card")
        CLEAR = "clear", _("CLEAR checklist")
        METRICS = "metrics", _("METRICS score")
        TRIPOD = "tripod", _("TRIPOD+AI checklist")
        PROBAST = "probast", _("PROBAST+AI assessment")

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="reports")
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="reports")
    kind = models.CharField(max_length=12, choices=Kind)
    html_sha256 = models.CharField(max_length=64)
    pdf_sha256 = models.CharField(max_length=64)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="reports")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of run {self.run.number}"

    def get_absolute_url(self) -> str:
        return reverse("modeling:report", args=[self.cohort.code, self.pk])
