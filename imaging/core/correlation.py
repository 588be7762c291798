"""Which features say the same: Spearman's correlation, and groups of features that all go together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

FloatArray = NDArray[np.float64]

#: Mean absolute correlation above which two groups of features become one.
TOGETHER_FROM = 0.8
#: A feature that fewer of the patients have is left alone: its ranks would say little.
_KNOWN_FROM = 0.5
_MINIMUM = 5


def spearman(values: FloatArray) -> FloatArray:
    """Compute Spearman's rank correlation of all pairs of features.

    Parameters
    ----------
    values : ndarray of float64, shape (n_patients, n_features)
        A missing value (NaN) gets the middle rank, which draws correlations towards zero.

    Returns
    -------
    ndarray of float64, shape (n_features, n_features)
        Zero for a feature that does not vary or that fewer than half of the patients have; 1 on the diagonal.
    """
    known = np.isfinite(values)
    n = known.sum(axis=0)
    ranks = rankdata(np.where(known, values, np.inf), axis=0)
    centred = np.where(known, ranks - (n + 1) / 2, 0.0)
    usable = n >= max(_MINIMUM, _KNOWN_FROM * len(values))
    length = np.sqrt((centred**2).sum(axis=0))
    scale = np.where(usable & (length > 0), length, np.inf)
    scaled = centred / scale
    found: FloatArray = np.clip(scaled.T @ scaled, -1, 1)
    np.fill_diagonal(found, 1.0)
    return found


def groups_of(correlation: FloatArray, *, together_from: float = TOGETHER_FROM) -> NDArray[np.int64]:
    """Group features by average linkage on ``1 - |rho|``.

    Parameters
    ----------
    correlation : ndarray of float64, shape (n_features, n_features)
        As of `spearman`.
    together_from : float
        Mean absolute correlation between two groups above which they are merged.

    Returns
    -------
    ndarray of int64, shape (n_features,)
        Number of each feature's group, from 1; features of one number go together, in either direction.
    """
    if len(correlation) < 2:
        return np.ones(len(correlation), dtype=np.int64)
    distance = 1 - np.abs((correlation + correlation.T) / 2)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(np.maximum(distance, 0.0), checks=False), method="average")
    return np.asarray(fcluster(tree, 1 - together_from, criterion="distance"), dtype=np.int64)
