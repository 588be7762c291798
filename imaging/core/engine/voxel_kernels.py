"""Compiled loops of first-order voxel maps.

Arrays are flat: a region's bounding box with one layer of outside around it, so that no neighbour is
ever missing. Each kernel fills a row of all values that it knows for one voxel, and copies the wanted
ones into the maps.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled
from imaging.core.engine.voxel_tables import KERNEL

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: What `histogram_values` and `intensity_values` know, in the order of their rows.
HISTOGRAM = ("Entropy", "Uniformity")
INTENSITY = (
    "Energy",
    "TotalEnergy",
    "RootMeanSquared",
    "Mean",
    "MeanAbsoluteDeviation",
    "Variance",
    "Skewness",
    "Kurtosis",
    "Minimum",
    "Maximum",
    "Range",
    "10Percentile",
    "90Percentile",
    "Median",
    "InterquartileRange",
    "RobustMeanAbsoluteDeviation",
)

#: Those of `INTENSITY` from this one on need the values in order.
ORDERED_FROM = INTENSITY.index("10Percentile")

#: Voxels that are sorted side by side; their kernels fill half of a processor's first cache.
_SIDE_BY_SIDE = 64


@compiled
def histogram_values(
    levels: NDArray[np.int32],
    at: IntArray,
    around: IntArray,
    into: IntArray,
    wanted: IntArray,
    rows: IntArray,
    maps: FloatArray,
) -> None:
    """Compute features of the histogram of grey levels in each kernel.

    Parameters
    ----------
    levels : ndarray of int32
        Grey levels, 0 outside the region.
    at : ndarray of int64, shape (n,)
        Where in `levels` the region's voxels are.
    around : ndarray of int64, shape (27,)
        Distances from a voxel to those of its kernel.
    into : ndarray of int64, shape (n,)
        Where each voxel's value goes in a map.
    wanted, rows : ndarray of int64, shape (k,)
        Which of `HISTOGRAM`, and which row of `maps` each becomes.
    maps : ndarray of float64, shape (features, voxels of the box)
        Receives the values.
    """
    bits = np.zeros(KERNEL + 2)  # c log2 c
    for c in range(2, KERNEL + 2):
        bits[c] = c * math.log2(c)
    counts = np.zeros(levels.max() + 1, dtype=np.int64)
    row = np.empty(2)
    for v in range(at.size):
        n, squares, entropy = 0, 0, 0.0
        for k in range(KERNEL):
            level = levels[at[v] + around[k]]
            if level > 0:
                c = counts[level]
                counts[level] = c + 1
                entropy += bits[c + 1] - bits[c]
                squares += 2 * c + 1
                n += 1
        for k in range(KERNEL):
            counts[levels[at[v] + around[k]]] = 0
        row[0] = max(0.0, (bits[n] - entropy) / n)
        row[1] = squares / (n * n)
        for k in range(wanted.size):
            maps[rows[k], into[v]] = row[wanted[k]]


@compiled
def intensity_values(
    values: FloatArray,
    at: IntArray,
    around: IntArray,
    into: IntArray,
    exchanges: IntArray,
    shift: float,
    voxel_volume_mm3: float,
    wanted: IntArray,
    rows: IntArray,
    maps: FloatArray,
) -> None:
    """Compute features of the intensities in each kernel.

    Parameters
    ----------
    values : ndarray of float64
        Intensities in HU, infinite outside the region.
    exchanges : ndarray of int64, shape (m, 2)
        Comparisons that sort 27 values; empty where no feature needs them in order.
    shift : float
        Added to the intensities in Energy, TotalEnergy and RootMeanSquared, in HU.
    voxel_volume_mm3 : float
        Factor of TotalEnergy.
    at, around, into, wanted, rows, maps
        As in `histogram_values`, with `INTENSITY`.
    """
    columns = np.empty((KERNEL, _SIDE_BY_SIDE))
    sizes = np.zeros(_SIDE_BY_SIDE, dtype=np.int64)
    found = np.zeros((_SIDE_BY_SIDE, len(INTENSITY)))
    for begin in range(0, at.size, _SIDE_BY_SIDE):
        end = min(begin + _SIDE_BY_SIDE, at.size)
        columns[:, :] = np.inf
        for v in range(begin, end):
            n = 0
            for k in range(KERNEL):
                value = values[at[v] + around[k]]
                if value < np.inf:
                    columns[n, v - begin] = value
                    n += 1
            sizes[v - begin] = n
            # Before sorting, so that sums do not depend on whether a percentile is asked for.
            _moments(columns[:n, v - begin], shift, voxel_volume_mm3, found[v - begin])
        for e in range(exchanges.shape[0]):
            low, high = columns[exchanges[e, 0]], columns[exchanges[e, 1]]
            for c in range(_SIDE_BY_SIDE):
                a, b = low[c], high[c]
                low[c] = a if a < b else b
                high[c] = b if a < b else a
        for v in range(begin, end):
            if exchanges.shape[0] > 0:
                _order_statistics(columns[: sizes[v - begin], v - begin], found[v - begin])
            for k in range(wanted.size):
                maps[rows[k], into[v]] = found[v - begin, wanted[k]]


@compiled
def _moments(column: FloatArray, shift: float, voxel_volume_mm3: float, row: FloatArray) -> None:
    n = column.size
    total, energy, low, high = 0.0, 0.0, np.inf, -np.inf
    for k in range(n):
        value = column[k]
        total += value
        energy += (value + shift) * (value + shift)
        low = min(low, value)
        high = max(high, value)
    mean = total / n
    absolute, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        away = column[k] - mean
        square = away * away
        absolute += abs(away)
        second += square
        third += square * away
        fourth += square * square
    second, third, fourth = second / n, third / n, fourth / n
    row[0] = energy
    row[1] = energy * voxel_volume_mm3
    row[2] = math.sqrt(energy / n)
    row[3] = mean
    row[4] = absolute / n
    row[5] = second
    row[6] = third / (second * math.sqrt(second)) if second > 0 else 0.0
    row[7] = fourth / (second * second) if second > 0 else 0.0
    row[8] = low
    row[9] = high
    row[10] = high - low


@compiled
def _order_statistics(ordered: FloatArray, row: FloatArray) -> None:
    low, high = _quantile(ordered, 0.1), _quantile(ordered, 0.9)
    n, total, deviation = 0, 0.0, 0.0
    for k in range(ordered.size):
        if low <= ordered[k] <= high:
            total += ordered[k]
            n += 1
    mean = total / n
    for k in range(ordered.size):
        if low <= ordered[k] <= high:
            deviation += abs(ordered[k] - mean)
    row[11] = low
    row[12] = high
    row[13] = _quantile(ordered, 0.5)
    row[14] = _quantile(ordered, 0.75) - _quantile(ordered, 0.25)
    row[15] = deviation / n


@compiled
def _quantile(ordered: FloatArray, part: float) -> float:
    """Interpolate linearly between the two nearest values, rounding as numpy's percentile does."""
    place = (ordered.size - 1) * part
    below = int(place)
    a, b = ordered[below], ordered[min(below + 1, ordered.size - 1)]
    t = place - below
    return float(a + (b - a) * t if t < 0.5 else b - (b - a) * (1 - t))
