"""Locks on a patient's record or on a whole cohort, each signed electronically."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from cohorts.models.cohort import Cohort, User
from cohorts.models.patient import Patient


class RecordLock(models.Model):
    """One signature that closed a record (or, without a patient, the cohort), and perhaps the one that opened it."""

    cohort_path = "cohort"
    centre_path = "patient__centre"

    class Meaning(models.TextChoices):
        VERIFIED = "verified", "I checked this record against its source."
        APPROVED = "approved", "I approve this record for analysis."

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="locks")
    patient = models.ForeignKey(
        Patient, null=True, on_delete=models.CASCADE, related_name="locks", help_text="Empty: the whole cohort."
    )
    meaning = models.CharField(max_length=10, choices=Meaning)
    content_sha256 = models.CharField(max_length=64, help_text="of the values that were signed")
    signed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(auto_now_add=True)
    unlocked_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    unlocked_at = models.DateTimeField(null=True)
    unlock_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-signed_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(unlocked_at__isnull=True, patient__isnull=False),
                name="one_lock_a_patient",
            ),
            models.UniqueConstraint(
                fields=["cohort"],
                condition=Q(unlocked_at__isnull=True, patient__isnull=True),
                name="one_lock_a_cohort",
            ),
        ]

    def __str__(self) -> str:
        return f"Lock of {self.patient or self.cohort}"
