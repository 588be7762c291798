"""What describes a supervoxel: ten statistics of each channel, or its mean alone.

The ten are those of the MD Anderson CT implementation, in its order. Moments are biased, spread
divides by n - 1, kurtosis is not excess; percentiles interpolate linearly as numpy does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

STATISTICS = (
    "skewness",
    "kurtosis",
    "mean",
    "median",
    "percentile_25",
    "percentile_75",
    "interquartile_range",
    "standard_deviation",
    "variance",
    "energy",
)

#: Keeps skewness and kurtosis finite in a flat supervoxel, as the reference does.
_EPSILON = 1e-10


@dataclass(frozen=True, eq=False)
class Groups:
    """Voxels sorted by their label, so that a statistic of every label is one call.

    Parameters
    ----------
    order : ndarray of int, shape (v,)
        Sorts voxels by label; stable.
    starts : ndarray of int, shape (n,)
        Where each label begins in that order.
    sizes : ndarray of int, shape (n,)
        Voxels of each label.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, labels: NDArray[np.integer]) -> Groups:
        """Group voxels by labels 1 to n, shape (v,), each of which must occur."""
        sizes = np.bincount(labels)[1:].astype(np.int64)
        order = np.argsort(labels, kind="stable").astype(np.int64)
        return cls(order, np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64), sizes)

    def mean(self, values: FloatArray) -> FloatArray:
        """Average values of shape (..., v) to shape (..., n)."""
        sums = np.add.reduceat(values[..., self.order], self.starts, axis=-1)
        return np.asarray(sums / self.sizes, dtype=np.float64)

    def percentiles(self, values: FloatArray, wanted: tuple[float, ...]) -> FloatArray:
        """Give percentiles of values of shape (c, v) as shape (len(wanted), c, n)."""
        parts = np.split(values[..., self.order], self.starts[1:], axis=-1)
        return np.stack([np.percentile(part, wanted, axis=-1) for part in parts], axis=-1)


def describe(channels: FloatArray, *, groups: Groups, descriptor: str) -> FloatArray:
    """Describe each supervoxel.

    Parameters
    ----------
    channels : ndarray of float64, shape (c, v)
        Channels of the voxels inside the tumour.
    groups : Groups
        To which supervoxel each belongs.
    descriptor : {"hist10", "mean4"}
        Ten statistics of each channel, channel by channel, or the means.

    Returns
    -------
    ndarray of float64, shape (n, 10 c) or (n, c)
    """
    if descriptor == "mean4":
        return groups.mean(channels).T
    statistics = _statistics(channels, groups)
    return statistics.transpose(2, 1, 0).reshape(len(groups.sizes), -1)


def _statistics(channels: FloatArray, groups: Groups) -> FloatArray:
    """Give shape (10, c, n)."""
    mean = groups.mean(channels)
    centred = channels.copy()
    centred[..., groups.order] -= np.repeat(mean, groups.sizes, axis=-1)
    m2, m3, m4 = (groups.mean(centred**power) for power in (2, 3, 4))
    variance = m2 * groups.sizes / np.maximum(groups.sizes - 1, 1)
    q25, median, q75 = groups.percentiles(channels, (25.0, 50.0, 75.0))
    skewness, kurtosis = m3 / (m2**1.5 + _EPSILON), m4 / (m2**2 + _EPSILON)
    spread = np.sqrt(variance)
    energy = groups.mean(channels**2)
    return np.stack([skewness, kurtosis, mean, median, q25, q75, q75 - q25, spread, variance, energy])
