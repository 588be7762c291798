"""Four channels a voxel: two CT windows and the local entropy of each, on a fixed scale.

Nothing is scaled to the range of one scan: a value means the same before and after treatment, in
every patient (METHOD 4.4). Windows are those of the MD Anderson reference implementation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    # H = log2(n) - (1/n) sum c log2(c): integer counts through a table, so no rounding differs by order.
    table = np.where(counts > 0, counts * np.log2(np.maximum(counts, 1)), 0.0)
    total = np.zeros(scaled.shape)
    for level in np.unique(levels):
        total += table[_window_sum(padded == level, size)]
    return np.asarray((np.log2(n) - total / n) / np.log2(bins), dtype=np.float32)


def _window_sum(hits: NDArray[np.bool_], size: int) -> NDArray[np.int32]:
    """Sum over a square in-plane window, by differences of cumulative sums."""
    z, y, x = hits.shape
    sums = np.zeros((z, y + 1, x), dtype=np.int32)
    np.cumsum(hits, axis=1, out=sums[:, 1:])
    columns = sums[:, size:] - sums[:, :-size]
    rows = np.zeros((z, columns.shape[1], x + 1), dtype=np.int32)
    np.cumsum(columns, axis=2, out=rows[:, :, 1:])
    return rows[:, :, size:] - rows[:, :, :-size]
