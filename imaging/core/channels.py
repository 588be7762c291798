"""Four channels a voxel: two CT windows and the local entropy of each, on a fixed scale.

Nothing is scaled to the range of one scan: a value means the same before and after treatment, in
every patient (METHOD 4.4). Windows are those of the MD Anderson reference implementation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled
from imaging.core.geometry import Volume
from imaging.core.spec import HabitatSpec


def channels(volume: Volume, spec: HabitatSpec) -> NDArray[np.float32]:
    """Compute lung window, its entropy, mediastinum window and its entropy.

    Parameters
    ----------
    volume : Volume
        CT in HU, shape (z, y, x), at the spacing of the spec.
    spec : HabitatSpec
        Windows in HU, entropy window in voxels, number of bins.

    Returns
    -------
    ndarray of float32, shape (4, z, y, x)
        All in [0, 1].
    """
    parts = []
    for window in (spec.lung_window_hu, spec.mediastinum_window_hu):
        scaled = rescale(volume.array, window_hu=window)
        parts += [scaled, local_entropy(scaled, size=spec.entropy_window_voxels, bins=spec.entropy_bins)]
    return np.stack(parts)


def rescale(array: NDArray[np.generic], *, window_hu: tuple[float, float]) -> NDArray[np.float32]:
    """Map a window of HU linearly to [0, 1] and clip what lies outside."""
    low, high = window_hu
    scaled = (np.asarray(array, dtype=np.float32) - low) / (high - low)
    return np.asarray(np.clip(scaled, 0.0, 1.0), dtype=np.float32)


def local_entropy(scaled: NDArray[np.float32], *, size: int, bins: int) -> NDArray[np.float32]:
    """Compute the Shannon entropy of the in-plane neighbourhood of each voxel.

    Parameters
    ----------
    scaled : ndarray of float32, shape (z, y, x)
        Values in [0, 1], cut into equal bins.
    size : int
        Edge of the square window, an odd number of voxels. The image is mirrored at its border.
    bins : int
        Number of bins on [0, 1].

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        Entropy divided by ``log2(bins)``.
    """
    levels = np.minimum((scaled * bins).astype(np.int16), bins - 1)
    half = size // 2
    padded = np.pad(levels, ((0, 0), (half, half), (half, half)), mode="symmetric")
    n = size * size
    counts = np.arange(n + 1)
    # H = log2(n) - (1/n) sum c log2(c), with c log2(c) from a table.
    table = np.where(counts > 0, counts * np.log2(np.maximum(counts, 1)), 0.0)
    total = _window_totals(padded, table, size, bins)
    return np.asarray((np.log2(n) - total / n) / np.log2(bins), dtype=np.float32)


@compiled
def _window_totals(
    levels: NDArray[np.int16], table: NDArray[np.float64], size: int, bins: int
) -> NDArray[np.float64]:
    """Sum ``table[count]`` over the levels of every in-plane window; the window slides along a row.

    Counts are integers and are summed in the order of levels, so no rounding depends on the way of the window.
    """
    depth, height, width = levels.shape[0], levels.shape[1] - size + 1, levels.shape[2] - size + 1
    totals = np.empty((depth, height, width))
    counts = np.empty(bins, dtype=np.int64)
    for z in range(depth):
        for y in range(height):
            counts[:] = 0
            for x in range(width + size - 1):
                for row in range(y, y + size):
                    counts[levels[z, row, x]] += 1
                if x < size - 1:
                    continue
                first = x - size + 1
                total = 0.0
                for level in range(bins):
                    total += table[counts[level]]
                totals[z, y, first] = total
                for row in range(y, y + size):
                    counts[levels[z, row, first]] -= 1
    return totals
