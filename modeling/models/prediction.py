"""What a model said of a patient, for good."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from cohorts.errors import ServiceError
from cohorts.models import Patient
from modeling.models.training import ModelVersion


class Prediction(models.Model):
    """One model version × one patient. Never edited: a re-run adds a row."""

    cohort_path = "patient__cohort"
    centre_path = "patient__centre"

    class Standing(models.TextChoices):
        TRAINING = "training", _("Training patient: out-of-fold probability")
        HELD_OUT = "held_out", _("Held-out patient")
        PROSPECTIVE = "prospective", _("Before any known surgery, reading or outcome")

    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="predictions")
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="predictions")
    probability = models.FloatField()
    threshold = models.FloatField()
    standing = models.CharField(max_length=12, choices=Standing)
    low = models.FloatField(null=True, help_text="lower end of the 95 % interval of the probability")
    high = models.FloatField(null=True, help_text="upper end")
    uncertainty = models.JSONField(
        default=dict, help_text="what the interval rests on; the conformal set and its coverage"
    )
    unlike = models.JSONField(default=dict, help_text="whether the scans are unlike the training scans, and what is")
    similar = models.JSONField(default=list, help_text="most similar training patients: code, distance")
    contributions = models.JSONField(default=list, help_text="feature, value, log-odds")
    features_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["patient", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.model_version} of {self.patient}: {self.probability:.2f}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Create the row; refuse to change one."""
        if not self._state.adding:
            raise ServiceError("prediction_frozen", "A prediction is never changed; a new one is added beside it.")
        super().save(*args, **kwargs)
