"""How many habitats there are: k-means for several k, and how stable each is under resampling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score, silhouette_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

FloatArray = NDArray[np.float64]
Progress = Callable[[int, int], None]
Table = dict[str, dict[str, float | None]]

#: Median adjusted Rand index that bootstrap refits must reach for a k to be called stable.
STABLE_ARI = 0.8
#: What is used where Calinski-Harabasz prefers an unstable k: most CT lung studies end at three.
FALLBACK_K = 3
_RESTARTS = 50
_BOOTSTRAP_RESTARTS = 3
_SILHOUETTE_ROWS = 2_000


@dataclass(frozen=True, eq=False)
class KSearch:
    """Fits of several k on the same rows.

    Parameters
    ----------
    rows : ndarray of float64, shape (n, d)
        Z-scored descriptors.
    seed : int
        Same rows, same seed: same fits.
    resamples : int
        Bootstrap refits of each k.
    on_progress : callable, optional
        Called with fits done and fits to do.
    """

    rows: FloatArray
    seed: int
    resamples: int
    on_progress: Progress | None = None

    def run(self, tried: Sequence[int]) -> tuple[dict[int, KMeans], Table]:
        """Fit every k; give the fits and, by k as text, their indices."""
        fits: dict[int, KMeans] = {}
        table: Table = {}
        report = self.on_progress or (lambda done, total: None)
        total = len(tried) * (self.resamples + 1)
        # One thread: with several, sums of centroids are added in the order in which threads finish.
        with threadpool_limits(limits=1):
            for position, k in enumerate(tried):
                done = position * (self.resamples + 1) + 1
                fits[k] = _kmeans(k, self.seed, restarts=_RESTARTS).fit(self.rows)
                report(done, total)
                scores = []
                for score in self._agreements(fits[k], k):
                    scores.append(score)
                    report(done + len(scores), total)
                stability = float(np.median(scores)) if scores else None
                table[str(k)] = {**self._indices(fits[k]), "bootstrap_ari_median": stability}
        return fits, table

    def _indices(self, fit: KMeans) -> dict[str, float]:
        sample = _SILHOUETTE_ROWS if len(self.rows) > _SILHOUETTE_ROWS else None
        silhouette = silhouette_score(self.rows, fit.labels_, sample_size=sample, random_state=self.seed)
        return {
            "calinski_harabasz": float(calinski_harabasz_score(self.rows, fit.labels_)),
            "silhouette": float(silhouette),
            "davies_bouldin": float(davies_bouldin_score(self.rows, fit.labels_)),
            "inertia": float(fit.inertia_),
        }

    def _agreements(self, fit: KMeans, k: int) -> Iterator[float]:
        """Give, for each bootstrap refit, the adjusted Rand index with the fit on all rows."""
        rng = np.random.default_rng([self.seed, k])
        for _ in range(self.resamples):
            draw = rng.integers(0, len(self.rows), len(self.rows))
            refit = _kmeans(k, int(rng.integers(2**31)), restarts=_BOOTSTRAP_RESTARTS).fit(self.rows[draw])
            yield float(adjusted_rand_score(fit.labels_, refit.predict(self.rows)))


def _kmeans(k: int, seed: int, *, restarts: int) -> KMeans:
    return KMeans(n_clusters=k, n_init=restarts, max_iter=300, random_state=seed)


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
    if str(FALLBACK_K) not in table or best == str(FALLBACK_K):
        return int(best), f"{unstable}, below {STABLE_ARI}; there is no other default to fall back to."
    return FALLBACK_K, f"{unstable}, below {STABLE_ARI}; the default of {FALLBACK_K} is used."
