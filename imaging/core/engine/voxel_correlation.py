"""Compiled loop of the maximal correlation coefficient (MCC), a map that costs more than all others.

pyradiomics takes the second largest eigenvalue of Q = D^-1 P D^-1 P', where P is the symmetric,
normalised matrix and D has its row sums on the diagonal, and then its square root. Q has the squared
eigenvalues of the symmetric matrix N = D^-1/2 P D^-1/2, whose largest is 1; so the coefficient is the
second largest of N in absolute value, without forming Q.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled
from imaging.core.engine.voxel_tables import KERNEL

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: All eigenvalues lie between -1 and 1, so less than this beside the diagonal changes none; and it is more
#: than the rounding of a step, which could otherwise keep an element from vanishing.
_NOTHING = 1e-15
_MOST_STEPS = 30  # an eigenvalue; two or three are usual


@compiled
def correlation_values(
    levels: NDArray[np.int32],
    at: IntArray,
    around: IntArray,
    into: IntArray,
    first: IntArray,
    second: IntArray,
    begins: IntArray,
    several_levels: bool,
    values: FloatArray,
) -> int:
    """Compute the MCC of each kernel, averaged over directions with pairs.

    Parameters
    ----------
    several_levels : bool
        Whether the region has more than one grey level.
    values : ndarray of float64, shape (voxels of the box,)
        The map; receives the values.
    levels, at, around, into, first, second, begins
        As in `imaging.core.engine.voxel_cooccurrence`.

    Returns
    -------
    int
        How many voxels have no pair in any direction; their values are NaN.
    """
    names = np.full(levels.max() + 1, -1, dtype=np.int64)
    name = np.empty(KERNEL, dtype=np.int64)
    counts, cells = np.zeros(KERNEL, dtype=np.int64), np.zeros((KERNEL, KERNEL), dtype=np.int64)
    lower, upper = np.empty(KERNEL, dtype=np.int64), np.empty(KERNEL, dtype=np.int64)
    matrix = np.empty((KERNEL, KERNEL))
    undefined = 0
    for v in range(at.size):
        named = 0
        for k in range(KERNEL):
            level = levels[at[v] + around[k]]
            if level > 0 and names[level] < 0:  # the levels of a kernel are named 0, 1, ... as they come
                names[level] = named
                named += 1
            name[k] = names[level]
        for k in range(KERNEL):
            names[levels[at[v] + around[k]]] = -1
        directions, total = 0, 0.0
        for d in range(begins.size - 1):
            m = 0
            for k in range(begins[d], begins[d + 1]):
                a, b = name[first[k]], name[second[k]]
                if a >= 0 and b >= 0:
                    lower[m], upper[m] = min(a, b), max(a, b)
                    cells[lower[m], upper[m]] += 1
                    counts[a] += 1
                    counts[b] += 1
                    m += 1
            if m > 0:
                directions += 1
                total += maximal_correlation(cells, counts, named, lower, upper, m, several_levels, matrix)
            for k in range(m):
                cells[lower[k], upper[k]] = 0
                counts[lower[k]] = 0
                counts[upper[k]] = 0
        undefined += directions == 0
        values[into[v]] = total / directions
    return undefined


@compiled
def maximal_correlation(
    cells: IntArray,
    counts: IntArray,
    named: int,
    lower: IntArray,
    upper: IntArray,
    pairs: int,
    several_levels: bool,
    matrix: FloatArray,
) -> float:
    """Compute the maximal correlation coefficient of the pairs of one direction.

    Parameters
    ----------
    cells : ndarray of int64, shape (27, 27)
        How often each unordered pair of levels occurs, lower name first.
    counts : ndarray of int64, shape (27,)
        Row sums of the symmetric matrix.
    named : int
        Levels 0 to ``named - 1`` may occur.
    lower, upper : ndarray of int64
        Levels of each pair; `pairs` of them count.
    several_levels : bool
        Whether the region has more than one level. Where one level occurs in this direction, the
        coefficient is 0 if so and 1 if not, as in pyradiomics.
    matrix : ndarray of float64, shape (27, 27)
        Scratch.

    Returns
    -------
    float
        Between 0 and 1; 1 where the levels fall into groups that never meet.
    """
    number = np.empty(KERNEL, dtype=np.int64)
    size = 0
    for i in range(named):
        if counts[i] > 0:
            number[i] = size
            size += 1
    if size == 1:
        return 0.0 if several_levels else 1.0
    if not _joined(lower, upper, pairs, size):
        return 1.0
    for i in range(named):
        for j in range(i, named):
            if counts[i] > 0 and counts[j] > 0:
                both = 2 * cells[i, i] if i == j else cells[i, j]
                entry = both / math.sqrt(counts[i] * counts[j])
                matrix[number[i], number[j]] = entry
                matrix[number[j], number[i]] = entry
    if size == 2:
        return float(abs(matrix[0, 0] + matrix[1, 1] - 1.0))
    diagonal, beside = np.empty(KERNEL), np.zeros(KERNEL)
    _tridiagonal(matrix, size, diagonal, beside)
    _eigenvalues(diagonal, beside, size)
    largest, next_largest = 0.0, 0.0
    for k in range(size):
        value = abs(diagonal[k])
        if value > largest:
            largest, next_largest = value, largest
        elif value > next_largest:
            next_largest = value
    return min(next_largest, 1.0)


@compiled
def _joined(lower: IntArray, upper: IntArray, pairs: int, size: int) -> bool:
    """Tell whether every level can be reached from every other over pairs that occur."""
    root = np.arange(KERNEL)
    joins = 0
    for k in range(pairs):
        i, j = lower[k], upper[k]
        while root[i] != i:
            i = root[i]
        while root[j] != j:
            j = root[j]
        if i != j:
            root[i] = j
            joins += 1
    return joins == size - 1


@compiled
def _tridiagonal(matrix: FloatArray, size: int, diagonal: FloatArray, beside: FloatArray) -> None:
    """Reduce a symmetric matrix to three diagonals by Householder reflections (Golub & Van Loan, 8.3.1)."""
    image = np.empty(KERNEL)
    for k in range(size - 2):
        length = 0.0
        for i in range(k + 1, size):
            length += matrix[i, k] * matrix[i, k]
        length = math.sqrt(length)
        if length <= _NOTHING:
            beside[k] = 0.0
            continue
        head = matrix[k + 1, k]
        reflected = -length if head > 0 else length
        beside[k] = reflected
        matrix[k + 1, k] = head - reflected
        scale = 1.0 / (length * (length + abs(head)))  # 2 / v'v
        product = 0.0
        for i in range(k + 1, size):
            total = 0.0
            for j in range(k + 1, size):
                total += matrix[i, j] * matrix[j, k]
            image[i] = scale * total
            product += image[i] * matrix[i, k]
        for i in range(k + 1, size):
            image[i] -= 0.5 * scale * product * matrix[i, k]
        for i in range(k + 1, size):
            for j in range(k + 1, size):
                matrix[i, j] -= matrix[i, k] * image[j] + image[i] * matrix[j, k]
    beside[size - 2] = matrix[size - 1, size - 2]
    for k in range(size):
        diagonal[k] = matrix[k, k]


@compiled
def _eigenvalues(diagonal: FloatArray, beside: FloatArray, size: int) -> None:
    """Turn the diagonal into eigenvalues by implicit QR steps (Golub & Van Loan, 8.3.2)."""
    end = size - 1
    for _ in range(_MOST_STEPS * size):
        if end == 0:
            break
        if abs(beside[end - 1]) <= _NOTHING:
            end -= 1
            continue
        begin = end - 1
        while begin > 0 and abs(beside[begin - 1]) > _NOTHING:
            begin -= 1
        half = 0.5 * (diagonal[end - 1] - diagonal[end])
        square = beside[end - 1] * beside[end - 1]
        root = math.sqrt(half * half + square)
        shift = diagonal[end] - square / (half + (root if half >= 0 else -root))
        x, z = diagonal[begin] - shift, beside[begin]
        for k in range(begin, end):
            length = math.sqrt(x * x + z * z)
            c, s = (x / length, z / length) if length > 0 else (1.0, 0.0)
            if k > begin:
                beside[k - 1] = length
            a, b, e = diagonal[k], diagonal[k + 1], beside[k]
            diagonal[k] = c * c * a + 2 * c * s * e + s * s * b
            diagonal[k + 1] = s * s * a - 2 * c * s * e + c * c * b
            beside[k] = c * s * (b - a) + (c * c - s * s) * e
            if k < end - 1:
                x, z = beside[k], s * beside[k + 1]
                beside[k + 1] *= c
