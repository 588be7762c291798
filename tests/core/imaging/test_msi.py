"""Invariants of the interaction matrix that hold for any map and any neighbourhood (METHOD 2.2)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imaging.core.errors import CodebookMismatch, UnknownSetting
from imaging.core.msi import first_order, interaction_matrix, second_order

K = 4
SIZES = {"axial8": 8, "face6": 6, "full26": 26}
maps = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, K))
neighbourhoods = st.sampled_from(sorted(SIZES))


@settings(max_examples=60, deadline=None)
@given(labels=maps, neighbourhood=neighbourhoods)
def test_the_matrix_is_symmetric_and_its_rows_count_every_neighbour(labels: np.ndarray, neighbourhood: str) -> None:
    counts = interaction_matrix(labels, K, neighbourhood)
    voxels = np.bincount(labels.ravel(), minlength=K + 1)
    assert (counts == counts.T).all()
    assert counts[0, 0] == 0
    np.testing.assert_array_equal(counts.sum(axis=1)[1:], SIZES[neighbourhood] * voxels[1:])
    assert counts.sum() == SIZES[neighbourhood] * voxels[1:].sum() + counts[0].sum()


@settings(max_examples=60, deadline=None)
@given(labels=maps.filter(lambda m: m.any()), neighbourhood=neighbourhoods)
def test_features_stay_in_their_ranges_and_parts_sum_to_one(labels: np.ndarray, neighbourhood: str) -> None:
    counts = interaction_matrix(labels, K, neighbourhood)
    found = second_order(counts)
    assert 0 < found["energy"] <= 1
    assert 0 < found["homogeneity"] <= 1
    assert found["contrast"] >= 0
    assert np.isnan(found["correlation"]) or abs(found["correlation"]) <= 1 + 1e-9
    first = first_order(counts, voxel_volume_mm3=1.0)
    parts = {kind: sum(v for n, v in first.items() if n.startswith(f"{kind}_")) for kind in "vbc"}
    assert parts["v"] + 2 * parts["b"] + 2 * parts["c"] == pytest.approx(1)


@settings(max_examples=60, deadline=None)
@given(labels=maps.filter(lambda m: m.any()), order=st.permutations(range(1, K + 1)), neighbourhood=neighbourhoods)
def test_renaming_habitats_renames_rows_and_leaves_energy_alone(
    labels: np.ndarray, order: list[int], neighbourhood: str
) -> None:
    names = np.array([0, *order])
    one = interaction_matrix(labels, K, neighbourhood)
    other = interaction_matrix(names.astype(np.uint8)[labels], K, neighbourhood)
    np.testing.assert_array_equal(other[np.ix_(names, names)], one)
    assert second_order(other)["energy"] == pytest.approx(second_order(one)["energy"])


@pytest.mark.parametrize("neighbourhood", sorted(SIZES))
@pytest.mark.parametrize("name", ["contrast", "homogeneity", "correlation"])
def test_the_other_three_depend_on_the_order_of_habitats(name: str, neighbourhood: str) -> None:
    labels = np.array([[[1, 1, 2, 3], [1, 2, 2, 3]]], dtype=np.uint8)
    swapped = np.array([0, 3, 1, 2], dtype=np.uint8)[labels]
    one, other = (second_order(interaction_matrix(m, 3, neighbourhood))[name] for m in (labels, swapped))
    assert one != pytest.approx(other)


@settings(max_examples=40, deadline=None)
@given(labels=maps, neighbourhood=neighbourhoods)
def test_the_matrix_is_what_its_definition_counts(labels: np.ndarray, neighbourhood: str) -> None:
    """M[a][b] = number of (v, o) with L(v) = a >= 1 and L(v + o) = b, the border row mirrored."""
    steps = [o for o in np.ndindex(3, 3, 3) if o != (1, 1, 1)]
    steps = [np.subtract(o, 1) for o in steps]
    wanted = {"axial8": lambda o: o[0] == 0, "face6": lambda o: abs(o).sum() == 1, "full26": lambda o: True}
    padded = np.pad(labels, 1)
    counts = np.zeros((K + 1, K + 1), dtype=int)
    for voxel in np.argwhere(padded > 0):
        for step in filter(wanted[neighbourhood], steps):
            counts[padded[tuple(voxel)], padded[tuple(voxel + step)]] += 1
    counts[0] = counts[:, 0]
    np.testing.assert_array_equal(interaction_matrix(labels, K, neighbourhood), counts)


def test_second_order_equals_the_published_example_of_graycoprops() -> None:
    # mathworks.com/help/images/ref/graycoprops.html
    glcm = np.array([[0, 1, 2, 3], [1, 1, 2, 3], [1, 0, 2, 0], [0, 0, 0, 3]])
    found = second_order(glcm)
    wanted = {"contrast": 2.8947, "correlation": 0.0783, "energy": 0.1191, "homogeneity": 0.5658}
    assert {name: round(value, 4) for name, value in found.items()} == wanted


def test_absolute_features_scale_with_the_voxel_volume_and_parts_do_not() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (4, 5, 6))
    counts = interaction_matrix(labels, 3)
    one, two = first_order(counts, voxel_volume_mm3=1.0), first_order(counts, voxel_volume_mm3=2.5)
    for name, value in one.items():
        assert two[name] == pytest.approx(value * (2.5 if name[0] in "VBI" else 1.0))


@pytest.mark.parametrize(("k", "number"), [(2, 14), (3, 22), (5, 44), (8, 92)])
def test_the_number_of_features_is_that_of_the_publications(k: int, number: int) -> None:
    counts = interaction_matrix(np.ones((2, 2, 2), int), k)
    assert len(second_order(counts)) + len(first_order(counts, voxel_volume_mm3=1.0)) == number == 4 + k * (k + 3)


def test_an_absent_habitat_gives_zeros_and_no_missing_columns() -> None:
    found = first_order(interaction_matrix(np.ones((2, 2, 2), int), 3), voxel_volume_mm3=1.0)
    assert found["V_1"] > 0
    assert found["V_2"] == found["B_3"] == found["I_2_3"] == found["c_1_2"] == 0


def test_a_hole_inside_the_tumour_is_border() -> None:
    labels = np.ones((1, 5, 5), dtype=np.uint8)
    full = interaction_matrix(labels, 1)
    labels[0, 2, 2] = 0
    assert interaction_matrix(labels, 1)[0, 1] == full[0, 1] + 8


def test_it_refuses_a_label_beyond_the_codebook() -> None:
    with pytest.raises(CodebookMismatch, match="from 1 to 4, but the codebook has 3"):
        interaction_matrix(np.array([[[1, 4]]]), 3)


def test_it_refuses_an_unknown_neighbourhood() -> None:
    with pytest.raises(UnknownSetting, match="axial8, face6, full26"):
        interaction_matrix(np.ones((1, 1, 1), int), 1, "face8")
