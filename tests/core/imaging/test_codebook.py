"""Codebooks on descriptors whose clusters are known."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from imaging.core.codebook import MINIMUM_PER_SCAN, Codebook, fit_codebook
from imaging.core.errors import CodebookMismatch, TooFewSupervoxels, UnknownSetting
from imaging.core.geometry import Grid
from imaging.core.habitats import assign
from imaging.core.k_search import choose_k
from imaging.core.supervoxels import Supervoxels

CENTRES = np.array([[4.0, 0.0, 1.0], [-4.0, 4.0, 1.0], [0.0, -5.0, 1.0]])
HU = np.array([60.0, -300.0, 20.0])


def scan(seed: int, *, n: int = 30, digest: str = "d" * 64, truth: NDArray[np.int64] | None = None) -> Supervoxels:
    """Supervoxels in a row of voxels, each of one of three kinds; the last descriptor is constant."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3 if truth is None else truth
    descriptors = CENTRES[kind] + rng.normal(0, 0.4, (n, 3)) * [1, 1, 0]
    labels = np.arange(1, n + 1, dtype=np.int32).reshape(1, 1, n)
    return Supervoxels(
        labels=labels,
        descriptors=descriptors,
        mean_hu=HU[kind] + rng.normal(0, 3, n),
        voxels=np.ones(n, dtype=np.int64),
        grid=Grid((1, 1, n), (1.0, 1.0, 1.0)),
        spec_digest=digest,
    )


@pytest.fixture(scope="module")
def codebook() -> Codebook:
    return fit_codebook([scan(s) for s in range(6)], seed=11, stability_resamples=8)


def test_it_finds_the_three_kinds_and_says_why(codebook: Codebook) -> None:
    assert codebook.k == codebook.report["chosen_k"] == 3
    assert codebook.report["by_k"]["3"]["bootstrap_ari_median"] == pytest.approx(1.0)
    assert "highest Calinski-Harabasz" in codebook.report["why"]
    assert sorted(codebook.report["by_k"], key=int) == [str(k) for k in range(2, 9)]


def test_centroids_are_those_of_the_kinds_in_order_of_hu(codebook: Codebook) -> None:
    np.testing.assert_allclose(codebook.centroid_mean_hu, [-300, 20, 60], atol=3)
    found = codebook.centroids * codebook.sd + codebook.mean
    np.testing.assert_allclose(found, CENTRES[[1, 2, 0]], atol=0.2)


def test_a_new_scan_gets_the_habitats_it_was_made_of(codebook: Codebook) -> None:
    truth = np.array([0, 0, 1, 2, 2, 2, 1, 0])
    labels = assign(scan(99, n=8, truth=truth), codebook)
    assert labels.array.ravel().tolist() == (np.array([3, 1, 2])[truth]).tolist()
    assert labels.array.dtype == np.uint8
    assert (labels.k, labels.codebook_digest) == (3, codebook.digest)


def test_a_constant_descriptor_does_no_harm(codebook: Codebook) -> None:
    assert codebook.sd[2] == 1.0
    assert np.isfinite(codebook.centroids).all()


def test_the_same_seed_gives_the_same_codebook_and_another_another_sample() -> None:
    scans = [scan(s, n=40) for s in range(3)] + [scan(9, n=25)]
    one, again, other = (fit_codebook(scans, seed=s, k=3) for s in (1, 1, 2))
    assert one.digest == again.digest
    assert one.digest != other.digest


def test_every_scan_contributes_equally() -> None:
    scans = [scan(1, n=60), scan(2, n=24), scan(3, n=33)]
    report = fit_codebook(scans, seed=0, k=3, stability_resamples=0).report
    assert (report["supervoxels_per_scan"], report["rows"]) == (24, 72)


def test_a_scan_contributes_no_more_than_is_asked_for() -> None:
    scans = [scan(1, n=60), scan(2, n=24), scan(3, n=33)]
    fits = [fit_codebook(scans, seed=0, k=3, stability_resamples=0, most_per_scan=most) for most in (21, 50)]
    assert [fit.report["supervoxels_per_scan"] for fit in fits] == [21, 24]


def test_a_small_scan_repeats_its_supervoxels_instead_of_starving_the_rest() -> None:
    report = fit_codebook([scan(1, n=60), scan(2, n=4)], seed=0, k=3, stability_resamples=0).report
    assert report["supervoxels_per_scan"] == MINIMUM_PER_SCAN


def test_json_keeps_every_bit(codebook: Codebook) -> None:
    back = Codebook.from_dict(json.loads(json.dumps(codebook.as_dict())))
    assert back.digest == codebook.digest
    assert back.as_dict() == codebook.as_dict()
    np.testing.assert_array_equal(back.centroids, codebook.centroids)


def test_the_digest_covers_what_decides_a_label_and_not_the_report(codebook: Codebook) -> None:
    assert replace(codebook, report={}).digest == codebook.digest
    assert replace(codebook, mean=codebook.mean + 1e-12).digest != codebook.digest


def test_a_codebook_stored_before_there_were_mixtures_keeps_its_digest_and_its_labels() -> None:
    stored = {
        "k": 2,
        "mean": [1.0, 2.0, 0.0],
        "sd": [2.0, 1.0, 1.0],
        "centroids": [[-1.0, 0.0, 0.0], [1.0, 0.5, 0.0]],
        "centroid_mean_hu": [-20.0, 40.0],
        "spec_digest": "d" * 64,
        "neighbourhood": "axial8",
        "seed": 7,
    }
    back = Codebook.from_dict(stored | {"report": {"why": "k was given."}})
    assert back.digest == hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
    parts = replace(scan(1, n=3), descriptors=np.array([[-1.0, 2.0, 0.0], [3.0, 2.4, 9.0], [0.9, 2.0, 0.0]]))
    assert assign(parts, back).array.ravel().tolist() == [1, 2, 1]


def test_a_mixture_is_frozen_as_a_whole() -> None:
    fitted = fit_codebook([scan(s) for s in range(4)], seed=2, algorithm="gmm", n_init=2, stability_resamples=1)
    back = Codebook.from_dict(json.loads(json.dumps(fitted.as_dict())))
    assert (back.as_dict(), back.digest, back.algorithm) == (fitted.as_dict(), fitted.digest, "gmm")
    assert replace(back, variances=2 * back.variances).digest != fitted.digest
    assert replace(back, weights=back.weights * [1, 2, 3]).digest != fitted.digest
    truth = np.array([0, 0, 1, 2, 2, 2, 1, 0])
    assert assign(scan(99, n=8, truth=truth), back).array.ravel().tolist() == np.array([3, 1, 2])[truth].tolist()


def test_the_weights_and_variances_of_a_mixture_decide() -> None:
    """One habitat is narrow, the other wide and rare: a row nearer to the narrow one belongs to the wide one."""
    wide = replace(
        fit_codebook([scan(1)], seed=0, k=2, stability_resamples=0),
        mean=np.zeros(3),
        sd=np.ones(3),
        centroids=np.array([[0.0, 0, 0], [4.0, 0, 0]]),
        algorithm="gmm",
        weights=np.array([0.8, 0.2]),
        variances=np.array([[0.01, 1, 1], [4.0, 1, 1]]),
    )
    rows = np.array([[0.0, 0, 0], [1.0, 0, 0], [4.0, 0, 0]])
    assert wide.clusterer().predict(rows).tolist() == [0, 1, 1]
    assert replace(wide, variances=None, weights=None).clusterer().predict(rows).tolist() == [0, 0, 1]


def test_it_refuses_an_unknown_algorithm() -> None:
    with pytest.raises(UnknownSetting, match="kmeans, gmm"):
        fit_codebook([scan(1)], seed=0, algorithm="spectral")


def test_progress_counts_every_fit_once() -> None:
    seen: list[tuple[int, int]] = []
    fit_codebook(
        [scan(1), scan(2)],
        seed=0,
        k_range=(2, 3),
        stability_resamples=2,
        on_progress=lambda a, b: seen.append((a, b)),
    )
    assert seen == [(i, 6) for i in range(1, 7)]


def test_an_unstable_choice_falls_back_to_three() -> None:
    table = {
        str(k): {"calinski_harabasz": float(k), "bootstrap_ari_median": 0.95 if k < 5 else 0.6} for k in range(2, 7)
    }
    k, why = choose_k(table)
    assert k == 3
    assert "k = 6" in why
    assert "0.60, below 0.8" in why


def test_a_mixture_with_an_empty_part_is_never_chosen_nor_fallen_back_to() -> None:
    table = {
        "2": {"calinski_harabasz": 5.0, "bootstrap_ari_median": 0.4},
        "3": {"calinski_harabasz": None, "bootstrap_ari_median": 0.9},
    }
    k, why = choose_k(table)
    assert k == 2
    assert "no other default" in why


def test_a_stable_choice_stays() -> None:
    table = {str(k): {"calinski_harabasz": -abs(k - 5.0) + 9, "bootstrap_ari_median": 0.8} for k in range(2, 9)}
    assert choose_k(table)[0] == 5


def test_without_resamples_it_says_that_stability_is_unknown() -> None:
    report = fit_codebook([scan(1), scan(2)], seed=0, stability_resamples=0).report
    assert report["by_k"]["2"]["bootstrap_ari_median"] is None
    assert "not measured" in report["why"]


def test_it_refuses_scans_of_different_specifications() -> None:
    with pytest.raises(CodebookMismatch, match="2 different specifications"):
        fit_codebook([scan(1), scan(2, digest="e" * 64)], seed=0, k=3)


def test_it_refuses_a_scan_of_another_specification(codebook: Codebook) -> None:
    with pytest.raises(CodebookMismatch, match="eeeeeeeeeeee"):
        assign(scan(2, digest="e" * 64), codebook)


def test_it_refuses_more_habitats_than_supervoxels() -> None:
    with pytest.raises(TooFewSupervoxels, match="3 distinct supervoxels"):
        fit_codebook([scan(1, n=3)], seed=0, k=5)


def test_it_refuses_one_habitat() -> None:
    with pytest.raises(TooFewSupervoxels, match="at least 2 habitats"):
        fit_codebook([scan(1)], seed=0, k=1)


def test_it_refuses_no_scans() -> None:
    with pytest.raises(TooFewSupervoxels, match="No scan"):
        fit_codebook([], seed=0)
