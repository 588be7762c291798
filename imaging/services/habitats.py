"""Fitting a codebook on training patients, and labelling scans with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cohorts.models import Cohort, Patient
from imaging import storage
from imaging.core.codebook import Described
from imaging.core.codec import pack_labels
from imaging.core.features import FeatureVector
from imaging.core.habitats import Codebook, HabitatLabels, assign, fit_codebook, habitat_features
from imaging.core.msi import interaction_matrix
from imaging.core.provenance import versions
from imaging.core.spec import HabitatSpec
from imaging.core.supervoxel_graph import SupervoxelGraph, graph_of
from imaging.core.supervoxels import unpack_supervoxels
from imaging.models import ExtractionProtocol, FeatureSet, HabitatMap, HabitatModel, Segmentation
from imaging.services.extraction import store_features

Progress = Callable[[int, int], None]

#: Starts, and supervoxels of each scan, of a codebook that serves one fold only.
_QUICK_STARTS, _QUICK_PER_SCAN = 10, 20


@dataclass(frozen=True, eq=False)
class Labelled:
    """Habitats of one scan with everything that is stored of them."""

    labels: HabitatLabels
    features: FeatureVector
    interaction: list[list[int]]


def fit(
    digests: Sequence[str], *, seed: int, on_progress: Progress, algorithm: str = HabitatSpec.algorithm
) -> Codebook:
    """Fit a codebook on the supervoxels of training scans, given by their sha256 in a fixed order."""
    scans = [unpack_supervoxels(storage.get(sha256)) for sha256 in digests]
    return fit_codebook(scans, seed=seed, algorithm=algorithm, on_progress=on_progress)


def graphs(digests: Iterable[str]) -> dict[str, SupervoxelGraph]:
    """Give sha256 → what habitat features of a scan are computed from under any codebook."""
    return {sha256: graph_of(unpack_supervoxels(storage.get(sha256))) for sha256 in sorted(set(digests))}


def fit_quickly(scans: Mapping[str, Described], *, seed: int, algorithm: str) -> Codebook:
    """Fit a codebook on scans, given by the sha256 of their supervoxels: for one fold of many.

    Few starts, few supervoxels a scan and no bootstrap, so the stability of k stays unknown. The order of the
    scans does not matter, and what was fitted once on the same scans is read, not fitted again.
    """
    digests = sorted(scans)
    settings = {"n_init": _QUICK_STARTS, "most_per_scan": _QUICK_PER_SCAN}
    asked = settings | {"algorithm": algorithm, "seed": seed, "supervoxels": digests, "versions": versions()}
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    if (known := storage.recall(key)) is not None:
        return Codebook.from_dict(json.loads(known))
    codebook = fit_codebook(
        [scans[sha256] for sha256 in digests],
        seed=seed,
        algorithm=algorithm,
        n_init=_QUICK_STARTS,
        most_per_scan=_QUICK_PER_SCAN,
        stability_resamples=0,
    )
    storage.remember(key, json.dumps(codebook.as_dict()).encode())
    return codebook


def label(sha256: str, codebook: Codebook) -> Labelled:
    """Label one scan's supervoxels and derive its features."""
    labels = assign(unpack_supervoxels(storage.get(sha256)), codebook)
    counts = interaction_matrix(labels.array, codebook.k, codebook.neighbourhood)
    features = habitat_features(labels, neighbourhood=codebook.neighbourhood)
    features = replace(features, provenance={**features.provenance, "supervoxels_sha256": sha256})
    return Labelled(labels, features, counts.tolist())


def save_model(
    cohort: Cohort, codebook: Codebook, *, protocol: ExtractionProtocol, fitted_on: Sequence[Patient]
) -> HabitatModel:
    """Store a codebook with the patients that it was fitted on; an equal one is stored once."""
    if found := HabitatModel.objects.filter(cohort=cohort, digest=codebook.digest).first():
        return found
    last = HabitatModel.objects.filter(cohort=cohort).order_by("-version").first()
    model = HabitatModel.objects.create(
        cohort=cohort,
        protocol=protocol,
        version=last.version + 1 if last else 1,
        n_habitats=codebook.k,
        codebook=codebook.as_dict(),
        digest=codebook.digest,
    )
    model.fitted_on.set(fitted_on)
    return model


def save_maps(labelled: Mapping[int, Labelled], *, model: HabitatModel) -> None:
    """Store the maps and features of scans, given by segmentation id."""
    for segmentation in Segmentation.objects.filter(pk__in=labelled).select_related("series").order_by("pk"):
        save_map(segmentation, labelled[segmentation.pk], model=model)


def save_map(segmentation: Segmentation, labelled: Labelled, *, model: HabitatModel) -> None:
    """Store the map and features of one scan."""
    labels = labelled.labels
    sizes = np.bincount(labels.array.ravel(), minlength=labels.k + 1)[1:]
    stored = store_features(
        segmentation,
        labelled.features,
        region=FeatureSet.Region.HABITATS,
        protocol=model.protocol,
        habitat_model=model,
    )
    HabitatMap.objects.update_or_create(
        segmentation=segmentation,
        habitat_model=model,
        defaults={
            "fractions": (sizes / sizes.sum()).tolist(),
            "volumes_mm3": (sizes * labels.grid.voxel_volume_mm3).tolist(),
            "interaction": labelled.interaction,
            "sha256": storage.put(pack_labels(labels.array, labels.grid)),
            "provenance": stored.provenance,
        },
    )
