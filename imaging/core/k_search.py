"""How many habitats there are: a clustering for several k, and how stable each is under resampling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score, silhouette_score
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Progress = Callable[[int, int], None]
Table = dict[str, dict[str, float | None]]

#: Median adjusted Rand index that bootstrap refits must reach for a k to be called stable.
STABLE_ARI = 0.8
#: What is used where Calinski-Harabasz prefers an unstable k: most CT lung studies end at three.
FALLBACK_K = 3
_BOOTSTRAP_RESTARTS = 3
_SILHOUETTE_ROWS = 2_000
_ITERATIONS = 300
#: Least variance of a Gaussian, in squared z-scores: a part whose members agree in one statistic stays finite.
_LEAST_VARIANCE = 1e-3
_INDICES = ("calinski_harabasz", "silhouette", "davies_bouldin", "inertia")


@dataclass(frozen=True, eq=False)
class Partition:
    """Rows in k parts, in the order in which the algorithm found them.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        0 to k - 1.
    centroids : ndarray of float64, shape (k, d)
        Means of the parts.
    weights, variances : ndarray of float64, shape (k,) and (k, d), optional
        Of a Gaussian mixture: share and variances of each component.
    """

    labels: IntArray
    centroids: FloatArray
    weights: FloatArray | None = None
    variances: FloatArray | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no part is empty: a Gaussian can be the likeliest of no row at all."""
        return len(np.unique(self.labels)) == len(self.centroids)


@dataclass(frozen=True, eq=False)
class KSearch:
    """Clusterings of the same rows with several k.

    Parameters
    ----------
    rows : ndarray of float64, shape (n, d)
        Z-scored descriptors.
    seed : int
        Same rows, same seed: same partitions.
    resamples : int
        Bootstrap refits of each k.
    algorithm : {"kmeans", "gmm"}
        K-means, or a mixture of Gaussians with diagonal covariance.
    restarts : int
        Starts of each fit on all rows; the best is kept.
    on_progress : callable, optional
        Called with fits done and fits to do.
    """

    rows: FloatArray
    seed: int
    resamples: int
    algorithm: str = "kmeans"
    restarts: int = 50
    on_progress: Progress | None = None

    def run(self, tried: Sequence[int]) -> tuple[dict[int, Partition], Table]:
        """Fit every k; give the partitions and, by k as text, their indices."""
        found: dict[int, Partition] = {}
        table: Table = {}
        report = self.on_progress or (lambda done, total: None)
        total = len(tried) * (self.resamples + 1)
        # One thread: with several, sums of centroids are added in the order in which threads finish.
        with threadpool_limits(limits=1):
            for position, k in enumerate(tried):
                done = position * (self.resamples + 1) + 1
                model = self._model(k, self.seed, restarts=self.restarts).fit(self.rows)
                found[k] = _partition(model, self.rows)
                report(done, total)
                scores = []
                for score in self._agreements(found[k].labels, k):
                    scores.append(score)
                    report(done + len(scores), total)
                stability = float(np.median(scores)) if scores else None
                table[str(k)] = {**self._indices(model, found[k]), "bootstrap_ari_median": stability}
        return found, table

    def _indices(self, model: Any, partition: Partition) -> dict[str, float | None]:
        bic: dict[str, float | None] = {"bic": float(model.bic(self.rows))} if self.algorithm == "gmm" else {}
        if not partition.is_complete:
            return dict.fromkeys(_INDICES, None) | bic
        rows, labels = self.rows, partition.labels
        sample = _SILHOUETTE_ROWS if len(rows) > _SILHOUETTE_ROWS else None
        values = (
            calinski_harabasz_score(rows, labels),
            silhouette_score(rows, labels, sample_size=sample, random_state=self.seed),
            davies_bouldin_score(rows, labels),
            ((rows - partition.centroids[labels]) ** 2).sum(),
        )
        return {name: float(value) for name, value in zip(_INDICES, values, strict=True)} | bic

    def _agreements(self, labels: IntArray, k: int) -> Iterator[float]:
        """Give, for each bootstrap refit, the adjusted Rand index with the fit on all rows."""
        rng = np.random.default_rng([self.seed, k])
        for _ in range(self.resamples):
            draw = rng.integers(0, len(self.rows), len(self.rows))
            refit = self._model(k, int(rng.integers(2**31)), restarts=_BOOTSTRAP_RESTARTS).fit(self.rows[draw])
            yield float(adjusted_rand_score(labels, refit.predict(self.rows)))

    def _model(self, k: int, seed: int, *, restarts: int) -> Any:
        common = {"n_init": restarts, "max_iter": _ITERATIONS, "random_state": seed}
        if self.algorithm == "kmeans":
            return KMeans(n_clusters=k, **common)
        # A full covariance of 40 descriptors, some of them sums of others, has more numbers than a cohort has rows.
        return GaussianMixture(n_components=k, covariance_type="diag", reg_covar=_LEAST_VARIANCE, **common)


def _partition(model: Any, rows: FloatArray) -> Partition:
    if isinstance(model, KMeans):
        return Partition(model.labels_.astype(np.int64), model.cluster_centers_)
    return Partition(model.predict(rows), model.means_, model.weights_, model.covariances_)


def choose_k(table: Table) -> tuple[int, str]:
    """Choose the k of highest Calinski-Harabasz index, or three where refits do not agree with it.

    Returns
    -------
    tuple of int and str
        The choice and the reason, in words.
    """
    best = max(table, key=lambda k: table[k]["calinski_harabasz"] or 0.0)
    stability = table[best]["bootstrap_ari_median"]
    if stability is None:
        return int(best), f"k = {best} has the highest Calinski-Harabasz index; stability was not measured."
    if stability >= STABLE_ARI:
        return int(best), (
            f"k = {best} has the highest Calinski-Harabasz index and a median bootstrap agreement of {stability:.2f}."
        )
    unstable = (
        f"k = {best} has the highest Calinski-Harabasz index but a median bootstrap agreement of {stability:.2f}"
    )
    fallback = table.get(str(FALLBACK_K), {})
    if best == str(FALLBACK_K) or fallback.get("calinski_harabasz") is None:
        return int(best), f"{unstable}, below {STABLE_ARI}; there is no other default to fall back to."
    return FALLBACK_K, f"{unstable}, below {STABLE_ARI}; the default of {FALLBACK_K} is used."
