"""Patients as points: all features of each in two coordinates, by PCA or by UMAP."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.core.errors import TooFewCases, UnknownSetting

FloatArray = NDArray[np.float64]

METHODS = ("pca", "umap")
#: A feature that a larger part of the patients lacks does not count, nor does a patient who lacks so many features.
MOST_MISSING = 0.2
#: Fewer patients make no map.
FEWEST = 5
_SEED = 20240501
_NEIGHBOURS = 15
#: So many components go into UMAP: what is beyond them is mostly noise, and each costs time.
_COMPONENTS = 50


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Two coordinates of each patient, and what they were made from.

    Parameters
    ----------
    rows : ndarray of int64, shape (n_drawn,)
        Patients that are drawn, as rows of the values.
    points : ndarray of float64, shape (n_drawn, 2)
        Their coordinates.
    explained : tuple of float
        Share of the variance along each axis; empty for UMAP, whose axes mean nothing.
    features : int
        Features that counted.
    """

    rows: NDArray[np.int64]
    points: FloatArray
    explained: tuple[float, ...]
    features: int


def draw_map(values: FloatArray, *, method: str = "pca") -> FeatureMap:
    """Place patients by their features, each standardized to mean 0 and standard deviation 1.

    Parameters
    ----------
    values : ndarray of float64, shape (n_patients, n_features)
        NaN where a patient has no value: the median of the feature stands for it.
    method : {"pca", "umap"}
        pca shows the two directions of largest variance; umap keeps neighbours together.

    Returns
    -------
    FeatureMap
        Equal values give equal points.

    Raises
    ------
    TooFewCases
        If fewer than five patients have features, or fewer than two features vary.
    UnknownSetting
        If the method is not known.

    References
    ----------
    McInnes L, Healy J, Melville J, arXiv:1802.03426, 2018 (UMAP).
    """
    if method not in METHODS:
        raise UnknownSetting(f"Unknown method {method!r}; known are {', '.join(METHODS)}.")
    rows, table = _standardized(values)
    if method == "umap":
        return FeatureMap(rows, _umap(table), (), table.shape[1])
    points, explained = _components(table, 2)
    return FeatureMap(rows, points, tuple(explained.tolist()), table.shape[1])


def _standardized(values: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
    """Give the rows that count and their standardized features, without gaps."""
    known = np.isfinite(values)
    some = known.any(axis=1)
    usual = known[some].mean(axis=0) >= 1 - MOST_MISSING if some.any() else np.zeros(values.shape[1], dtype=bool)
    rows = np.flatnonzero(known[:, usual].mean(axis=1) >= 1 - MOST_MISSING) if usual.any() else np.empty(0, int)
    if len(rows) < FEWEST:
        raise TooFewCases(f"A map needs {FEWEST} patients with features; there are {len(rows)}.")
    table = values[np.ix_(rows, usual)]
    table = np.where(np.isfinite(table), table, np.nanmedian(table, axis=0))
    spread = table.std(axis=0)
    varies = spread > 1e-12 * np.abs(table).max(axis=0)
    if varies.sum() < 2:
        raise TooFewCases(f"A map needs 2 features that vary; there are {varies.sum()}.")
    return rows.astype(np.int64), (table[:, varies] - table[:, varies].mean(axis=0)) / spread[varies]


def _components(table: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    from sklearn.decomposition import PCA  # a second that other pages need not wait for

    found = PCA(n_components=min(n, *table.shape), random_state=_SEED).fit(table)
    return np.asarray(found.transform(table)), np.asarray(found.explained_variance_ratio_)


def _umap(table: FloatArray) -> FloatArray:
    from umap import UMAP  # loads and compiles for seconds

    start, _ = _components(table, _COMPONENTS)
    neighbours = min(_NEIGHBOURS, len(table) - 1)
    # A fixed seed also means one thread, so that equal values give equal points.
    reducer = UMAP(n_neighbors=neighbours, random_state=_SEED, n_jobs=1, init="pca")
    return np.asarray(reducer.fit_transform(start), dtype=np.float64)
