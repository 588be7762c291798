"""Two masks of one tumour: overlap, volumes, and how far their surfaces lie apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from imaging.core.errors import GridMismatch
from imaging.core.geometry import TumorMask, bounding_box


@dataclass(frozen=True)
class MaskComparison:
    """How a mask differs from another; None where a measure needs two masks with something in them.

    Parameters
    ----------
    volume_ml, other_volume_ml : float
        Volume of either.
    difference_ml : float
        The first less the other.
    difference_percent : float or None
        Of the other's volume.
    dice, jaccard : float or None
        Shared voxels: twice over the sum, and over the union. None where both are empty.
    mean_surface_mm : float or None
        Mean distance of the voxels on one surface to the nearest on the other, over both surfaces.
    hausdorff95_mm : float or None
        The larger of the two 95th percentiles of those distances.
    empty : str
        "", or in words which of the masks is empty.
    """

    volume_ml: float
    other_volume_ml: float
    difference_ml: float
    difference_percent: float | None
    dice: float | None
    jaccard: float | None
    mean_surface_mm: float | None
    hausdorff95_mm: float | None
    empty: str = ""

    def as_dict(self) -> dict[str, float | str | None]:
        """Give a JSON-ready form."""
        return asdict(self)


def compare(mask: TumorMask, other: TumorMask) -> MaskComparison:
    """Compare two masks of one image.

    Surfaces are the voxels that touch the outside by a face; distances run between their centres, so equal
    masks are 0 mm apart, and masks one voxel apart one spacing.

    Parameters
    ----------
    mask, other : TumorMask
        On one grid.

    Raises
    ------
    GridMismatch
        If they do not share a grid.
    """
    if not mask.grid.matches(other.grid):
        raise GridMismatch("The two masks were drawn on different images, so they cannot be compared voxel by voxel.")
    volumes = mask.volume_mm3 / 1000, other.volume_mm3 / 1000
    shared = int(np.count_nonzero(mask.array & other.array))
    total = mask.voxels + other.voxels
    mean_mm, high_mm = _surfaces(mask, other) if mask.voxels and other.voxels else (None, None)
    return MaskComparison(
        volume_ml=volumes[0],
        other_volume_ml=volumes[1],
        difference_ml=volumes[0] - volumes[1],
        difference_percent=100 * (volumes[0] - volumes[1]) / volumes[1] if volumes[1] else None,
        dice=2 * shared / total if total else None,
        jaccard=shared / (total - shared) if total else None,
        mean_surface_mm=mean_mm,
        hausdorff95_mm=high_mm,
        empty=_empty(mask, other),
    )


def _empty(mask: TumorMask, other: TumorMask) -> str:
    if mask.voxels and other.voxels:
        return ""
    if not mask.voxels and not other.voxels:
        return "Both masks are empty."
    return "The other mask is empty." if mask.voxels else "The mask is empty."


def _surfaces(mask: TumorMask, other: TumorMask) -> tuple[float, float]:
    one, two = (_surface_mm(part) for part in (mask, other))
    there, _ = cKDTree(two).query(one)
    back, _ = cKDTree(one).query(two)
    mean = (there.sum() + back.sum()) / (there.size + back.size)
    return float(mean), float(max(np.percentile(there, 95), np.percentile(back, 95)))


def _surface_mm(mask: TumorMask) -> NDArray[np.float64]:
    """Give the places of the voxels that touch the outside, in mm along the grid's axes."""
    box = bounding_box(mask.array)
    part = mask.array[box]
    inner = ndimage.binary_erosion(part)
    start = np.array([side.start for side in box])
    return np.asarray((np.argwhere(part & ~inner) + start) * np.array(mask.grid.spacing_zyx_mm))
