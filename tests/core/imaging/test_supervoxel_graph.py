"""The short way from supervoxels to features gives what the way over voxels gives, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imaging.core.codebook import Codebook, fit_codebook
from imaging.core.errors import CodebookMismatch, EmptyMask
from imaging.core.feature_vector import FeatureVector
from imaging.core.geometry import Grid
from imaging.core.habitats import HabitatLabels, assign, habitat_features
from imaging.core.msi import interaction_matrix
from imaging.core.registration import Registered, lung_grid_of
from imaging.core.supervoxel_graph import (
    follow_supervoxels,
    graph_of,
    habitat_features_of,
    habitats_of,
    transition_features_of,
)
from imaging.core.supervoxels import Supervoxels
from imaging.core.transitions import transition_features, transitions

MOST = 12
#: Coarse blocks and single voxels: regions of more than 27 voxels, islands, and contacts by an edge or a corner.
maps = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.integers(0, MOST)
).flatmap(lambda blocks: st.sampled_from([1, 2, 3]).map(lambda edge: np.kron(blocks, np.ones((edge,) * 3, np.int32))))
neighbourhoods = st.sampled_from(["axial8", "face6", "full26"])


def supervoxels_of(labels: np.ndarray, *, seed: int = 0, neighbourhood: str = "axial8", n: int = 0) -> Supervoxels:
    """Supervoxels with drawn descriptors; numbers that do not occur are closed up unless n is given."""
    if not n:
        labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape) + (0 if (labels == 0).any() else 1)
        n = int(labels.max())
    labels = labels.astype(np.int32)
    random = np.random.default_rng(seed)
    return Supervoxels(
        labels=labels,
        descriptors=random.normal(size=(n, 4)),
        mean_hu=random.normal(size=n),
        voxels=np.bincount(labels.ravel(), minlength=n + 1)[1:],
        grid=Grid(labels.shape, (2.0, 1.0, 0.5)),
        spec_digest="spec",
        neighbourhood=neighbourhood,
    )


def same(one: FeatureVector, other: FeatureVector) -> None:
    assert one.names == other.names
    np.testing.assert_array_equal(one.values, other.values)
    assert one.undefined == other.undefined


@settings(max_examples=150, deadline=None)
@given(labels=maps.filter(lambda m: m.any()), neighbourhood=neighbourhoods, k=st.integers(1, 8), data=st.data())
def test_features_are_those_of_the_habitat_map(
    labels: np.ndarray, neighbourhood: str, k: int, data: st.DataObject
) -> None:
    parts = supervoxels_of(labels, neighbourhood=neighbourhood)
    habitat = data.draw(hnp.arrays(np.int64, parts.n, elements=st.integers(1, k)))
    array = np.append(0, habitat).astype(np.uint8)[parts.labels]
    expected = habitat_features(HabitatLabels(array, parts.grid, k, "book"), neighbourhood=neighbourhood)
    found = habitat_features_of(graph_of(parts), habitat, k, codebook_digest="book")
    same(found, expected)
    assert found.provenance == expected.provenance


def test_a_supervoxel_in_pieces_counts_as_its_pieces() -> None:
    labels = np.zeros((3, 3, 11), dtype=np.int32)
    labels[:, :, :3] = labels[:, :, 8:] = 1
    labels[:, :, 3:8] = 2
    graph = graph_of(supervoxels_of(labels))
    assert graph.owner.tolist() == [0, 1, 0]
    assert graph.piece_voxels.tolist() == [27, 45, 27]
    found = habitat_features_of(graph, np.array([1, 2]), 3).as_dict()
    assert [found[f"components_{i}"] for i in (1, 2, 3)] == [2, 1, 0]
    assert habitat_features_of(graph, np.array([2, 2]), 3).as_dict()["components_2"] == 1


def test_labels_are_those_of_the_codebook() -> None:
    random = np.random.default_rng(3)
    scans = [
        supervoxels_of(np.kron(random.permutation(27).reshape(3, 3, 3) + 1, np.ones((3, 3, 3))), seed=s)
        for s in range(4)
    ]
    book = fit_codebook(scans, seed=1, k_range=(3, 4), n_init=2, stability_resamples=0)
    for scan in scans:
        habitat = habitats_of(graph_of(scan), book)
        labels = assign(scan, book)
        np.testing.assert_array_equal(np.append(0, habitat)[scan.labels], labels.array)
        same(
            habitat_features_of(graph_of(scan), habitat, book.k),
            habitat_features(labels, neighbourhood=book.neighbourhood),
        )


def test_supervoxels_of_another_specification_are_refused() -> None:
    parts = supervoxels_of(np.arange(1, 28).reshape(3, 3, 3))
    book = Codebook(2, *(np.zeros(4), np.ones(4), np.zeros((2, 4)), np.zeros(2)), "another", "axial8", 0, {})
    with pytest.raises(CodebookMismatch, match="specification"):
        habitats_of(graph_of(parts), book)


@pytest.mark.parametrize("habitat", [[1, 2, 4], [0, 1, 2], [1, 2]])
def test_habitats_that_do_not_fit_are_refused(habitat: list[int]) -> None:
    graph = graph_of(supervoxels_of(np.array([[[1, 2, 3]]])))
    with pytest.raises(CodebookMismatch, match="from 1 to 3"):
        habitat_features_of(graph, np.array(habitat), 3)


def test_an_empty_tumour_is_refused() -> None:
    with pytest.raises(EmptyMask):
        habitat_features_of(graph_of(supervoxels_of(np.zeros((2, 2, 2)), n=1)), np.array([1]), 2)


def test_contacts_of_supervoxels_are_their_interaction_matrix() -> None:
    parts = supervoxels_of(np.random.default_rng(5).integers(0, 6, (4, 4, 4)), n=5, neighbourhood="face6")
    np.testing.assert_array_equal(graph_of(parts).contacts, interaction_matrix(parts.labels, 5, "face6"))


# Transitions.

EDGE = 8


def registration(random: np.random.Generator, scan: Grid) -> Registered:
    field = Grid((3, 3, 3), (4.0, 4.0, 4.0), scan.origin_lps_mm)
    lung = random.random((2, *lung_grid_of(field).shape_zyx)) < 0.5
    return Registered(random.normal(0, 2, (3, 3, 3, 3)).astype(np.float32), field, lung)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 8))
def test_transitions_are_those_of_the_habitat_maps(seed: int, k: int) -> None:
    random = np.random.default_rng(seed)
    both = []
    for n in random.integers(1, 30, 2):
        labels = random.integers(0, n + 1, (EDGE,) * 3)
        labels.flat[: n + 1] = np.arange(n + 1)
        both.append(supervoxels_of(labels, n=int(n)))
    habitats = [random.integers(1, k + 1, one.n) for one in both]
    registered = registration(random, both[0].grid)
    expected = transition_features(
        transitions(
            *(
                HabitatLabels(np.append(0, habitat).astype(np.uint8)[one.labels], one.grid, k)
                for one, habitat in zip(both, habitats, strict=True)
            ),
            registered,
        )
    )
    found = transition_features_of(follow_supervoxels(*both, registered), pre=habitats[0], post=habitats[1], k=k)
    same(found, expected)


def test_transitions_need_a_habitat_for_each_supervoxel() -> None:
    one = supervoxels_of(np.arange(1, 9).reshape(2, 2, 2))
    followed = follow_supervoxels(one, one, registration(np.random.default_rng(1), one.grid))
    with pytest.raises(CodebookMismatch):
        transition_features_of(followed, pre=np.ones(8, dtype=np.int64), post=np.ones(7, dtype=np.int64), k=2)
