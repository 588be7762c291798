"""The codebook: which habitats exist, learned from the supervoxels of many scans.

It is fitted on training patients only, with the supervoxels of both timepoints pooled, so that
habitat i means the same before and after treatment. k is chosen without any outcome.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.core.errors import CodebookMismatch, TooFewSupervoxels
from imaging.core.k_search import KSearch, Progress, choose_k
from imaging.core.supervoxels import Supervoxels

FloatArray = NDArray[np.float64]

#: Supervoxels that every scan contributes at least; a scan with fewer repeats some of its own.
MINIMUM_PER_SCAN = 20


@dataclass(frozen=True, eq=False)
class Codebook:
    """k habitats in descriptor space, ordered by mean HU.

    Parameters
    ----------
    k : int
        Number of habitats.
    mean, sd : ndarray of float64, shape (d,)
        What z-scores a descriptor.
    centroids : ndarray of float64, shape (k, d)
        In z-scores; row 0 is habitat 1, the one of lowest HU.
    centroid_mean_hu : ndarray of float64, shape (k,)
        Mean HU of the supervoxels of each habitat.
    spec_digest, neighbourhood : str
        Those of the supervoxels it was fitted on.
    seed : int
        Seed of sampling, restarts and bootstrap.
    report : dict
        Indices of each k that was tried, the choice and why.
    """

    k: int
    mean: FloatArray
    sd: FloatArray
    centroids: FloatArray
    centroid_mean_hu: FloatArray
    spec_digest: str
    neighbourhood: str
    seed: int
    report: dict[str, Any]

    @property
    def digest(self) -> str:
        """Give the sha256 of everything that decides a label, the report excepted."""
        decisive = {key: value for key, value in self.as_dict().items() if key != "report"}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Give a JSON-ready form that `from_dict` reads back exactly."""
        return {
            "k": self.k,
            "mean": self.mean.tolist(),
            "sd": self.sd.tolist(),
            "centroids": self.centroids.tolist(),
            "centroid_mean_hu": self.centroid_mean_hu.tolist(),
            "spec_digest": self.spec_digest,
            "neighbourhood": self.neighbourhood,
            "seed": self.seed,
            "report": self.report,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Codebook:
        """Read what `as_dict` wrote."""
        return cls(
            k=data["k"],
            mean=np.asarray(data["mean"], dtype=np.float64),
            sd=np.asarray(data["sd"], dtype=np.float64),
            centroids=np.asarray(data["centroids"], dtype=np.float64),
            centroid_mean_hu=np.asarray(data["centroid_mean_hu"], dtype=np.float64),
            spec_digest=data["spec_digest"],
            neighbourhood=data["neighbourhood"],
            seed=data["seed"],
            report=data["report"],
        )


def fit_codebook(
    scans: Sequence[Supervoxels],
    *,
    seed: int,
    k: int | None = None,
    k_range: Iterable[int] = range(2, 9),
    stability_resamples: int = 100,
    on_progress: Progress | None = None,
) -> Codebook:
    """Learn habitats from the supervoxels of training scans.

    Every scan contributes the same number of supervoxels. k is the one of highest
    Calinski-Harabasz index if bootstrap refits agree with it, else three.

    Parameters
    ----------
    scans : sequence of Supervoxels
        Scans of training patients, both timepoints; the order matters for sampling.
    seed : int
        Same scans, same seed: same codebook.
    k : int, optional
        Number of habitats, where it is decided already.
    k_range : iterable of int
        Numbers to try otherwise.
    stability_resamples : int
        Bootstrap refits of each k; 0 leaves stability unknown and accepts the highest index.
    on_progress : callable, optional
        Called with fits done and fits to do.

    Raises
    ------
    CodebookMismatch
        If the scans were made under different specifications.
    TooFewSupervoxels
        If there are not more supervoxels than habitats.

    References
    ----------
    Calinski T, Harabasz J, Commun Stat 3(1):1-27, 1974.
    """
    _require_one_spec(scans)
    rng = np.random.default_rng(seed)
    descriptors, mean_hu, per_scan = _sample(scans, rng)
    mean, sd = descriptors.mean(axis=0), descriptors.std(axis=0)
    sd = np.where(sd > 0, sd, 1.0)
    rows = (descriptors - mean) / sd
    tried = _feasible([k] if k is not None else k_range, rows)
    fits, table = KSearch(rows, seed, stability_resamples, on_progress).run(tried)
    chosen, why = (k, "k was given.") if k is not None else choose_k(table)
    order, centroid_hu = _by_mean_hu(fits[chosen].labels_, mean_hu, chosen)
    return Codebook(
        k=chosen,
        mean=mean,
        sd=sd,
        centroids=np.asarray(fits[chosen].cluster_centers_[order]),
        centroid_mean_hu=centroid_hu,
        spec_digest=scans[0].spec_digest,
        neighbourhood=scans[0].neighbourhood,
        seed=seed,
        report={
            "scans": len(scans),
            "supervoxels_per_scan": per_scan,
            "rows": len(rows),
            "by_k": table,
            "chosen_k": chosen,
            "why": why,
        },
    )


def _require_one_spec(scans: Sequence[Supervoxels]) -> None:
    if not scans:
        raise TooFewSupervoxels("No scan was given to fit habitats on.")
    digests = {scan.spec_digest for scan in scans}
    if len(digests) > 1:
        raise CodebookMismatch(f"The scans were cut into supervoxels under {len(digests)} different specifications.")


def _sample(scans: Sequence[Supervoxels], rng: np.random.Generator) -> tuple[FloatArray, FloatArray, int]:
    """Draw an equal number of supervoxels from every scan."""
    number = max(min(scan.n for scan in scans), MINIMUM_PER_SCAN)
    picks = [rng.choice(scan.n, number, replace=scan.n < number) for scan in scans]
    descriptors = np.concatenate([scan.descriptors[pick] for scan, pick in zip(scans, picks, strict=True)])
    mean_hu = np.concatenate([scan.mean_hu[pick] for scan, pick in zip(scans, picks, strict=True)])
    return descriptors, mean_hu, number


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


def _by_mean_hu(labels: NDArray[np.int32], mean_hu: FloatArray, k: int) -> tuple[NDArray[np.int64], FloatArray]:
    means = np.array([mean_hu[labels == cluster].mean() for cluster in range(k)])
    order = np.argsort(means, kind="stable")
    return order, means[order]
