"""Boxes, balls and openings in millimetres on grids whose voxels are no cubes."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.geometry import Shape, Slices, Triple

Bools = NDArray[np.bool_]


def around(centre_zyx: Shape, shape_zyx: Shape, spacing_zyx_mm: Triple, reach_mm: float) -> tuple[Slices, Shape]:
    """Give the box within a distance of a voxel, clipped to the array, and where the voxel lies in it."""
    half = [ceil(reach_mm / step) for step in spacing_zyx_mm]
    low = [max(0, index - extra) for index, extra in zip(centre_zyx, half, strict=True)]
    high = [min(n, index + extra + 1) for index, extra, n in zip(centre_zyx, half, shape_zyx, strict=True)]
    z, y, x = (slice(start, stop) for start, stop in zip(low, high, strict=True))
    return (z, y, x), (centre_zyx[0] - low[0], centre_zyx[1] - low[1], centre_zyx[2] - low[2])


def ball_in(shape_zyx: tuple[int, ...], centre_zyx: Shape, spacing_zyx_mm: Triple) -> NDArray[np.float64]:
    """Give the distance in mm of each voxel of an array from one of them."""
    along = [
        ((np.arange(n) - index) * step) ** 2
        for n, index, step in zip(shape_zyx, centre_zyx, spacing_zyx_mm, strict=True)
    ]
    return np.asarray(np.sqrt(along[0][:, None, None] + along[1][None, :, None] + along[2][None, None, :]))


def distance_inside(mask: Bools, spacing_zyx_mm: Triple) -> NDArray[np.float64]:
    """Give the distance in mm to the nearest voxel outside; 0 outside.  The array's own wall is no outside."""
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing_zyx_mm))


def opened(mask: Bools, spacing_zyx_mm: Triple, radius_mm: float) -> Bools:
    """Take away what a ball of a radius does not fit into; what it fits into keeps its shape."""
    core = distance_inside(mask, spacing_zyx_mm) > radius_mm
    if not core.any():
        return core
    return mask & (np.asarray(ndimage.distance_transform_edt(~core, sampling=spacing_zyx_mm)) <= radius_mm)
