"""Readings of the viable percentage that readers give blind to each other and to every prediction."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from cohorts.models.cohort import User
from cohorts.models.patient import Patient


class BlindedReading(models.Model):
    """One reader's viable percentage of one patient; given once, never edited."""

    cohort_path = "patient__cohort"
    centre_path = "patient__centre"

    class Slot(models.IntegerChoices):
        FIRST = 1, "First reading"
        SECOND = 2, "Second reading"
        ADJUDICATION = 3, "Adjudication"

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="blinded_readings")
    reader = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    slot = models.PositiveSmallIntegerField(choices=Slot)
    viable_percent = models.DecimalField(
        "viable tumour (%)",
        max_digits=5,
        decimal_places=2,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    comment = models.CharField(max_length=200, blank=True)
    read_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["patient", "slot"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "slot"], name="one_reading_a_slot"),
            models.UniqueConstraint(fields=["patient", "reader"], name="one_reading_a_reader"),
        ]

    def __str__(self) -> str:
        return f"{self.patient.code}, {self.get_slot_display().lower()}"
