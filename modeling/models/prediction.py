"""What a model said of a patient, for good."""

from __future__ import annotations

from django.db import models

from cohorts.models import Patient
from modeling.models.training import ModelVersion


class Prediction(models.Model):
    """One model version × one patient. Never edited: a re-run adds a row."""

    cohort_path = "patient__cohort"
    centre_path = "patient__centre"

    class Standing(models.TextChoices):
        TRAINING = "training", "Training patient: out-of-fold probability"
        HELD_OUT = "held_out", "Held-out patient"
        PROSPECTIVE = "prospective", "No outcome was known"

    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="predictions")
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="predictions")
    probability = models.FloatField()
    threshold = models.FloatField()
    standing = models.CharField(max_length=12, choices=Standing)
    contributions = models.JSONField(default=list, help_text="feature, value, log-odds")
    features_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["patient", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.model_version} of {self.patient}: {self.probability:.2f}"

    @property
    def says_responder(self) -> bool:
        """Whether the probability reaches the frozen threshold."""
        return self.probability >= self.threshold
