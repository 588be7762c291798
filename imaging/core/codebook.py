"""The codebook: which habitats exist, learned from the supervoxels of many scans and frozen as JSON.

It is fitted on training patients only, with the supervoxels of both timepoints pooled, so that
habitat i means the same before and after treatment. k is chosen without any outcome. What is learned,
and how it labels, is `imaging.core.clusterer`; here it is given equal parts of every scan and a name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imaging.core.clusterer import HabitatClusterer
from imaging.core.errors import CodebookMismatch, TooFewSupervoxels
from imaging.core.k_search import Progress

FloatArray = NDArray[np.float64]


class Described(Protocol):
    """What is needed of a scan's supervoxels to learn habitats: `Supervoxels` has it, and so has their graph."""

    @property
    def n(self) -> int:
        """Number of supervoxels."""

    @property
    def descriptors(self) -> FloatArray:
        """Shape (n, d)."""

    @property
    def mean_hu(self) -> FloatArray:
        """Shape (n,)."""

    @property
    def spec_digest(self) -> str:
        """`habitat_digest` of the specification."""

    @property
    def neighbourhood(self) -> str:
        """What the specification wants for interaction."""


#: Supervoxels that every scan contributes at least; a scan with fewer repeats some of its own.
MINIMUM_PER_SCAN = 20


@dataclass(frozen=True, eq=False)
class Codebook:
    """A fitted `HabitatClusterer`, frozen: k habitats in descriptor space, ordered by mean HU.

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
    algorithm : {"kmeans", "gmm"}
        How it was fitted.
    weights, variances : ndarray of float64, shape (k,) and (k, d), or None
        Of a Gaussian mixture.
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
    algorithm: str = "kmeans"
    weights: FloatArray | None = None
    variances: FloatArray | None = None

    @property
    def digest(self) -> str:
        """Give the sha256 of everything that decides a label, the report excepted."""
        decisive = {key: value for key, value in self.as_dict().items() if key != "report"}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Give a JSON-ready form that `from_dict` reads back exactly."""
        written = {
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
        if self.weights is None or self.variances is None:
            return written  # k-means was all there was, once: its codebooks keep their form and digest
        mixture = {"weights": self.weights.tolist(), "variances": self.variances.tolist()}
        return written | {"algorithm": self.algorithm} | mixture

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Codebook:
        """Read what `as_dict` wrote."""
        arrays = ("mean", "sd", "centroids", "centroid_mean_hu", "weights", "variances")
        read = {name: np.asarray(data[name], dtype=np.float64) for name in arrays if name in data}
        return cls(**(data | read))

    def clusterer(self) -> HabitatClusterer:
        """Give the fitted clusterer that this is the frozen form of; it predicts, and has no training rows."""
        made = HabitatClusterer(self.k, algorithm=self.algorithm, random_state=self.seed)
        made.n_habitats_, made.n_features_in_ = self.k, len(self.mean)
        made.mean_, made.scale_, made.centroids_ = self.mean, self.sd, self.centroids
        made.weights_, made.variances_ = self.weights, self.variances
        made.centroid_mean_hu_ = self.centroid_mean_hu
        return made


def fit_codebook(
    scans: Sequence[Described],
    *,
    seed: int,
    k: int | None = None,
    algorithm: str = "kmeans",
    k_range: Iterable[int] = range(2, 9),
    n_init: int = 50,
    stability_resamples: int = 100,
    most_per_scan: int | None = None,
    on_progress: Progress | None = None,
) -> Codebook:
    """Learn habitats from the supervoxels of training scans, and freeze them.

    Every scan contributes the same number of supervoxels; the rest is `HabitatClusterer`.

    Parameters
    ----------
    scans : sequence of Described
        Supervoxels of scans of training patients, both timepoints; the order matters for sampling.
    seed : int
        Same scans, same seed: same codebook.
    k : int, optional
        Number of habitats, where it is decided already.
    algorithm, k_range, n_init, stability_resamples
        As in `HabitatClusterer`.
    most_per_scan : int, optional
        Supervoxels that a scan contributes at most, where time counts.
    on_progress : callable, optional
        Called with fits done and fits to do.

    Raises
    ------
    CodebookMismatch
        If the scans were made under different specifications.
    TooFewSupervoxels
        If there are not more supervoxels than habitats.
    UnknownSetting
        If the algorithm is not known.
    """
    _require_one_spec(scans)
    per_scan = max(min(scan.n for scan in scans), MINIMUM_PER_SCAN)
    per_scan = min(per_scan, most_per_scan or per_scan)
    descriptors, mean_hu = _sample(scans, per_scan, np.random.default_rng(seed))
    fitted = HabitatClusterer(
        k,
        algorithm=algorithm,
        k_range=tuple(k_range),
        n_init=n_init,
        stability_resamples=stability_resamples,
        random_state=seed,
    ).fit(descriptors, mean_hu=mean_hu, on_progress=on_progress)
    return Codebook(
        k=fitted.n_habitats_,
        mean=fitted.mean_,
        sd=fitted.scale_,
        centroids=fitted.centroids_,
        centroid_mean_hu=fitted.centroid_mean_hu_,
        spec_digest=scans[0].spec_digest,
        neighbourhood=scans[0].neighbourhood,
        seed=seed,
        report={"scans": len(scans), "supervoxels_per_scan": per_scan} | fitted.report_,
        algorithm=algorithm,
        weights=fitted.weights_,
        variances=fitted.variances_,
    )


def _require_one_spec(scans: Sequence[Described]) -> None:
    if not scans:
        raise TooFewSupervoxels("No scan was given to fit habitats on.")
    digests = {scan.spec_digest for scan in scans}
    if len(digests) > 1:
        raise CodebookMismatch(f"The scans were cut into supervoxels under {len(digests)} different specifications.")


def _sample(scans: Sequence[Described], number: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw an equal number of supervoxels from every scan."""
    picks = [rng.choice(scan.n, number, replace=scan.n < number) for scan in scans]
    descriptors = np.concatenate([scan.descriptors[pick] for scan, pick in zip(scans, picks, strict=True)])
    mean_hu = np.concatenate([scan.mean_hu[pick] for scan, pick in zip(scans, picks, strict=True)])
    return descriptors, mean_hu
