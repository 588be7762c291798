"""What the files of a patient say of the person, kept so that nobody can read it back."""

from __future__ import annotations

from django.db import models

from cohorts.models import Patient


class PersonMark(models.Model):
    """Keyed hash of one thing that a patient's files said of the person, to compare later files with."""

    cohort_path = "patient__cohort"
    centre_path = "patient__centre"

    class Kind(models.TextChoices):
        PATIENT_ID = "patient_id", "PatientID"
        SEX = "sex", "PatientSex"
        BIRTH_DATE = "birth_date", "PatientBirthDate"

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="person_marks")
    kind = models.CharField(max_length=12, choices=Kind)
    digest = models.CharField(max_length=64, help_text="HMAC of the value with the installation's secret key")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["patient", "kind", "pk"]
        constraints = [models.UniqueConstraint(fields=["patient", "kind", "digest"], name="person_mark_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.patient}"
