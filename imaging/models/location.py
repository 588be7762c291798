"""Where in the lungs a tumour lies, as the CT shows it."""

from __future__ import annotations

from django.db import models

from imaging.models.series import Segmentation


class TumourLocation(models.Model):
    """Measured location of one segmented tumour, or why it could not be measured; twin of `Location`."""

    cohort_path = "segmentation__series__timepoint__patient__cohort"
    centre_path = "segmentation__series__timepoint__patient__centre"

    segmentation = models.OneToOneField(Segmentation, on_delete=models.CASCADE, related_name="location")
    zone = models.CharField(max_length=12, blank=True, help_text="central or peripheral")
    side = models.CharField(max_length=8, blank=True, help_text="left or right")
    evidence = models.JSONField(default=dict, help_text="measures with their units in their names, and the rule")
    code = models.CharField(max_length=40, blank=True, help_text="error code where it could not be measured")
    reason = models.CharField(max_length=300, blank=True)
    provenance = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Location of {self.segmentation}"
