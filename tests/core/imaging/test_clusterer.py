"""The habitat clusterer: scikit-learn's own checks, closed formulas, and clusters that are known."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import parametrize_with_checks

from imaging.core.clusterer import HabitatClusterer
from imaging.core.errors import TooFewSupervoxels, UnknownSetting
from imaging.core.k_search import Partition

PAGE = Path(__file__).resolve().parents[3] / "docs" / "methods" / "habitats.md"
ALGORITHMS = ("kmeans", "gmm")
#: Centres of three kinds of supervoxel, and their HU: neither is in the order of the other.
CENTRES = np.array([[4.0, 0.0, 1.0], [-4.0, 4.0, 1.0], [0.0, -5.0, 1.0]])
HU = np.array([60.0, -300.0, 20.0])


def three_kinds(n: int = 90, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Descriptors whose last is constant, mean HU, and the kind."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    return CENTRES[kind] + rng.normal(0, 0.4, (n, 3)) * [1, 1, 0], HU[kind] + rng.normal(0, 3, n), kind


def small(algorithm: str = "kmeans", **settings: Any) -> HabitatClusterer:
    return HabitatClusterer(algorithm=algorithm, **{"n_init": 3, "stability_resamples": 2, **settings})


# No expected failures are listed: every check that scikit-learn has for a clusterer passes.
@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::sklearn.exceptions.SkipTestWarning"
)
@parametrize_with_checks([small(a, k_range=(2, 3), n_init=2, stability_resamples=1) for a in ALGORITHMS])
def test_it_keeps_scikit_learns_contract(
    estimator: HabitatClusterer, check: Callable[[HabitatClusterer], None]
) -> None:
    check(estimator)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_finds_the_kinds_and_numbers_them_by_mean_hu(algorithm: str) -> None:
    X, hu, kind = three_kinds()
    fitted = small(algorithm).fit(X, mean_hu=hu)
    assert fitted.n_habitats_ == fitted.report_["chosen_k"] == 3
    np.testing.assert_array_equal(fitted.labels_, np.array([2, 0, 1])[kind])
    np.testing.assert_allclose(fitted.centroid_mean_hu_, [-300, 20, 60], atol=2)
    np.testing.assert_allclose(fitted.centroids_ * fitted.scale_ + fitted.mean_, CENTRES[[1, 2, 0]], atol=0.2)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_without_hu_habitats_are_numbered_by_the_first_descriptor(algorithm: str) -> None:
    X, _, kind = three_kinds()
    fitted = small(algorithm).fit(X)
    np.testing.assert_array_equal(fitted.labels_, np.array([2, 0, 1])[kind])
    assert (np.diff(fitted.centroids_[:, 0]) > 0).all()
    assert np.isnan(fitted.centroid_mean_hu_).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_new_rows_are_seen_with_the_training_scale_alone(algorithm: str) -> None:
    X, hu, _ = three_kinds()
    fitted = small(algorithm).fit(X, mean_hu=hu)
    np.testing.assert_array_equal(fitted.mean_, X.mean(axis=0))
    np.testing.assert_array_equal(fitted.scale_, [*X.std(axis=0)[:2], 1.0])
    one_kind = X[fitted.labels_ == 2] * 1.05
    assert (fitted.predict(one_kind) == 2).all(), "alone, their own scale would spread them over all habitats"


def test_it_lists_the_patients_that_it_was_fitted_on() -> None:
    X, hu, _ = three_kinds()
    fitted = small().fit(X, mean_hu=hu, groups=np.repeat(["EC-0002", "EC-0001", "EC-0003"], 30))
    assert fitted.fitted_on_ == ("EC-0001", "EC-0002", "EC-0003")
    assert small().fit(X).fitted_on_ == ()


def test_a_row_belongs_to_the_nearest_centroid() -> None:
    rng = np.random.default_rng(4)
    fitted = small(n_habitats=5).fit(rng.normal(size=(200, 6)))
    new = rng.normal(size=(50, 6))
    rows = (new - fitted.mean_) / fitted.scale_
    nearest = [int(np.argmin([np.linalg.norm(row - c) for c in fitted.centroids_])) for row in rows]
    assert fitted.predict(new).tolist() == nearest


def test_a_mixture_labels_as_scikit_learns_mixture_of_the_same_numbers_does() -> None:
    rng = np.random.default_rng(5)
    X = np.concatenate([rng.normal(0, 1, (150, 4)), rng.normal(1.5, [0.3, 2, 0.3, 2], (50, 4))])
    fitted = small("gmm", n_habitats=3).fit(X)
    peer = GaussianMixture(3, covariance_type="diag")
    peer.weights_, peer.means_ = fitted.weights_, fitted.centroids_
    peer.covariances_, peer.precisions_cholesky_ = fitted.variances_, 1 / np.sqrt(fitted.variances_)
    new = rng.normal(0.5, 1.5, (300, 4))
    np.testing.assert_array_equal(fitted.predict(new), peer.predict((new - fitted.mean_) / fitted.scale_))
    assert fitted.weights_.sum() == pytest.approx(1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_report_has_every_index_of_every_k(algorithm: str) -> None:
    X, hu, _ = three_kinds()
    report = small(algorithm).fit(X, mean_hu=hu).report_
    assert list(report["by_k"]) == [str(k) for k in range(2, 9)]
    names = {"calinski_harabasz", "silhouette", "davies_bouldin", "inertia", "bootstrap_ari_median"}
    assert all(set(row) == names | ({"bic"} if algorithm == "gmm" else set()) for row in report["by_k"].values())
    assert report["rows"] == 90
    assert "highest Calinski-Harabasz" in report["why"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_indices_follow_their_formulas(algorithm: str) -> None:
    X = np.random.default_rng(6).normal(size=(60, 3))
    fitted = small(algorithm, n_habitats=4).fit(X)
    row, rows = fitted.report_["by_k"]["4"], (X - fitted.mean_) / fitted.scale_
    parts = [rows[fitted.labels_ == k] for k in range(4)]
    within = sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts)
    between = sum(len(part) * ((part.mean(axis=0) - rows.mean(axis=0)) ** 2).sum() for part in parts)
    assert row["calinski_harabasz"] == pytest.approx((between / 3) / (within / 56))
    inertia = sum(((part - centroid) ** 2).sum() for part, centroid in zip(parts, fitted.centroids_, strict=True))
    assert row["inertia"] == pytest.approx(inertia)
    if algorithm == "gmm":
        squares = (rows[:, None] - fitted.centroids_) ** 2 / fitted.variances_
        density = np.exp(-0.5 * (squares + np.log(2 * np.pi * fitted.variances_)).sum(axis=2)) @ fitted.weights_
        parameters = 4 * 3 + 4 * 3 + 3
        assert row["bic"] == pytest.approx(parameters * np.log(60) - 2 * np.log(density).sum())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_rows_and_seed_give_the_same_bits(algorithm: str) -> None:
    X = np.random.default_rng(7).normal(size=(120, 5))
    one, again = (small(algorithm, n_habitats=6, random_state=3).fit(X) for _ in range(2))
    assert one.centroids_.tobytes() == again.centroids_.tobytes()


def test_a_component_that_wins_no_row_makes_a_partition_incomplete() -> None:
    centroids = np.zeros((3, 2))
    assert Partition(np.array([0, 1, 2, 1]), centroids).is_complete
    assert not Partition(np.array([0, 2, 2, 0]), centroids).is_complete


def test_fit_judges_what_init_only_stored() -> None:
    X, hu, _ = three_kinds()
    with pytest.raises(UnknownSetting, match="kmeans, gmm"):
        small("spectral").fit(X)
    with pytest.raises(TooFewSupervoxels, match="at least 2 habitats"):
        small(n_habitats=1).fit(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(X, mean_hu=hu[1:])
    with pytest.raises(ValueError, match="NaN"):
        small().fit(X, mean_hu=np.where(hu > 0, hu, np.nan))


def test_the_example_of_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, str(PAGE), "exec"), names)  # noqa: S102
    clusterer = names["clusterer"]
    assert clusterer.fitted_on_ == ("EC-0001", "EC-0002")
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + 4, "the choice of k, then each scan"
    assert all(f"'{code}', '{time}'" in printed[i] for i, (code, time) in enumerate(names["parts"], start=1))
