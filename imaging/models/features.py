"""Feature values, one row per region and protocol."""

from __future__ import annotations

import numpy as np
from django.db import models
from django.db.models import Q
from numpy.typing import NDArray

from imaging.models.habitat import HabitatModel
from imaging.models.protocol import ExtractionProtocol
from imaging.models.series import Segmentation


class FeatureSchema(models.Model):
    """Ordered feature names, stored once."""

    digest = models.CharField(max_length=64, unique=True)
    names = models.JSONField()

    def __str__(self) -> str:
        return f"{len(self.names)} features"


class FeatureSet(models.Model):
    """The values of one region of one segmentation under one protocol; twin of `FeatureVector`."""

    cohort_path = "segmentation__series__timepoint__patient__cohort"
    centre_path = "segmentation__series__timepoint__patient__centre"

    class Region(models.TextChoices):
        WHOLE_TUMOUR = "whole_tumour", "Whole tumour"
        HABITATS = "habitats", "Habitats"
        TRANSITIONS = "transitions", "Habitat transitions"

    segmentation = models.ForeignKey(Segmentation, on_delete=models.CASCADE, related_name="feature_sets")
    region = models.CharField(max_length=16, choices=Region)
    protocol = models.ForeignKey(ExtractionProtocol, on_delete=models.PROTECT, related_name="+")
    habitat_model = models.ForeignKey(HabitatModel, null=True, on_delete=models.CASCADE, related_name="feature_sets")
    schema = models.ForeignKey(FeatureSchema, on_delete=models.PROTECT, related_name="+")
    vector = models.BinaryField(help_text="float64, little endian, in the order of the schema")
    undefined = models.JSONField(default=dict, help_text="name → why it has no value")
    provenance = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["segmentation", "region"]
        constraints = [
            models.UniqueConstraint(
                fields=["segmentation", "region", "protocol"],
                condition=Q(habitat_model=None),
                name="feature_set_once",
            ),
            models.UniqueConstraint(
                fields=["segmentation", "region", "protocol", "habitat_model"],
                name="feature_set_once_per_habitat_model",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_region_display()} features of {self.segmentation}"

    @property
    def values(self) -> NDArray[np.float64]:
        """The vector, shape (n_features,)."""
        return np.frombuffer(bytes(self.vector), dtype="<f8")
