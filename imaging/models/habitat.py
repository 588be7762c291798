"""Supervoxels, the codebook that turns them into habitats, and the maps that result."""

from __future__ import annotations

from django.db import models

from cohorts.models import Cohort, Patient
from imaging.models.protocol import ExtractionProtocol
from imaging.models.series import Segmentation


class SupervoxelMap(models.Model):
    """Supervoxels of one tumour at one timepoint, before any clustering; twin of `Supervoxels`."""

    cohort_path = "segmentation__series__timepoint__patient__cohort"
    centre_path = "segmentation__series__timepoint__patient__centre"

    segmentation = models.ForeignKey(Segmentation, on_delete=models.CASCADE, related_name="supervoxel_maps")
    protocol = models.ForeignKey(ExtractionProtocol, on_delete=models.PROTECT, related_name="+")
    n_supervoxels = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    provenance = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segmentation", "protocol"], name="supervoxels_once")]

    def __str__(self) -> str:
        return f"{self.n_supervoxels} supervoxels of {self.segmentation}"


class HabitatModel(models.Model):
    """A frozen codebook and the patients that it was fitted on; twin of `Codebook`."""

    cohort_path = "cohort"

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="habitat_models")
    protocol = models.ForeignKey(ExtractionProtocol, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    n_habitats = models.PositiveSmallIntegerField()
    codebook = models.JSONField()
    digest = models.CharField(max_length=64)
    fitted_on = models.ManyToManyField(Patient, related_name="+")
    withdrawn = models.PositiveIntegerField(
        default=0, help_text="patients fitted on who withdrew their consent since"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["cohort", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["cohort", "version"], name="habitat_model_version_unique"),
            models.UniqueConstraint(fields=["cohort", "digest"], name="habitat_model_once"),
        ]

    def __str__(self) -> str:
        return f"Habitat model {self.version} ({self.n_habitats} habitats)"


class HabitatMap(models.Model):
    """The habitats of one tumour at one timepoint under one codebook; twin of `HabitatLabels`."""

    cohort_path = "segmentation__series__timepoint__patient__cohort"
    centre_path = "segmentation__series__timepoint__patient__centre"

    segmentation = models.ForeignKey(Segmentation, on_delete=models.CASCADE, related_name="habitat_maps")
    habitat_model = models.ForeignKey(HabitatModel, on_delete=models.CASCADE, related_name="maps")
    fractions = models.JSONField(help_text="share of each habitat, in order")
    volumes_mm3 = models.JSONField(help_text="volume of each habitat, in order")
    interaction = models.JSONField(help_text="contact counts, (k+1) x (k+1), first row and column the border")
    sha256 = models.CharField(max_length=64)
    provenance = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segmentation", "habitat_model"], name="habitat_map_once")]

    def __str__(self) -> str:
        return f"Habitats of {self.segmentation}"
