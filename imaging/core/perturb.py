"""Small disturbances of a scan and its contour: what another reader or another day would have changed.

The list follows METHOD 4.7: contour grown and shrunk by a voxel, half a voxel of shift, half a degree of
rotation, noise. Perturbing images in place of scanning twice was proposed by Zwanenburg et al. (Sci Rep
9:614, 2019); the amounts are ours. Everything happens within a box around the tumour, which is put back
into the unchanged scan: resampling to the protocol's spacing starts from the corner of the whole scan,
so a cropped scan would give another grid, and that would be one more disturbance.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.displacement import InPlaneRotation, shift
from imaging.core.errors import EmptyMask
from imaging.core.geometry import Slices, TumorMask, Volume, bounding_box, require_same_grid

FloatArray = NDArray[np.float64]

#: The row of a table of perturbed features that nothing was done to.
UNPERTURBED = "unperturbed"


@dataclass(frozen=True)
class Perturbation:
    """One disturbance.

    Parameters
    ----------
    name : str
        What tables call it.
    kind : {"contour", "shift", "rotation", "noise"}
        What is done.
    amount : float
        Voxels (contour: of the larger in-plane spacing, below zero to shrink; shift: along `axis`),
        degrees (rotation, from the direction of the columns to that of the rows), or multiples of the
        scan's own noise.
    axis : {0, 1, 2}, optional
        Of a shift: slice, row or column index.
    """

    name: str
    kind: str
    amount: float
    axis: int | None = None


PERTURBATIONS = (
    Perturbation("grown", "contour", 1.0),
    Perturbation("shrunk", "contour", -1.0),
    Perturbation("shifted_z", "shift", 0.5, axis=0),
    Perturbation("shifted_y", "shift", 0.5, axis=1),
    Perturbation("shifted_x", "shift", 0.5, axis=2),
    Perturbation("rotated_plus", "rotation", 0.5),
    Perturbation("rotated_minus", "rotation", -0.5),
    Perturbation("noise", "noise", 1.0),
)
_BY_NAME = {perturbation.name: perturbation for perturbation in PERTURBATIONS}

#: Rows of a table of perturbed features.
ROWS = (UNPERTURBED, *_BY_NAME)

#: What is disturbed around the mask's bounding box: the reach of filters and, beyond it, that of the
#: B-spline of the resampling (docs/decisions/0006-crop-margins.md).
_MARGIN_MM, _MARGIN_VOXELS = 30.0, 24

#: The share of a turned voxel that must lie in the mask.
_INSIDE = 0.5

#: The median of the absolute value of a standard normal deviate.
_MEDIAN_ABSOLUTE_NORMAL = 0.6744897501960817

_rules = {
    "version": 1,
    "margin_mm": _MARGIN_MM,
    "margin_voxels": _MARGIN_VOXELS,
    "list": [*map(asdict, PERTURBATIONS)],
}
#: The sha256 of the list with all its amounts; a change to what is done changes `version`.
DIGEST = hashlib.sha256(json.dumps(_rules, sort_keys=True).encode()).hexdigest()


def perturb(volume: Volume, mask: TumorMask, name: str) -> tuple[Volume, TumorMask]:
    """Disturb a scan or its contour.

    ``grown`` and ``shrunk`` move the contour by the larger in-plane spacing, measured in mm in three
    dimensions (so slices farther apart than that gain none). ``shifted_*`` moves the image by half a voxel
    under the mask, ``rotated_*`` turns image and mask by half a degree in the plane of the slices about the
    mask's centroid. Images are interpolated by cubic B-splines, the mask linearly and cut at one half; an
    image of whole HU stays one. ``noise`` adds normal deviates of the standard deviation `noise_hu`, the
    same at each call: they are drawn from the sha256 of the voxels and the name.

    The mask is not shifted with the image: a mask moved by half a voxel leaves its edges half covered,
    and would come out longer by a voxel, or shorter, and not moved. For the same reason a turned mask
    changes only where it moves by half a voxel or more.

    Parameters
    ----------
    volume : Volume
        CT in HU, shape (z, y, x).
    mask : TumorMask
        Tumour, on the same grid.
    name : str
        One of `PERTURBATIONS`, or `UNPERTURBED`.

    Returns
    -------
    tuple of Volume and TumorMask
        On the same grid, with the same data types; what is not changed is the given object itself.

    Raises
    ------
    KeyError
        For a name that is not known.
    GridMismatch
        If image and mask do not share a grid.
    EmptyMask
        If no voxel is inside the mask, or none is left after shrinking.
    """
    require_same_grid(volume, mask)
    if name == UNPERTURBED:
        return volume, mask
    chosen = _BY_NAME[name]
    if chosen.kind == "contour":
        return volume, _move_contour(mask, voxels=chosen.amount)
    margin = [math.ceil(_MARGIN_MM / spacing) + _MARGIN_VOXELS for spacing in volume.grid.spacing_zyx_mm]
    box = bounding_box(mask.array, margin=margin)
    part = volume.array[box].astype(np.float64)
    if chosen.kind == "rotation":
        cropped = TumorMask(mask.array, volume.grid).crop(box)
        turn = InPlaneRotation.about_centroid(cropped, degrees=chosen.amount)
        inside = turn.apply(cropped.array.astype(np.float64), order=1) >= _INSIDE
        return _put_image(volume, box, turn.apply(part, order=3)), _put_mask(mask, box, inside)
    if chosen.kind == "shift":
        return _put_image(volume, box, shift(part, axis=chosen.axis or 0, voxels=chosen.amount)), mask
    deviates = _deviates(volume, name, part.shape) * noise_hu(volume, mask) * chosen.amount
    return _put_image(volume, box, part + deviates), mask


def noise_hu(volume: Volume, mask: TumorMask) -> float:
    """Estimate the standard deviation of the noise of a scan within its tumour.

    The mixed second difference of 2 x 2 voxels of a slice has mean 0 in a plane of any slope and, of
    white noise, twice its standard deviation; the median of its absolute values is not moved by edges.
    Noise that is correlated from voxel to voxel, as soft kernels leave it, is underestimated.

    Parameters
    ----------
    volume : Volume
        CT in HU.
    mask : TumorMask
        Tumour, on the same grid; where no 2 x 2 voxels of a slice lie in it, its bounding box is used.

    Returns
    -------
    float
        In HU; 0 where the image is flat.

    Raises
    ------
    EmptyMask
        If no voxel is inside the mask.

    References
    ----------
    The finest diagonal Haar band and its median: Donoho DL, Johnstone IM, Biometrika 81(3):425-455, 1994.
    """
    box = bounding_box(mask.array, margin=(0, 1, 1))
    part, inside = volume.array[box].astype(np.float64), mask.array[box]
    mixed = part[:, 1:, 1:] - part[:, :-1, 1:] - part[:, 1:, :-1] + part[:, :-1, :-1]
    whole = inside[:, 1:, 1:] & inside[:, :-1, 1:] & inside[:, 1:, :-1] & inside[:, :-1, :-1]
    chosen = mixed[whole] if whole.any() else mixed.ravel()
    return float(np.median(np.abs(chosen)) / (2 * _MEDIAN_ABSOLUTE_NORMAL)) if chosen.size else 0.0


def _move_contour(mask: TumorMask, *, voxels: float) -> TumorMask:
    """Add what lies within a distance of the mask, or take away what lies within it of the outside."""
    spacing = mask.grid.spacing_zyx_mm
    reach_mm = abs(voxels) * max(spacing[1:]) * (1 + 1e-6)  # rounding must not decide
    box = bounding_box(mask.array, margin=[math.ceil(reach_mm / step) for step in spacing])
    inside = mask.array[box]
    if voxels > 0:
        return _put_mask(mask, box, ndimage.distance_transform_edt(~inside, sampling=spacing) <= reach_mm)
    if inside.all():  # the tumour fills the image, whose edge is not the tumour's
        return mask
    left = ndimage.distance_transform_edt(inside, sampling=spacing) > reach_mm
    if not left.any():
        raise EmptyMask(
            f"The mask is empty after shrinking by {max(spacing[1:]):.2f} mm: "
            f"none of its {mask.voxels} voxels is farther from the outside."
        )
    return _put_mask(mask, box, left)


def _deviates(volume: Volume, name: str, shape: tuple[int, ...]) -> FloatArray:
    seed = hashlib.sha256(np.ascontiguousarray(volume.array).tobytes() + name.encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(seed, "big"))).standard_normal(shape)


def _put_image(volume: Volume, box: Slices, part: FloatArray) -> Volume:
    array: NDArray[Any] = volume.array.copy()
    if np.issubdtype(array.dtype, np.integer):
        limits = np.iinfo(array.dtype)
        part = np.clip(np.rint(part), limits.min, limits.max)
    array[box] = part
    return Volume(array, volume.grid)


def _put_mask(mask: TumorMask, box: Slices, part: NDArray[np.bool_]) -> TumorMask:
    array = np.zeros_like(mask.array)
    array[box] = part
    return TumorMask(array, mask.grid)
