"""Grey levels of a region: from intensities to whole numbers, once for all texture families."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled
from imaging.core.errors import TooManyGreyLevels

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]

#: Matrices of co-occurrence grow with the square of the levels that occur, and their eigenvalues with the cube.
MAXIMUM_LEVELS = 1024
#: From the lowest level to the highest, whether they occur or not; no table is made for more.
_MAXIMUM_SPAN = 65536


@dataclass(frozen=True, eq=False)
class GreyLevels:
    """Levels of the voxels of a region.

    Parameters
    ----------
    level : ndarray of int32, shape (n,)
        Level of each voxel, 1 or more.
    index : ndarray of int32, shape (n,)
        Which of the levels that occur, counted from 0.
    present : ndarray of float64, shape (m,)
        The levels that occur, ascending.
    counts : ndarray of int64, shape (m,)
        Voxels of each.
    """

    level: IntArray
    index: IntArray
    present: FloatArray
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, level: IntArray) -> GreyLevels:
        """Count the levels of a region's voxels."""
        histogram = np.bincount(level)
        occurring = np.flatnonzero(histogram)
        position = np.zeros(len(histogram), dtype=np.int32)
        position[occurring] = np.arange(len(occurring), dtype=np.int32)
        return cls(level, position[level], occurring.astype(np.float64), histogram[occurring])

    @property
    def highest(self) -> int:
        """The highest level that occurs: Ng of the formulas."""
        return int(self.present[-1])


def levels_by_width(values: NDArray[np.generic], *, width: float) -> GreyLevels:
    """Cut intensities into bins of one width, with edges at its multiples.

    As pyradiomics 3.0.1: the first edge is the multiple of `width` at or below the minimum, computed in
    the image's own precision.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Intensities of the region's voxels.
    width : float
        Width of a bin, in the unit of `values`.
    """
    minimum, maximum = values.min(), values.max()
    require_span(float(maximum) / width - float(minimum) / width, values)
    whole = int(width) if float(width).is_integer() else width  # as typed by a person, so that types agree
    edges = np.arange(minimum - (minimum % whole), maximum + 2 * whole, whole)
    return GreyLevels.of(_digitise(values.astype(np.float64), edges.astype(np.float64)))


def levels_by_count(values: NDArray[np.generic], *, count: int) -> GreyLevels:
    """Cut the range of intensities into a fixed number of equal bins, as pyradiomics 3.0.1 does.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Intensities of the region's voxels.
    count : int
        Number of bins.
    """
    require_span(count, values)
    edges = np.histogram_bin_edges(values, count).astype(np.float64)
    edges[-1] += 1  # the maximum belongs to the last bin
    return GreyLevels.of(_digitise(values.astype(np.float64), edges))


def require_few_levels(levels: GreyLevels) -> GreyLevels:
    """Return the levels, or refuse more than texture can be computed from in reasonable time.

    Raises
    ------
    TooManyGreyLevels
        With the number of levels that occur, and the bound.
    """
    if (occurring := len(levels.present)) > MAXIMUM_LEVELS:
        raise TooManyGreyLevels(
            f"The {len(levels.level)} voxels of the region take {occurring} different grey levels; texture is computed "
            f"from at most {MAXIMUM_LEVELS}."
        )
    return levels


def require_span(count: float, values: NDArray[np.generic]) -> None:
    """Refuse bins that would cut the range of some intensities into more levels than a table is made for."""
    if not count <= _MAXIMUM_SPAN:
        low, high = float(values.min()), float(values.max())
        raise TooManyGreyLevels(
            f"Intensities from {low:.6g} to {high:.6g} would be cut into {count:.0f} grey levels; at most "
            f"{_MAXIMUM_SPAN} are told apart."
        )


@compiled
def _digitise(values: FloatArray, edges: FloatArray) -> IntArray:
    """Give how many of the (nearly equidistant) edges lie at or below each value."""
    n = len(edges)
    found = np.empty(len(values), dtype=np.int32)
    per_unit = (n - 1) / (edges[n - 1] - edges[0]) if n > 1 else 0.0
    for i in range(len(values)):
        value = values[i]
        level = min(max(int((value - edges[0]) * per_unit) + 1, 0), n)
        while level < n and edges[level] <= value:
            level += 1
        while level > 0 and edges[level - 1] > value:
            level -= 1
        found[i] = level
    return found
