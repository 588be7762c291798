"""Where each place of a tumour went: the registration of two scans, and the habitats along it."""

from __future__ import annotations

from django.db import models

from imaging.models.habitat import HabitatModel
from imaging.models.series import Segmentation


class Registration(models.Model):
    """The second scan brought onto the first around the tumour, or why that was refused."""

    cohort_path = "post__series__timepoint__patient__cohort"
    centre_path = "post__series__timepoint__patient__centre"

    pre = models.ForeignKey(Segmentation, on_delete=models.CASCADE, related_name="registrations_before")
    post = models.ForeignKey(Segmentation, on_delete=models.CASCADE, related_name="registrations_after")
    digest = models.CharField(max_length=64, help_text="sha256 of the registration's parameters")
    accepted = models.BooleanField()
    code = models.CharField(max_length=40, blank=True, help_text="error code where it was refused")
    reason = models.CharField(max_length=300, blank=True)
    quality = models.JSONField(default=dict, help_text="measures with their units in their names")
    provenance = models.JSONField(default=dict)
    sha256 = models.CharField(max_length=64, blank=True, help_text="displacement field on the first scan's grid")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pre", "post", "digest"], name="registration_once")]

    def __str__(self) -> str:
        return f"Registration of {self.post.timepoint.patient}"


class TransitionMap(models.Model):
    """Which habitat each place of a tumour was and became, under one codebook; twin of `Transitions`."""

    cohort_path = "registration__post__series__timepoint__patient__cohort"
    centre_path = "registration__post__series__timepoint__patient__centre"

    registration = models.ForeignKey(Registration, on_delete=models.CASCADE, related_name="transition_maps")
    habitat_model = models.ForeignKey(HabitatModel, on_delete=models.CASCADE, related_name="transition_maps")
    counts = models.JSONField(help_text="voxels, rows what a place was, columns what it became")
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["registration", "habitat_model"], name="transition_map_once")]

    def __str__(self) -> str:
        return f"Habitat transitions of {self.registration.post.timepoint.patient}"
