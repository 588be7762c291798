"""Habitats of the demo cohort: one frame before and after, and the same whatever the seed.

A smaller form of the measurement in docs/methods/habitats.md: twelve patients, both scans.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import adjusted_rand_score

from imaging.core.codebook import fit_codebook
from imaging.core.habitats import assign, habitat_feature_names, habitat_features
from imaging.core.phantom import Phantom, plan_cohort, render
from imaging.core.spec import HabitatSpec
from imaging.core.supervoxels import Supervoxels, supervoxels

SEEDS = 20
Cohort = Mapping[tuple[str, str], tuple[Supervoxels, np.ndarray]]


def planted(phantom: Phantom, parts: Supervoxels) -> np.ndarray:
    """Give the planted habitat of every voxel that has a supervoxel."""
    index = np.argwhere(parts.labels > 0)
    affine = parts.grid.affine_lps
    places = index[:, ::-1] @ affine[:3, :3].T + affine[:3, 3]
    return ndimage.map_coordinates(phantom.habitats, phantom.volume.grid.index(places).T, order=0)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    found = {}
    for truth in plan_cohort(12, seed=2026):
        for timepoint in ("pre", "post"):
            phantom = render(truth, timepoint)
            parts = supervoxels(phantom.volume, phantom.mask, HabitatSpec())
            found[truth.code, timepoint] = (parts, planted(phantom, parts))
    return found


def test_twenty_seeds_agree_on_the_habitats(cohort: Cohort) -> None:
    scans = [parts for parts, _ in cohort.values()]
    rows = np.concatenate([parts.descriptors for parts in scans])
    fits = [fit_codebook(scans, seed=s, k_range=(2, 3, 4), n_init=10, stability_resamples=0) for s in range(SEEDS)]
    labels = [fit.clusterer().predict(rows) for fit in fits]
    agreement = [adjusted_rand_score(one, other) for one, other in combinations(labels, 2)]
    assert {fit.k for fit in fits} == {3}, "three were planted"
    assert np.median(agreement) >= 0.95


def test_one_codebook_labels_both_timepoints_as_planted(cohort: Cohort) -> None:
    """Low density against dense, before and after alike; how far supervoxels allow it is in the documentation."""
    codebook = fit_codebook([parts for parts, _ in cohort.values()], seed=0, k=3, n_init=10, stability_resamples=0)
    for timepoint in ("pre", "post"):
        chosen = [scan for (_, when), scan in cohort.items() if when == timepoint]
        maps = [assign(parts, codebook) for parts, _ in chosen]
        assert {m.codebook_digest for m in maps} == {codebook.digest}
        found = np.concatenate([m.array[parts.labels > 0] for m, (parts, _) in zip(maps, chosen, strict=True)])
        truth = np.concatenate([planted_there for _, planted_there in chosen])
        assert np.mean(truth[found == 3] == 3) > 0.7
        assert np.mean(truth[found < 3] == 3) < 0.2


def test_a_habitat_that_has_gone_after_treatment_gives_zeros_and_no_missing_column(cohort: Cohort) -> None:
    scans = [parts for parts, _ in cohort.values()]
    codebook = fit_codebook(scans, seed=0, k=3, n_init=10, stability_resamples=0)
    parts = scans[1]
    kept = assign(parts, codebook)
    kept.array[kept.array == 2] = 1
    found = habitat_features(kept, neighbourhood="axial8").as_dict()
    assert tuple(found) == habitat_feature_names(3)
    of_the_second = [name for name in found if "2" in name.split("_")]
    assert len(of_the_second) == 2 * (1 + 1 + 2) + 2
    assert [found[name] for name in of_the_second] == [0.0] * len(of_the_second)
    assert found["fraction_1"] + found["fraction_3"] == pytest.approx(1)
