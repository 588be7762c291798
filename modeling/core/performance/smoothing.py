"""Locally linear smoothing of outcomes over predictions (loess of degree 1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Share of the patients that each local line is fitted to.
SPAN = 0.75


def loess(y: Ints | Floats, p: Floats, *, at: Floats, span: float = SPAN) -> Floats:
    """Give the smoothed share of events at some predictions.

    A line is fitted around each of them to the nearest `span` of the patients, with tricube weights
    and no robustness steps, which would drop the rarer class as outliers. Where (nearly) all
    neighbours have the same prediction it is their weighted mean.

    Parameters
    ----------
    y, p : arrays of shape (n_patients,)
    at : array of shape (n_points,)
    span : float

    Returns
    -------
    array of shape (n_points,)
        Between 0 and 1.

    References
    ----------
    Cleveland, J Am Stat Assoc 1979;74:829-836.
    """
    neighbours = min(len(p), max(2, int(span * len(p) + 1e-10)))
    x = p[None, :] - at[:, None]
    distance = np.abs(x)
    radius = np.partition(distance, neighbours - 1, axis=1)[:, neighbours - 1 :][:, :1]
    tied = radius == 0
    weights = np.where(tied, distance == 0, (1 - np.minimum(distance / np.where(tied, 1, radius), 1) ** 3) ** 3)
    weights = weights / weights.sum(axis=1, keepdims=True)
    centre, level = (weights * x).sum(axis=1), weights @ y
    spread = (weights * (x - centre[:, None]) ** 2).sum(axis=1)
    covariance = (weights * (x - centre[:, None]) * (y[None, :] - level[:, None])).sum(axis=1)
    # Cleveland's rule: a line through points closer together than this is not determined.
    steep = np.sqrt(spread) > 1e-3 * np.ptp(p)
    slope = np.divide(covariance, spread, out=np.zeros_like(spread), where=steep)
    smoothed: Floats = np.clip(level - slope * centre, 0, 1)
    return smoothed
