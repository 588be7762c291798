"""Frozen, hashed parameters of a registration, and the limits beyond which it is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class RegistrationSpec:
    """How two scans are brought together around a tumour. All values are Ecotone's own defaults.

    Parameters
    ----------
    margin_mm : float
        Surroundings of both tumours that take part.
    tumour_margin_mm : float
        Width of the shell around each mask that counts as tumour: halo, spicules and partial volume.
    spacing_mm, smoothing_mm : float
        Working voxels and the Gaussian before them.
    coarse_spacing_mm, most_voxels : float, int
        Working voxels where the surroundings would have more than so many of `spacing_mm`.
    window_hu : tuple of float
        Intensities are cut to it: beyond lie metal, cortical bone and air.
    sampled_share, seed : float, int
        Part of the voxels that the rigid step looks at, and which.
    control_mm : float
        Distance of the control points of the B-spline.
    bending : float
        Weight of the bending energy of the control points.
    residual_scale_hu : float
        Residuals of several times this size lose their weight (Cauchy): what differs is no misplacement.
    iterations : int
        Gauss-Newton steps at each of two levels.
    lung_below_hu : float
        CT values below it are lung, in either scan.
    field_mm, field_margin_mm : float
        Spacing of the stored displacement field, and how far it reaches beyond the tumours.
    minimum_ncc, minimum_vessel_ncc, minimum_lung_overlap, maximum_residual_mm, maximum_inconsistency_mm : float
        Limits on the quality (docs/methods/transitions.md); worse is refused.
    maximum_rotation_degrees : float
        A larger turn on the table is no longer plausible.
    minimum_jacobian, maximum_jacobian : float
        Limits on the local change of volume; zero and below is folding.
    minimum_surroundings_ml : float
        What must be compared at least.
    """

    margin_mm: float = 40.0
    tumour_margin_mm: float = 8.0
    spacing_mm: float = 2.0
    coarse_spacing_mm: float = 3.0
    most_voxels: int = 300_000
    smoothing_mm: float = 1.0
    window_hu: tuple[float, float] = (-1000.0, 250.0)
    sampled_share: float = 0.2
    seed: int = 20260
    control_mm: float = 25.0
    bending: float = 0.001
    residual_scale_hu: float = 400.0
    iterations: int = 8
    lung_below_hu: float = -500.0
    field_mm: float = 4.0
    field_margin_mm: float = 10.0
    minimum_ncc: float = 0.8
    minimum_vessel_ncc: float = 0.55
    minimum_lung_overlap: float = 0.8
    maximum_residual_mm: float = 6.0
    maximum_inconsistency_mm: float = 4.0
    maximum_rotation_degrees: float = 20.0
    minimum_jacobian: float = 0.2
    maximum_jacobian: float = 5.0
    minimum_surroundings_ml: float = 20.0

    def for_box(self, volume_mm3: float) -> RegistrationSpec:
        """Give the parameters for a box of a size: large surroundings are looked at in coarser voxels."""
        if volume_mm3 <= self.most_voxels * self.spacing_mm**3:
            return self
        return replace(self, spacing_mm=self.coarse_spacing_mm)

    @property
    def digest(self) -> str:
        """Give the sha256 of all parameters."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


STANDARD = RegistrationSpec()
