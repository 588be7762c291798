"""Features of a matrix of grey levels against sizes: what run, zone and dependence matrices share.

A row is a level, a column a size: the length of a run, the voxels of a zone, the neighbours of a voxel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled

FloatArray = NDArray[np.float64]

_EPS = float(np.spacing(1.0))

#: In the order in which `emphasis` gives them.
QUANTITIES = (
    "small",
    "large",
    "level_non_uniformity",
    "level_non_uniformity_normalised",
    "size_non_uniformity",
    "size_non_uniformity_normalised",
    "percentage",
    "level_variance",
    "size_variance",
    "entropy",
    "low_level",
    "high_level",
    "small_low_level",
    "small_high_level",
    "large_low_level",
    "large_high_level",
)


@compiled
def emphasis(counts: NDArray[np.int32], levels: FloatArray, sizes: FloatArray) -> FloatArray:
    """Compute the 16 quantities of a matrix.

    Parameters
    ----------
    counts : ndarray of int32, shape (m, s)
        How often level i occurs with size j; at least one.
    levels : ndarray of float64, shape (m,)
        The levels, 1 or more.
    sizes : ndarray of float64, shape (s,)
        The sizes, 1 or more.

    Returns
    -------
    ndarray of float64, shape (16,)
        In the order of `QUANTITIES`.
    """
    by_level = np.zeros(len(levels))
    by_size = np.zeros(len(sizes))
    small_low, small_high, large_low, large_high = 0.0, 0.0, 0.0, 0.0
    for i in range(len(levels)):
        level = levels[i] ** 2
        for j in range(len(sizes)):
            if counts[i, j] == 0:
                continue
            c, size = float(counts[i, j]), sizes[j] ** 2
            by_level[i] += c
            by_size[j] += c
            small_low += c / (level * size)
            small_high += c * level / size
            large_low += c * size / level
            large_high += c * level * size
    n = by_level.sum()
    entropy = 0.0
    for i in range(len(levels)):
        for j in range(len(sizes)):
            if counts[i, j]:
                q = counts[i, j] / n
                entropy -= q * np.log2(q + _EPS)
    small, large, voxels, squares_by_size = 0.0, 0.0, 0.0, 0.0
    for j in range(len(sizes)):
        small += by_size[j] / sizes[j] ** 2
        large += by_size[j] * sizes[j] ** 2
        voxels += by_size[j] * sizes[j]
        squares_by_size += by_size[j] ** 2
    low, high, mean_level, squares_by_level = 0.0, 0.0, 0.0, 0.0
    for i in range(len(levels)):
        low += by_level[i] / levels[i] ** 2
        high += by_level[i] * levels[i] ** 2
        mean_level += by_level[i] * levels[i] / n
        squares_by_level += by_level[i] ** 2
    level_variance, size_variance = 0.0, 0.0
    for i in range(len(levels)):
        level_variance += by_level[i] / n * (levels[i] - mean_level) ** 2
    for j in range(len(sizes)):
        size_variance += by_size[j] / n * (sizes[j] - voxels / n) ** 2
    return np.array(
        [
            small / n,
            large / n,
            squares_by_level / n,
            squares_by_level / n**2,
            squares_by_size / n,
            squares_by_size / n**2,
            n / voxels,
            level_variance,
            size_variance,
            entropy,
            low / n,
            high / n,
            small_low / n,
            small_high / n,
            large_low / n,
            large_high / n,
        ]
    )


def named(values: FloatArray, names: dict[str, str]) -> dict[str, float]:
    """Give quantities under the names that a family has for them, ``{feature: quantity}``."""
    return {feature: float(values[QUANTITIES.index(quantity)]) for feature, quantity in names.items()}
