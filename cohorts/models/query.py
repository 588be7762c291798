"""Questions of a data manager about one field of a patient, and what came of them."""

from __future__ import annotations

from django.db import models

from cohorts.models.cohort import User
from cohorts.models.patient import Patient


class Query(models.Model):
    """One question about one field: opened, answered, closed."""

    cohort_path = "patient__cohort"
    centre_path = "patient__centre"

    class State(models.TextChoices):
        OPEN = "open", "Waits for an answer"
        ANSWERED = "answered", "Answered"
        CLOSED = "closed", "Closed"

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="queries")
    field = models.CharField(max_length=40, help_text="a clinical field, or a field of the pathology")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    opened_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-opened_at", "-pk"]
        verbose_name_plural = "queries"
        indexes = [models.Index(fields=["patient", "state"])]

    def __str__(self) -> str:
        return f"{self.patient.code}, {self.field}"


class QueryMessage(models.Model):
    """One sentence of the exchange, and the state that it left behind."""

    cohort_path = "query__patient__cohort"
    centre_path = "query__patient__centre"

    query = models.ForeignKey(Query, on_delete=models.CASCADE, related_name="messages")
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    text = models.CharField(max_length=500)
    state = models.CharField(max_length=8, choices=Query.State)

    class Meta:
        ordering = ["query", "pk"]

    def __str__(self) -> str:
        return f"{self.query}, {self.at}"
