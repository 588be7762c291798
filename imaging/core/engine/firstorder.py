"""First-order statistics of a region's intensities (pyradiomics' 18 features; IBSI 3.3 and 3.4).

Entropy and Uniformity are those of the grey levels; all others are of the intensities themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled
from imaging.core.engine.discretise import GreyLevels

FloatArray = NDArray[np.float64]

NAMES = (
    "10Percentile",
    "90Percentile",
    "Energy",
    "Entropy",
    "InterquartileRange",
    "Kurtosis",
    "Maximum",
    "Mean",
    "MeanAbsoluteDeviation",
    "Median",
    "Minimum",
    "Range",
    "RobustMeanAbsoluteDeviation",
    "RootMeanSquared",
    "Skewness",
    "TotalEnergy",
    "Uniformity",
    "Variance",
)

_EPS = np.spacing(1.0)
_PERCENTILES = (10.0, 25.0, 50.0, 75.0, 90.0)


def first_order(
    values: NDArray[np.generic], levels: GreyLevels, *, voxel_volume_mm3: float, shift: float
) -> dict[str, float]:
    """Compute the first-order features of a region.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Intensities (HU, or the response of a filter).
    levels : GreyLevels
        Their grey levels.
    voxel_volume_mm3 : float
        Volume of a voxel; TotalEnergy is Energy times this.
    shift : float
        Added to intensities for Energy and RootMeanSquared, so that HU do not cancel.

    Returns
    -------
    dict of str to float
        Names as ``firstorder_Mean``, in the order of `NAMES`. Kurtosis is not excess: 3 for a normal distribution.
    """
    p10, p25, p50, p75, p90 = _percentiles(values)
    x = values.astype(np.float64)
    mean, m2, m3, m4, deviation, energy, robust = _moments(x, shift, p10, p90)
    p = levels.counts / len(x)
    low, high = float(values.min()), float(values.max())
    found = {
        "10Percentile": p10,
        "90Percentile": p90,
        "Energy": energy,
        "Entropy": float(-(p * np.log2(p + _EPS)).sum()),
        "InterquartileRange": p75 - p25,
        "Kurtosis": m4 / m2**2 if m2 else 0.0,
        "Maximum": high,
        "Mean": mean,
        "MeanAbsoluteDeviation": deviation,
        "Median": p50,
        "Minimum": low,
        "Range": high - low,
        "RobustMeanAbsoluteDeviation": robust,
        "RootMeanSquared": float(np.sqrt(energy / len(x))),
        "Skewness": m3 / m2**1.5 if m2 else 0.0,
        "TotalEnergy": energy * voxel_volume_mm3,
        "Uniformity": float((p**2).sum()),
        "Variance": m2,
    }
    return {f"firstorder_{name}": found[name] for name in NAMES}


def _percentiles(values: NDArray[np.generic]) -> list[float]:
    """Interpolate linearly between order statistics, as numpy's percentile does, without sorting all."""
    ranks = [q / 100 * (len(values) - 1) for q in _PERCENTILES]
    below = [int(rank) for rank in ranks]
    above = [min(b + 1, len(values) - 1) for b in below]
    ordered = np.partition(values, sorted({*below, *above}))
    return [
        float(ordered[b]) + (float(ordered[a]) - float(ordered[b])) * (rank - b)
        for rank, b, a in zip(ranks, below, above, strict=True)
    ]


@compiled
def _moments(
    x: FloatArray, shift: float, low: float, high: float
) -> tuple[float, float, float, float, float, float, float]:
    """Give mean, central moments 2 to 4, mean absolute deviation, energy, and that deviation within limits."""
    n = len(x)
    total, energy, kept_total, kept = 0.0, 0.0, 0.0, 0
    for i in range(n):
        total += x[i]
        energy += (x[i] + shift) ** 2
        if low <= x[i] <= high:
            kept_total += x[i]
            kept += 1
    mean, kept_mean = total / n, kept_total / kept
    m2, m3, m4, deviation, robust = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        d = x[i] - mean
        square = d * d
        m2 += square
        m3 += square * d
        m4 += square * square
        deviation += abs(d)
        if low <= x[i] <= high:
            robust += abs(x[i] - kept_mean)
    return mean, m2 / n, m3 / n, m4 / n, deviation / n, energy, robust / kept
