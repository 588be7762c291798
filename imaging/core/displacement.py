"""Moving the contents of a grid by parts of a voxel: along one axis, or turned in the plane of the slices.

Both are separable from the axes that stay at whole voxels, where an interpolating spline gives the
voxels' own values; so one axis, or one slice at a time, is all that needs a spline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.geometry import TumorMask

FloatArray = NDArray[np.float64]


def shift(array: FloatArray, *, axis: int, voxels: float) -> FloatArray:
    """Move an image towards higher indices of one axis, by cubic B-splines.

    Parameters
    ----------
    array : ndarray of float64, shape (z, y, x)
        Mirrored at its borders.
    axis : {0, 1, 2}
        Which index grows.
    voxels : float
        How far.

    Returns
    -------
    ndarray of float64, shape (z, y, x)

    References
    ----------
    Unser M, IEEE Signal Process. Mag. 16(6):22-38, 1999.
    """
    lines = np.moveaxis(ndimage.spline_filter1d(array, order=3, axis=axis, mode="mirror"), axis, 0)
    at = np.arange(lines.shape[0]) - voxels
    first = np.floor(at).astype(np.intp)
    t = at - first
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    moved = np.zeros_like(lines)
    for step, weight in zip((-1, 0, 1, 2), weights, strict=True):
        moved += lines[_mirrored(first + step, lines.shape[0])] * (weight / 6)[:, None, None]
    return np.moveaxis(moved, 0, axis)


def _mirrored(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Reflect indices about the centres of the first and the last voxel."""
    folded = np.abs(index) % max(1, 2 * (size - 1))
    return np.asarray(np.minimum(folded, 2 * (size - 1) - folded), dtype=np.intp)


@dataclass(frozen=True, eq=False)
class InPlaneRotation:
    """A turn of every slice about one point.

    Parameters
    ----------
    matrix : ndarray of float64, shape (2, 2)
        With `offset`, from an index ``(y, x)`` of the turned slice to where its value comes from.
    offset : ndarray of float64, shape (2,)
        In voxels.
    """

    matrix: FloatArray
    offset: FloatArray

    @classmethod
    def about_centroid(cls, mask: TumorMask, *, degrees: float) -> InPlaneRotation:
        """Turn about a mask's centroid, from the direction of growing x to that of growing y."""
        centre = np.array([hits.mean() for hits in np.nonzero(mask.array)[1:]])
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        spacing = np.array(mask.grid.spacing_zyx_mm[1:])
        back = np.array([[cosine, -sine], [sine, cosine]])  # of (y, x) in mm, by minus the angle
        matrix = back * spacing[None, :] / spacing[:, None]
        return cls(matrix, centre - matrix @ centre)

    def apply(self, array: FloatArray, *, order: int) -> FloatArray:
        """Give the turned array, shape (z, y, x), interpolated by splines of an order (1 is linear)."""
        turned = np.empty_like(array)
        for source, target in zip(array, turned, strict=True):
            ndimage.affine_transform(source, self.matrix, self.offset, output=target, order=order, mode="mirror")
        return turned
