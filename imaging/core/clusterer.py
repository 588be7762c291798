"""Habitats as a scikit-learn clusterer: from the descriptors of supervoxels to k kinds of tissue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data

from imaging.core.errors import TooFewSupervoxels, UnknownSetting
from imaging.core.k_search import KSearch, Partition, Progress, choose_k
from imaging.core.spec import ALGORITHMS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class HabitatClusterer(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Cluster supervoxels of training patients into habitats that keep their meaning on new scans.

    Descriptors are z-scored with mean and deviation of the rows it is fitted on, then clustered. New rows are
    z-scored with the same numbers and get the habitat of the nearest centroid (k-means) or the likeliest component
    (Gaussian mixture). Give it training patients only, both timepoints pooled.

    Parameters
    ----------
    n_habitats : int, optional
        k. Without it, k is the one of highest Calinski-Harabasz index among `k_range`, or three where
        bootstrap refits do not agree with that one.
    algorithm : {"kmeans", "gmm"}
        K-means, or a mixture of Gaussians with diagonal covariance.
    k_range : tuple of int
        What to try where `n_habitats` is not given.
    n_init : int
        Starts of each fit; the best is kept.
    stability_resamples : int
        Bootstrap refits of each k; 0 leaves stability unknown and accepts the highest index.
    random_state : int
        Seed of starts and bootstrap. Same rows, same seed: same habitats, to the bit.

    Attributes
    ----------
    n_habitats_ : int
        k.
    mean_, scale_ : ndarray of float64, shape (d,)
        What z-scores a descriptor; the scale of a constant one is 1.
    centroids_ : ndarray of float64, shape (k, d)
        Means of the habitats in z-scores; row 0 is habitat 1, the one of lowest mean HU.
    weights_, variances_ : ndarray of float64, shape (k,) and (k, d), or None
        Of a Gaussian mixture: share and variances (in squared z-scores) of each habitat.
    centroid_mean_hu_ : ndarray of float64, shape (k,)
        Mean HU of the rows of each habitat; NaN where `fit` was not told HU.
    labels_ : ndarray of int64, shape (n,)
        Row of `centroids_` of each row of X, from 0 as scikit-learn counts; habitat i has label i - 1.
    fitted_on_ : tuple
        The patients that the rows came from, sorted, where `fit` was told.
    report_ : dict
        ``by_k`` (Calinski-Harabasz, silhouette, Davies-Bouldin, inertia, for a mixture BIC, median bootstrap
        ARI), ``chosen_k``, ``why`` in words, and the number of ``rows``.

    References
    ----------
    Calinski T, Harabasz J, Commun Stat 3(1):1-27, 1974.
    """

    def __init__(
        self,
        n_habitats: int | None = None,
        *,
        algorithm: str = "kmeans",
        k_range: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8),
        n_init: int = 50,
        stability_resamples: int = 100,
        random_state: int = 0,
    ) -> None:
        self.n_habitats = n_habitats
        self.algorithm = algorithm
        self.k_range = k_range
        self.n_init = n_init
        self.stability_resamples = stability_resamples
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: None = None,
        *,
        mean_hu: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        on_progress: Progress | None = None,
    ) -> HabitatClusterer:
        """Learn habitats.

        Parameters
        ----------
        X : array-like, shape (n, d)
            Descriptors of supervoxels, one a row.
        y : None
            Ignored: no outcome is looked at.
        mean_hu : array-like, shape (n,), optional
            Mean HU of each supervoxel, by which habitats are numbered. Without it they are numbered by the first
            descriptor of their centroids.
        groups : array-like, shape (n,), optional
            The patient of each row.
        on_progress : callable, optional
            Called with fits done and fits to do.

        Raises
        ------
        UnknownSetting
            If the algorithm is not known.
        TooFewSupervoxels
            If there are not more distinct rows than habitats, or a component of a mixture stays empty.
        ValueError
            If X is not a finite matrix, or the other arrays do not fit it.
        """
        if self.algorithm not in ALGORITHMS:
            raise UnknownSetting(f"Unknown algorithm {self.algorithm!r}; known are {', '.join(ALGORITHMS)}.")
        raw: FloatArray = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        check_consistent_length(raw, mean_hu, groups)
        self.mean_, sd = raw.mean(axis=0), raw.std(axis=0)
        self.scale_ = np.where(sd > 0, sd, 1.0)
        rows = self._z_scores(raw)
        tried = _feasible([self.n_habitats] if self.n_habitats is not None else self.k_range, rows)
        found, table = KSearch(
            rows, self.random_state, self.stability_resamples, self.algorithm, self.n_init, on_progress
        ).run(tried)
        if not any(partition.is_complete for partition in found.values()):
            raise TooFewSupervoxels(
                f"{len(rows)} supervoxels leave a component of every mixture that was tried empty."
            )
        chosen, why = choose_k(table) if self.n_habitats is None else (tried[0], "k was given.")
        self.report_: dict[str, Any] = {"rows": len(rows), "by_k": table, "chosen_k": chosen, "why": why}
        self.fitted_on_ = () if groups is None else tuple(np.unique(np.asarray(groups)).tolist())
        self._learn(found[chosen], mean_hu)
        return self

    def predict(self, X: ArrayLike) -> IntArray:
        """Give the row of `centroids_` that each row of descriptors belongs to; habitat i has label i - 1.

        Parameters
        ----------
        X : array-like, shape (n, d)
            Descriptors of supervoxels.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        check_is_fitted(self)
        rows = self._z_scores(validate_data(self, X, dtype=np.float64, reset=False))
        squares = (rows[:, None, :] - self.centroids_[None]) ** 2
        if self.weights_ is None or self.variances_ is None:
            return np.asarray(squares.sum(axis=2).argmin(axis=1), dtype=np.int64)
        # Twice the negative logarithm of weight times density, but for what all components share.
        surprise = (squares / self.variances_).sum(axis=2) + np.log(self.variances_).sum(axis=1)
        return np.asarray((surprise - 2 * np.log(self.weights_)).argmin(axis=1), dtype=np.int64)

    def _z_scores(self, X: FloatArray) -> FloatArray:
        return np.asarray((X - self.mean_) / self.scale_)

    def _learn(self, partition: Partition, mean_hu: ArrayLike | None) -> None:
        """Keep a partition, its parts in the order that numbers habitats."""
        k = len(partition.centroids)
        if mean_hu is None:
            means, order = np.full(k, np.nan), np.lexsort(partition.centroids.T[::-1])
        else:
            hu = check_array(mean_hu, ensure_2d=False, dtype=np.float64)
            means = np.array([hu[partition.labels == part].mean() for part in range(k)])
            order = np.argsort(means, kind="stable")
        self.n_habitats_ = k
        self.centroids_ = partition.centroids[order]
        self.weights_ = None if partition.weights is None else partition.weights[order]
        self.variances_ = None if partition.variances is None else partition.variances[order]
        self.centroid_mean_hu_ = means[order]
        self.labels_ = np.argsort(order)[partition.labels]


def _feasible(wanted: Iterable[int], rows: FloatArray) -> list[int]:
    """Keep the numbers of habitats that the distinct supervoxels allow."""
    asked = sorted(set(wanted))
    distinct = len(np.unique(rows, axis=0))
    tried = [k for k in asked if 2 <= k < distinct]
    if not tried:
        raise TooFewSupervoxels(
            f"{distinct} distinct supervoxels are too few for {asked[0] if asked else 'any number of'} habitats: "
            "there must be at least 2 habitats and more supervoxels than habitats."
        )
    return tried
