"""Bring image and mask to a new spacing as IBSI defines it, around the tumour only.

The new grid has ``ceil(n * old / new)`` voxels along an axis and the centre of the old one. It is laid
over the *whole* image; only then is the input cropped, so that the values are those of the whole
volume. pyradiomics aligns corners instead, interpolates the mask by nearest voxel and truncates
intensities: see `imaging.core.resample`.

References
----------
Zwanenburg A et al., Radiology 295(2):328-338, 2020; IBSI reference manual, section "Interpolation".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.errors import MaskTooSmall
from imaging.core.geometry import (
    Grid,
    Slices,
    TumorMask,
    Volume,
    bounding_box,
    compact_hu,
    require_same_grid,
)

_ORDERS = {"linear": 1, "bspline": 3}

#: What differs by less is called equal: a mask value of one half, the half between two HU and a count
#: of voxels must not depend on the last bit, which the crop changes. On IBSI's CT phantom 26 voxels
#: have exactly one half, and without this they fall on either side by accident.
_TIE = 1e-6

#: Old voxels beyond the new grid that take part. The cubic B-spline prefilter decays by 0.268 a voxel
#: (Unser, IEEE Signal Process. Mag. 16(6):22-38, 1999): 24 leave 1e-11 HU, far below `_TIE`.
_MARGIN_VOXELS = 24


def resample_aligned(
    volume: Volume, mask: TumorMask, *, spacing_zyx_mm: Sequence[float], interpolation: str, pad_voxels: int
) -> tuple[Volume, TumorMask]:
    """Resample a tumour and its surroundings onto IBSI's grid.

    Parameters
    ----------
    volume : Volume
        CT in HU, shape (z, y, x).
    mask : TumorMask
        Tumour on the grid of `volume`.
    spacing_zyx_mm : sequence of float
        Wanted distance of voxel centres along slice, row and column.
    interpolation : {"bspline", "linear"}
        Cubic B-spline or trilinear, for the image; the mask is always trilinear.
    pad_voxels : int
        Voxels of the new grid to keep around the tumour, where the image has them.

    Returns
    -------
    tuple of Volume and TumorMask
        The image rounded to whole HU; the mask where its trilinear value is one half or more.

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
    old = np.array(volume.grid.spacing_zyx_mm)
    ratio = np.array(spacing_zyx_mm, dtype=np.float64) / old
    whole, first = _aligned(np.array(volume.grid.shape_zyx), ratio)
    low, high = _wanted(bounding_box(mask.array), whole, first, ratio, pad_voxels)
    start, shape = first + low * ratio, high - low + 1
    box = _source(start, start + (shape - 1) * ratio, volume.grid)
    offset = start - [part.start for part in box]
    grid = _grid(volume.grid, start, shape, spacing_zyx_mm)
    inside = _interpolated(mask.array[box], ratio, offset, shape, order=1) >= 0.5 - _TIE
    if not inside.any():
        at = " x ".join(f"{s:g}" for s in spacing_zyx_mm)
        raise MaskTooSmall(
            f"The mask is empty after resampling to {at} mm: its {mask.voxels} voxels fill no new voxel by half."
        )
    values = _interpolated(volume.array[box], ratio, offset, shape, order=_ORDERS[interpolation])
    hu = np.rint(np.round(values, 6))
    return Volume(compact_hu(hu), grid), TumorMask(inside, grid)


def _aligned(size: NDArray[np.int64], ratio: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give the size of the new grid and, in old voxels, where its first voxel lies."""
    whole = np.ceil(size / ratio - _TIE).astype(np.int64)
    return whole, (size - 1) / 2 - (whole - 1) / 2 * ratio


def _wanted(
    box: Slices, whole: NDArray[np.int64], first: NDArray[np.float64], ratio: NDArray[np.float64], pad: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the first and the last new voxel to compute; a trilinear mask ends one old voxel outside."""
    start = np.array([part.start for part in box]) - 1
    stop = np.array([part.stop for part in box])
    low = np.maximum(np.floor((start - first) / ratio).astype(np.int64) - pad, 0)
    high = np.minimum(np.ceil((stop - first) / ratio).astype(np.int64) + pad, whole - 1)
    return low, high


def _source(first: NDArray[np.float64], last: NDArray[np.float64], grid: Grid) -> Slices:
    low = np.maximum(np.floor(first).astype(int) - _MARGIN_VOXELS, 0)
    high = np.minimum(np.ceil(last).astype(int) + _MARGIN_VOXELS + 1, grid.shape_zyx)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (z, y, x)


def _grid(old: Grid, start: NDArray[np.float64], shape: NDArray[np.int64], spacing_zyx_mm: Sequence[float]) -> Grid:
    (nz, ny, nx), (sz, sy, sx) = shape.tolist(), spacing_zyx_mm
    x, y, z = old.position(start).tolist()
    return Grid((nz, ny, nx), (float(sz), float(sy), float(sx)), (x, y, z), old.direction)


def _interpolated(
    array: NDArray[Any],
    ratio: NDArray[np.float64],
    offset: NDArray[np.float64],
    shape: NDArray[np.int64],
    *,
    order: int,
) -> NDArray[np.float64]:
    """Sample at ``offset + i * ratio``; beyond the outermost centres the image goes on unchanged."""
    found: NDArray[np.float64] = ndimage.affine_transform(
        array.astype(np.float64),
        ratio,
        offset=offset,
        output_shape=tuple(shape.tolist()),
        order=order,
        mode="nearest",
    )
    return found
