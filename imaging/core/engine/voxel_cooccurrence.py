"""Compiled loop of grey level co-occurrence voxel maps.

A kernel has at most 27 grey levels and 18 pairs a direction, so no matrix of all grey levels is made. With
pairs (a, b), sums s = a + b and differences d = |a - b|, every feature of the symmetric, normalised matrix
is a sum over pairs, or over how often an equal sum, difference, level or pair occurs: pairs are counted by
these, and the counts cleared again.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled
from imaging.core.engine.voxel_tables import KERNEL

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: What `cooccurrence_values` knows, in the order of its rows.
COOCCURRENCE = (
    "Autocorrelation",
    "JointAverage",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "JointEnergy",
    "JointEntropy",
    "Imc1",
    "Imc2",
    "Id",
    "Idm",
    "Idn",
    "Idmn",
    "InverseVariance",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
)

_MOST_PAIRS = 18
#: Less information than this is none: with at most 36 counts the least that there can be is 7e-6 bits.
_NO_INFORMATION = 1e-9
_EPSILON = 2.0**-52  # pyradiomics' guard in the denominator of the correlation


@compiled
def cooccurrence_values(
    levels: NDArray[np.int32],
    at: IntArray,
    around: IntArray,
    into: IntArray,
    first: IntArray,
    second: IntArray,
    begins: IntArray,
    weights: FloatArray,
    wanted: IntArray,
    rows: IntArray,
    maps: FloatArray,
) -> int:
    """Compute features of the co-occurrence matrices of each kernel, averaged over directions with pairs.

    Parameters
    ----------
    levels : ndarray of int32
        Grey levels, 0 outside the region.
    first, second, begins : ndarray of int64
        Pairs of kernel voxels by direction (`imaging.core.engine.voxel_tables`).
    weights : ndarray of float64, shape (highest level, 5)
        What `difference_weights` gives.
    at, around, into, wanted, rows, maps
        As in `imaging.core.engine.voxel_kernels`, with `COOCCURRENCE`.

    Returns
    -------
    int
        How many voxels have no pair in any direction; their values are NaN.
    """
    bits = np.zeros(2 * _MOST_PAIRS + 2)  # c log2 c
    for c in range(2, bits.size):
        bits[c] = c * math.log2(c)
    highest = weights.shape[0]
    names = np.full(highest + 1, -1, dtype=np.int64)
    cube, name = np.zeros(KERNEL, dtype=np.int64), np.zeros(KERNEL, dtype=np.int64)
    of_sum, of_difference = np.zeros(2 * highest + 1, dtype=np.int64), np.zeros(highest, dtype=np.int64)
    of_level, of_cell = np.zeros(KERNEL, dtype=np.int64), np.zeros((KERNEL, KERNEL), dtype=np.int64)
    pairs = np.zeros((4, _MOST_PAIRS), dtype=np.int64)
    whole, real = np.zeros(6, dtype=np.int64), np.zeros(9)
    row = np.zeros(len(COOCCURRENCE))
    undefined = 0
    for v in range(at.size):
        named = 0
        for k in range(KERNEL):
            level = levels[at[v] + around[k]]
            cube[k] = level
            if level > 0:  # the levels of a kernel are named 0, 1, ... as they come
                if names[level] < 0:
                    names[level] = named
                    named += 1
                name[k] = names[level]
        row[:] = 0.0
        directions = 0
        for d in range(begins.size - 1):
            here, there = first[begins[d] : begins[d + 1]], second[begins[d] : begins[d + 1]]
            m = _count(
                cube, name, here, there, weights, bits, of_sum, of_difference, of_level, of_cell, pairs, whole, real
            )
            if m == 0:
                continue
            directions += 1
            for k in range(m):
                of_sum[pairs[0, k]] = 0
                of_difference[pairs[1, k]] = 0
                of_level[pairs[2, k]] = 0
                of_level[pairs[3, k]] = 0
                of_cell[pairs[2, k], pairs[3, k]] = 0
            _add_features(m, pairs[0], whole, real, bits, row)
        for k in range(KERNEL):
            names[cube[k]] = -1
        undefined += directions == 0
        for k in range(wanted.size):
            maps[rows[k], into[v]] = row[wanted[k]] / directions
    return undefined


@compiled
def _count(
    cube: IntArray,
    name: IntArray,
    here: IntArray,
    there: IntArray,
    weights: FloatArray,
    bits: FloatArray,
    of_sum: IntArray,
    of_difference: IntArray,
    of_level: IntArray,
    of_cell: IntArray,
    pairs: IntArray,
    whole: IntArray,
    real: FloatArray,
) -> int:
    """Count the pairs of one direction by sum, difference, level and cell, and give how many there are.

    `bits` holds c log2 c, so that a count that grows from c to c + 1 adds their difference to the sum that
    makes an entropy. `pairs` receives sum, difference, lower and upper name of each pair; `whole` and
    `real` what `add_features` reads.
    """
    m = 0
    sum1, sum2, difference1, difference2, squares, most = 0, 0, 0, 0, 0, 0
    sum_bits, difference_bits, level_bits, cell_bits = 0.0, 0.0, 0.0, 0.0
    id1, idm, idn, idmn, inverse = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(here.size):
        a, b = cube[here[k]], cube[there[k]]
        if a == 0 or b == 0:
            continue
        s, t = a + b, abs(a - b)
        sum1 += s
        sum2 += s * s
        difference1 += t
        difference2 += t * t
        id1 += weights[t, 0]
        idm += weights[t, 1]
        idn += weights[t, 2]
        idmn += weights[t, 3]
        inverse += weights[t, 4]
        c = of_sum[s]
        of_sum[s] = c + 1
        sum_bits += bits[c + 1] - bits[c]
        c = of_difference[t]
        of_difference[t] = c + 1
        difference_bits += bits[c + 1] - bits[c]
        i, j = name[here[k]], name[there[k]]
        c = of_level[i]
        of_level[i] = c + 1
        level_bits += bits[c + 1] - bits[c]
        c = of_level[j]
        of_level[j] = c + 1
        level_bits += bits[c + 1] - bits[c]
        i, j = min(i, j), max(i, j)
        c = of_cell[i, j]
        of_cell[i, j] = c + 1
        if i == j:  # both orders of the pair fall into one cell
            cell_bits += bits[2 * c + 2] - bits[2 * c]
            squares += 8 * c + 4
            most = max(most, 2 * c + 2)
        else:
            cell_bits += 2 * (bits[c + 1] - bits[c])
            squares += 4 * c + 2
            most = max(most, c + 1)
        pairs[0, m], pairs[1, m], pairs[2, m], pairs[3, m] = s, t, i, j
        m += 1
    whole[0], whole[1], whole[2], whole[3], whole[4], whole[5] = sum1, sum2, difference1, difference2, squares, most
    real[0], real[1], real[2], real[3] = sum_bits, difference_bits, level_bits, cell_bits
    real[4], real[5], real[6], real[7], real[8] = id1, idm, idn, idmn, inverse
    return m


@compiled
def _add_features(
    m: int, sums: IntArray, whole: IntArray, real: FloatArray, bits: FloatArray, row: FloatArray
) -> None:
    """Add the features of one direction to a row in the order of `COOCCURRENCE`, all but MCC.

    Moments are quotients of whole numbers, so that neither a flat direction nor one of equal differences
    needs a tolerance.

    References
    ----------
    Haralick RM et al., IEEE Trans Syst Man Cybern 3(6):610-621, 1973.
    """
    n = 2 * m
    sum1, sum2, difference1, difference2 = whole[0], whole[1], whole[2], whole[3]
    mean = sum1 / m
    cubes, fourths = 0.0, 0.0
    for k in range(m):
        away = sums[k] - mean
        cubes += away * away * away
        fourths += (away * away) * (away * away)
    variance = (m * (sum2 + difference2) - sum1 * sum1) / (n * n)
    covariance = (m * (sum2 - difference2) - sum1 * sum1) / (n * n)
    level_entropy = max(0.0, (bits[n] - real[2]) / n)
    entropy = max(0.0, (bits[n] - real[3]) / n)
    information = 2 * level_entropy - entropy
    row[0] += (sum2 - difference2) / (4 * m)
    row[1] += mean / 2
    row[2] += fourths / m
    row[3] += cubes / m
    row[4] += (m * sum2 - sum1 * sum1) / (m * m)
    row[5] += difference2 / m
    row[6] += covariance / (variance + _EPSILON) if variance > 0 else 1.0
    row[7] += difference1 / m
    row[8] += max(0.0, (bits[m] - real[1]) / m)
    row[9] += (m * difference2 - difference1 * difference1) / (m * m)
    row[10] += whole[4] / (n * n)
    row[11] += entropy
    if information > _NO_INFORMATION:
        row[12] -= information / level_entropy
        row[13] += math.sqrt(1 - math.exp(-2 * information))
    row[14] += real[4] / m
    row[15] += real[5] / m
    row[16] += real[6] / m
    row[17] += real[7] / m
    row[18] += real[8] / m
    row[19] += whole[5] / n
    row[20] += mean
    row[21] += max(0.0, (bits[m] - real[0]) / m)
    row[22] += variance
