"""Bring image and mask to one spacing around a tumour, on exactly the grid that pyradiomics chooses.

The output grid is computed from the origin of the *whole* image, as pyradiomics'
``imageoperations.resampleImage`` does; only then is the input cropped. Doing it the other way round
shifts the grid by a fraction of a voxel and changes the region. The cubic B-spline prefilter decays
by 0.268 a voxel (Unser, IEEE Signal Process. Mag. 16(6):22-38, 1999): what lies 40 voxels beyond the
output is below the last bit of a double. The last bit matters, because an integer image is truncated
after interpolation, not rounded: where new and old voxels coincide, a margin of 24 changed 1 % of
them by 1 HU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from imaging.core.errors import MaskTooSmall
from imaging.core.geometry import (
    Grid,
    Slices,
    TumorMask,
    Volume,
    bounding_box,
    grid_of,
    mask_from_sitk,
    require_same_grid,
    to_sitk,
)

# Work is spread over processes, one a core; threads inside a filter would only compete with them.
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

FloatArray = NDArray[np.float64]

#: Old voxels beyond the new grid that take part in the B-spline prefilter, where a new voxel lies on an old
#: one: there the value is whole but for its last bit, and that bit decides what truncation makes of it.
_MARGIN_VOXELS = 40
#: The same where none does: 24 leave 1e-13 of a value that is not whole.
_MARGIN_APART_VOXELS = 24
_ON_A_VOXEL = 1e-6

_INTERPOLATORS = {"bspline": sitk.sitkBSpline, "linear": sitk.sitkLinear}


def resample_around(
    volume: Volume,
    mask: TumorMask,
    *,
    spacing_mm: float,
    pad_voxels: int,
    interpolation: str = "bspline",
    margin_voxels: int | None = None,
) -> tuple[Volume, TumorMask]:
    """Resample a tumour and its surroundings to isotropic voxels.

    The image keeps its data type; the mask takes the nearest voxel. A direction in which the mask spans a
    single slice keeps its spacing, and an image that already has the wanted spacing is only cropped: both
    as pyradiomics 3.0.1 does.

    Parameters
    ----------
    volume : Volume
        CT in HU, shape (z, y, x).
    mask : TumorMask
        Tumour on the grid of `volume`.
    spacing_mm : float
        Wanted distance of voxel centres, in all directions.
    pad_voxels : int
        Voxels of the new grid to keep around the bounding box of the mask.
    interpolation : {"bspline", "linear"}
        Cubic B-spline or trilinear, for the image.
    margin_voxels : int, optional
        Voxels of the old grid, beyond the new grid, that take part in the B-spline prefilter; without it,
        as many as change no voxel.

    Returns
    -------
    tuple of Volume and TumorMask
        Both on the new grid.

    Raises
    ------
    GridMismatch
        If image and mask do not share a grid.
    EmptyMask
        If no voxel is inside the mask.
    MaskTooSmall
        If no voxel is left after resampling.
    """
    require_same_grid(volume, mask)
    box = bounding_box(mask.array)
    target = _target(volume.grid, box, spacing_mm=spacing_mm, pad_voxels=pad_voxels)
    if target is None:
        padded = bounding_box(mask.array, margin=(pad_voxels,) * 3)
        return volume.crop(padded), TumorMask(mask.array, volume.grid).crop(padded)
    source = volume.crop(_source_box(target, volume.grid, margin_voxels))
    filter_ = _resampler(target, volume.grid)
    filter_.SetInterpolator(_INTERPOLATORS[interpolation])
    resampled = filter_.Execute(to_sitk(source))
    image = Volume(sitk.GetArrayFromImage(resampled), grid_of(resampled))  # the data type stays
    filter_.SetInterpolator(sitk.sitkNearestNeighbor)
    # The mask is not cropped: a tie between two voxels must break as it does on the whole image.
    region = mask_from_sitk(filter_.Execute(to_sitk(TumorMask(mask.array, volume.grid))))
    if region.voxels == 0:
        raise MaskTooSmall(
            f"The mask is empty after resampling to {spacing_mm:g} mm: its {mask.voxels} voxels lie between the new ones."
        )
    return image, region


@dataclass(frozen=True)
class _Target:
    """The new grid in terms of the old one; everything in (x, y, z) order, as pyradiomics has it."""

    spacing_mm: FloatArray
    size: NDArray[np.int64]
    first_index: FloatArray  # continuous index, on the old grid, of the first new voxel


def _target(grid: Grid, box: Slices, *, spacing_mm: float, pad_voxels: int) -> _Target | None:
    """Give the new grid, or None where the old spacing is the wanted one."""
    old = np.array(grid.spacing_zyx_mm[::-1])
    size = np.array(grid.shape_zyx[::-1])
    start = np.array([part.start for part in reversed(box)])
    extent = np.array([part.stop - part.start for part in reversed(box)])
    new = np.where(extent != 1, spacing_mm, old)
    if np.allclose(old, new):
        return None
    ratio = old / new
    lower = np.maximum(np.floor((start - 0.5) * ratio - pad_voxels), 0)
    upper = np.minimum(np.ceil((start + extent - 0.5) * ratio + pad_voxels), np.ceil(size * ratio) - 1)
    first = 0.5 * (new - old) / old + lower / ratio
    return _Target(new, np.asarray(upper - lower + 1, dtype=np.int64), first)


def _source_box(target: _Target, grid: Grid, margin: int | None) -> Slices:
    """Give the part of the old grid that the new one needs."""
    if margin is None:
        margin = _MARGIN_VOXELS if _coincides(target, grid) else _MARGIN_APART_VOXELS
    indices = _indices(target, grid)
    low = np.maximum([math.floor(along[0]) - margin for along in reversed(indices)], 0)
    high = np.minimum([math.ceil(along[-1]) + margin + 1 for along in reversed(indices)], grid.shape_zyx)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (z, y, x)


def _indices(target: _Target, grid: Grid) -> list[FloatArray]:
    """Give, along x, y and z, where on the old grid the new voxels lie."""
    steps = target.spacing_mm / np.array(grid.spacing_zyx_mm[::-1])
    return [
        first + np.arange(n) * step for first, n, step in zip(target.first_index, target.size, steps, strict=True)
    ]


def _coincides(target: _Target, grid: Grid) -> bool:
    """Tell whether some new voxel lies on an old one."""
    return all(bool((np.abs(along - np.rint(along)) < _ON_A_VOXEL).any()) for along in _indices(target, grid))


def _resampler(target: _Target, grid: Grid) -> sitk.ResampleImageFilter:
    origin = grid.position(target.first_index[::-1])
    filter_ = sitk.ResampleImageFilter()
    filter_.SetOutputSpacing(target.spacing_mm.tolist())
    filter_.SetOutputDirection([float(v) for row in grid.direction for v in row])
    filter_.SetSize(target.size.tolist())
    filter_.SetOutputOrigin(origin.tolist())
    return filter_
