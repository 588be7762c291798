"""Patients who took their consent back: that it happened, and never who."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cohorts.models.cohort import Centre, Cohort, User


class Withdrawal(models.Model):
    """One patient removed with everything that was theirs; names neither the patient nor any of their values."""

    cohort_path = "cohort"
    centre_path = "centre"

    class Reason(models.TextChoices):
        CONSENT = "consent", _("Consent withdrawn")
        OBJECTION = "objection", _("Objection to the use of the data")
        ERROR = "error", _("Entered by mistake")

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="withdrawals")
    centre = models.ForeignKey(Centre, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(_("reason"), max_length=12, choices=Reason)
    counts = models.JSONField(default=dict, help_text="kind of record → how many were removed")
    withdrawn_on = models.DateField(auto_now_add=True)
    recorded_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-withdrawn_on", "-pk"]

    def __str__(self) -> str:
        return f"Withdrawal of {self.withdrawn_on}"
