"""What a kernel of 27 voxels looks like: its places, its pairs in each direction, and how to sort it.

A kernel is the voxel itself and its 26 neighbours, numbered 0 to 26 with the column index fastest;
number 13 is the centre.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from imaging.core.engine.region import DIRECTIONS, Offset

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Voxels of a kernel.
KERNEL = 27

#: Steps (z, y, x) from the centre to each voxel of the kernel.
STEPS: tuple[Offset, ...] = tuple((z, y, x) for z, y, x in product((-1, 0, 1), repeat=3))


def _pairs() -> tuple[IntArray, IntArray, IntArray]:
    number = {step: index for index, step in enumerate(STEPS)}
    first: list[int] = []
    second: list[int] = []
    begins = [0]
    for z, y, x in DIRECTIONS:
        for here, index in number.items():
            there = number.get((here[0] + z, here[1] + y, here[2] + x))
            if there is not None:
                first.append(index)
                second.append(there)
        begins.append(len(first))
    return np.array(first), np.array(second), np.array(begins)


#: Pairs of kernel voxels one step apart; those of direction d are ``PAIR_BEGINS[d]`` to ``PAIR_BEGINS[d + 1]``.
PAIR_FIRST, PAIR_SECOND, PAIR_BEGINS = _pairs()


def _exchanges(size: int) -> IntArray:
    """Give the comparisons of Batcher's merge exchange, which sort any sequence of `size` values."""
    found: list[tuple[int, int]] = []
    top = 1 << (size - 1).bit_length() - 1
    p = top
    while p:
        q, r, d = top, 0, p
        while True:
            found += [(i, i + d) for i in range(size - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return np.array(found)


#: Pairs of rows to compare and exchange, in order, so that 27 rows are sorted (Knuth, The Art of
#: Computer Programming 3, section 5.2.2, algorithm M). The same for all voxels, so that columns go side by side.
EXCHANGES = _exchanges(KERNEL)


def difference_weights(highest: int) -> FloatArray:
    """Give the weights of grey level differences 0, 1, ... for features that weigh each pair.

    Parameters
    ----------
    highest : int
        The highest grey level of the region, Ng.

    Returns
    -------
    ndarray of float64, shape (highest, 5)
        Columns: Id, Idm, Idn, Idmn, InverseVariance.
    """
    k = np.arange(highest, dtype=np.float64)
    inverse = np.divide(1.0, k**2, out=np.zeros_like(k), where=k > 0)
    columns = (1 / (1 + k), 1 / (1 + k**2), 1 / (1 + k / highest), 1 / (1 + k**2 / highest**2), inverse)
    return np.ascontiguousarray(np.stack(columns, axis=1))
