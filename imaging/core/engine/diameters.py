"""Largest distances between points of a region's surface, in space and in each plane.

The points are half way between neighbouring voxels of which one is inside, as pyradiomics has them. Only
corners of convex hulls can be farthest apart: hulls of planes are found first, and a point that is a
corner in its plane across all three axes is a candidate in space.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled
from imaging.core.geometry import Triple

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]


def diameters(padded: NDArray[np.bool_], *, spacing_zyx_mm: Triple) -> tuple[float, float, float, float]:
    """Measure the largest diameters of a mask.

    Parameters
    ----------
    padded : ndarray of bool, shape (z, y, x)
        The mask, with at least one voxel of outside on every side.
    spacing_zyx_mm : tuple of float
        Distance of voxel centres.

    Returns
    -------
    in_slice_mm, in_column_mm, in_row_mm, in_space_mm : float
        Within planes of one z, one y, one x, and altogether.
    """
    points = _surface_points(padded)
    half = np.asarray(spacing_zyx_mm) / 2
    size = 2 * max(padded.shape) + 1
    corners, in_slice = _plane_hulls(points, 0, half, size)
    _, in_column = _plane_hulls(points, 1, half, size)
    _, in_row = _plane_hulls(points, 2, half, size)
    for axis in (1, 2):
        corners, _ = _plane_hulls(corners, axis, half, size)
    return float(in_slice), float(in_column), float(in_row), float(_farthest(corners, half))


def _surface_points(padded: NDArray[np.bool_]) -> IntArray:
    """Give the middles between neighbours of which one is inside, shape (n, 3), in half voxels."""
    number = sum(int(np.count_nonzero(np.diff(padded, axis=axis))) for axis in range(3))
    return _middles(padded.view(np.uint8), number)


@compiled
def _middles(padded: NDArray[np.uint8], number: int) -> IntArray:
    points = np.empty((number, 3), dtype=np.int32)
    n = 0
    depth, height, width = padded.shape
    for z in range(depth - 1):
        for y in range(height - 1):
            for x in range(width - 1):
                here = padded[z, y, x]
                if padded[z + 1, y, x] != here:
                    points[n] = (2 * z + 1, 2 * y, 2 * x)
                    n += 1
                if padded[z, y + 1, x] != here:
                    points[n] = (2 * z, 2 * y + 1, 2 * x)
                    n += 1
                if padded[z, y, x + 1] != here:
                    points[n] = (2 * z, 2 * y, 2 * x + 1)
                    n += 1
    return points


@compiled
def _plane_hulls(points: IntArray, axis: int, half_mm: FloatArray, size: int) -> tuple[IntArray, float]:
    """Give the corners of the convex hull of each plane across an axis, and the largest distance in a plane."""
    u, v = (axis + 1) % 3, (axis + 2) % 3
    low = np.full((size, size), size, dtype=np.int32)
    high = np.full((size, size), -1, dtype=np.int32)
    for i in range(len(points)):
        plane, row, column = points[i, axis], points[i, u], points[i, v]
        low[plane, row] = min(low[plane, row], column)
        high[plane, row] = max(high[plane, row], column)
    corners = np.empty((len(points) * 2, 3), dtype=np.int32)
    hull = np.empty((2 * size, 2), dtype=np.int32)
    n, farthest = 0, 0.0
    for plane in range(size):
        count = _chain(low[plane], hull, 0, 1)
        count = _chain(high[plane], hull, count, -1)
        for i in range(count):
            corners[n, axis], corners[n, u], corners[n, v] = plane, hull[i, 0], hull[i, 1]
            n += 1
            for j in range(i):
                du = (hull[i, 0] - hull[j, 0]) * half_mm[u]
                dv = (hull[i, 1] - hull[j, 1]) * half_mm[v]
                farthest = max(farthest, du * du + dv * dv)
    return corners[:n].copy(), np.sqrt(farthest)


@compiled
def _chain(border: IntArray, hull: IntArray, start: int, sign: int) -> int:
    """Append the lower (sign 1) or upper (sign -1) hull of a border given row by row; give the new length."""
    count = start
    size = len(border)
    for row in range(size):
        column = border[row]
        if column < 0 or column >= size:
            continue
        while count - start >= 2:
            r1, c1, r2, c2 = hull[count - 2, 0], hull[count - 2, 1], hull[count - 1, 0], hull[count - 1, 1]
            if sign * ((r2 - r1) * (column - c1) - (c2 - c1) * (row - r1)) > 0:
                break
            count -= 1
        hull[count, 0], hull[count, 1] = row, column
        count += 1
    return count


@compiled
def _farthest(points: IntArray, half_mm: FloatArray) -> float:
    farthest = 0.0
    for i in range(len(points)):
        for j in range(i):
            dz = (points[i, 0] - points[j, 0]) * half_mm[0]
            dy = (points[i, 1] - points[j, 1]) * half_mm[1]
            dx = (points[i, 2] - points[j, 2]) * half_mm[2]
            farthest = max(farthest, dz * dz + dy * dy + dx * dx)
    return float(np.sqrt(farthest))
