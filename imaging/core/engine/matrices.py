"""Counting over the voxels of a region: pairs, runs, zones and neighbourhoods of grey levels.

Voxels lie in a flat array with a border of zeros (`imaging.core.engine.region.PaddedRegion`), so that a
neighbour is an addition and the border needs no test.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled

IntArray = NDArray[np.int32]
LongArray = NDArray[np.int64]


@compiled
def count_pairs(
    padded: IntArray, positions: LongArray, strides: LongArray, n_levels: int, longest: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Count co-occurring levels, runs and zones in one sweep per direction.

    Parameters
    ----------
    padded : ndarray of int32, flat
        0 outside, 1 to `n_levels` inside.
    positions : ndarray of int64, shape (n,)
        Addresses of the region's voxels, ascending.
    strides : ndarray of int64, shape (d,)
        Distance to the neighbour in each direction; positive.
    n_levels, longest : int
        Number of levels, and of voxels in the longest possible run.

    Returns
    -------
    pairs : ndarray of int32, shape (d, n_levels, n_levels)
        Pairs of a voxel and the one ahead of it; not symmetric.
    runs : ndarray of int32, shape (d, n_levels, longest)
        Runs of length j + 1.
    zone_size : ndarray of int32, shape (n,)
        At the first voxel of each connected zone of one level its size, elsewhere 0.
    """
    pairs = np.zeros((len(strides), n_levels, n_levels), dtype=np.int32)
    runs = np.zeros((len(strides), n_levels, longest), dtype=np.int32)
    parent = np.arange(len(padded)).astype(np.int32)
    run = np.empty(len(padded), dtype=np.int16)
    for d in range(len(strides)):
        stride = strides[d]
        run[:] = 0
        for p in positions:
            here, ahead = padded[p], padded[p + stride]
            if ahead > 0:
                pairs[d, here - 1, ahead - 1] += 1
            if here == ahead:
                run[p + stride] = run[p] + 1
                # Rows joined one voxel before are joined already.
                if padded[p - 1] != here or padded[p + stride - 1] != here or stride == 1:
                    _join(parent, p, p + stride)
            else:
                runs[d, here - 1, run[p]] += 1
    return pairs, runs, _zone_sizes(parent, positions)


@compiled
def _join(parent: IntArray, a: int, b: int) -> None:
    """Unite two trees under the root of lower address; paths are halved on the way."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    while parent[b] != b:
        parent[b] = parent[parent[b]]
        b = parent[b]
    if a < b:
        parent[b] = a
    elif b < a:
        parent[a] = b


@compiled
def _zone_sizes(parent: IntArray, positions: LongArray) -> IntArray:
    size = np.zeros(len(parent), dtype=np.int32)
    for p in positions:
        # A parent has a lower address, so its own root is known already.
        parent[p] = parent[parent[p]]
        size[parent[p]] += 1
    found = np.empty(len(positions), dtype=np.int32)
    for i in range(len(positions)):
        found[i] = size[positions[i]]
    return found


@compiled
def neighbourhoods(padded: IntArray, strides: LongArray) -> tuple[IntArray, IntArray, IntArray]:
    """Summarise the neighbours of every address, in both senses of every direction.

    Parameters
    ----------
    padded : ndarray of int32, flat
        0 outside, grey levels inside.
    strides : ndarray of int64, shape (d,)
        Distance to the neighbour in each direction.

    Returns
    -------
    number, total, equal : ndarray of int32, flat
        Neighbours inside, the sum of their levels, and how many have the same level. Addresses of the
        border hold nothing of meaning.
    """
    n = len(padded)
    number = np.zeros(n, dtype=np.int32)
    total = np.zeros(n, dtype=np.int32)
    equal = np.zeros(n, dtype=np.int32)
    for stride in strides:
        _compare(
            padded[: n - stride], padded[stride:], number[: n - stride], total[: n - stride], equal[: n - stride]
        )
        _compare(padded[stride:], padded[: n - stride], number[stride:], total[stride:], equal[stride:])
    return number, total, equal


@compiled
def _compare(here: IntArray, there: IntArray, number: IntArray, total: IntArray, equal: IntArray) -> None:
    for i in range(len(here)):
        number[i] += there[i] > 0
        total[i] += there[i]
        equal[i] += here[i] == there[i]
