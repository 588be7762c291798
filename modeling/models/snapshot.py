"""What was modelled, frozen."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from cohorts.models import Cohort, PathologyOutcome
from imaging.models import HabitatModel, Segmentation


class TableSnapshot(models.Model):
    """An immutable table of features and outcomes; twin of `modeling.core.table.FeatureTable`."""

    cohort_path = "cohort"

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="snapshots")
    habitat_model = models.ForeignKey(HabitatModel, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    trained_digest = models.CharField(
        max_length=64, blank=True, help_text="of the table as it was, before patients who withdrew were taken out"
    )
    withdrawn = models.PositiveIntegerField(default=0, help_text="patients of the table who withdrew their consent")
    segmentations = models.ManyToManyField(Segmentation, related_name="+")
    n_masks = models.PositiveIntegerField(default=0, help_text="how many masks the features are of")
    n_patients = models.PositiveIntegerField()
    n_columns = models.PositiveIntegerField()
    outcomes = models.ManyToManyField(PathologyOutcome, related_name="+")
    excluded = models.JSONField(default=list, help_text="patients left out, each with the reason")
    mpr_threshold_percent = models.DecimalField(max_digits=4, decimal_places=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            # Two tables may become equal when a patient is taken out of both; they stay two records.
            models.UniqueConstraint(fields=["cohort", "sha256"], condition=Q(withdrawn=0), name="snapshot_once")
        ]

    def __str__(self) -> str:
        return f"{self.n_patients} patients x {self.n_columns} columns"
