"""Do two ways to measure a feature give the same values? Lin's concordance and relative differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Pairs below which nothing is said.
_MINIMUM = 3


@dataclass(frozen=True, eq=False)
class Concordance:
    """Agreement of two measurements of many features, each shape (n_features,).

    Parameters
    ----------
    coefficient : ndarray of float64
        Lin's concordance: 1 where all pairs are equal; NaN below three pairs, or where nothing varies.
    difference : ndarray of float64
        Median over pairs of ``2 |a - b| / (|a| + |b|)``: 0 where equal, 2 where the signs differ.
    n : ndarray of int64
        Pairs that both measurements have.
    """

    coefficient: FloatArray
    difference: FloatArray
    n: NDArray[np.int64]


def concordance(a: FloatArray, b: FloatArray) -> Concordance:
    """Compare two measurements of the same cases.

    Parameters
    ----------
    a, b : ndarray of float64, shape (n_cases, n_features)
        NaN where there is no value; a case counts for a feature if it has both.

    Returns
    -------
    Concordance
        With the moments of the sample divided by n, as Lin defines them.

    References
    ----------
    Lin LI-K, Biometrics 1989;45:255-268.
    """
    both = np.isfinite(a) & np.isfinite(b)
    n = both.sum(axis=0)
    x, y = np.where(both, a, np.nan), np.where(both, b, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = _mean(x, both), _mean(y, both)
        dx, dy = x - mean_x, y - mean_y
        spread = _mean(dx**2, both) + _mean(dy**2, both) + (mean_x - mean_y) ** 2
        # Two constant columns differ by rounding only; that is no variation.
        size = _mean(np.maximum(x**2, y**2), both)
        known = (n >= _MINIMUM) & (spread > 1e-24 * size)
        coefficient = np.where(known, 2 * _mean(dx * dy, both) / spread, np.nan)
        difference = 2 * np.abs(x - y) / (np.abs(x) + np.abs(y))
    difference[both & (x == y)] = 0.0  # two zeros differ by nothing
    return Concordance(coefficient, _median(difference, n), n.astype(np.int64))


def _mean(values: FloatArray, chosen: NDArray[np.bool_]) -> FloatArray:
    return np.asarray(np.where(chosen, values, 0.0).sum(axis=0) / chosen.sum(axis=0))


def _median(values: FloatArray, n: NDArray[np.int_]) -> FloatArray:
    found = np.full(values.shape[1], np.nan)
    known = n > 0
    if known.any():
        found[known] = np.nanmedian(values[:, known], axis=0)
    return found
