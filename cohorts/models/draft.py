"""What somebody typed into the pathology form and did not save yet."""

from __future__ import annotations

from django.db import models

from cohorts.models.cohort import User
from cohorts.models.patient import Patient


class OutcomeDraft(models.Model):
    """One person's unsaved reading of one patient: no record, hence neither audited nor modelled."""

    cohort_path = "patient__cohort"
    centre_path = "patient__centre"

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="drafts")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="drafts")
    base_version = models.PositiveIntegerField(help_text="version of the reading it started from; 0: none")
    values = models.JSONField(default=dict, help_text="field → text, as typed")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["patient", "user"], name="one_draft_a_person")]

    def __str__(self) -> str:
        return f"{self.patient.code}, draft"
