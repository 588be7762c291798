"""How far features move when a mask or an image is disturbed."""

from __future__ import annotations

import numpy as np
from django.db import models
from numpy.typing import NDArray

from imaging.models.features import FeatureSchema
from imaging.models.protocol import ExtractionProtocol
from imaging.models.series import Segmentation


class PerturbedFeatures(models.Model):
    """Features of one segmentation under every perturbation: what ICC is computed from, on any set of patients."""

    cohort_path = "segmentation__series__timepoint__patient__cohort"
    centre_path = "segmentation__series__timepoint__patient__centre"

    segmentation = models.ForeignKey(Segmentation, on_delete=models.CASCADE, related_name="perturbed_features")
    protocol = models.ForeignKey(ExtractionProtocol, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64, help_text="sha256 of the perturbations")
    perturbations = models.JSONField(help_text="their names, in the order of the rows")
    schema = models.ForeignKey(FeatureSchema, on_delete=models.PROTECT, related_name="+")
    matrix = models.BinaryField(help_text="float64, little endian, perturbations x features")
    skipped = models.JSONField(default=dict, help_text="perturbation → why its row has no values")
    provenance = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["segmentation", "protocol", "digest"], name="perturbed_features_once")
        ]

    def __str__(self) -> str:
        return f"Perturbed features of {self.segmentation}"

    @property
    def values(self) -> NDArray[np.float64]:
        """The matrix, shape (n_perturbations, n_features)."""
        return np.frombuffer(bytes(self.matrix), dtype="<f8").reshape(len(self.perturbations), -1)
