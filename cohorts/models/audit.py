"""What people and the system did."""

from __future__ import annotations

from django.db import models

from cohorts.models.cohort import Centre, Cohort, User
from cohorts.models.patient import Patient


class AuditEntry(models.Model):
    """One act by one person (or by the system, without one): who, when, old, new, why."""

    cohort_path = "cohort"
    centre_path = "centre"

    cohort = models.ForeignKey(Cohort, null=True, on_delete=models.PROTECT, related_name="audit_entries")
    centre = models.ForeignKey(Centre, null=True, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, null=True, on_delete=models.PROTECT, related_name="audit_entries")
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    verb = models.CharField(max_length=40)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    changes = models.JSONField(default=dict, help_text="field → [old, new]")
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["patient", "at"])]

    def __str__(self) -> str:
        return f"{self.verb} {self.object_type} {self.object_id}"
