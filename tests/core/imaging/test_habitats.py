"""Features of habitat maps that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.core.errors import EmptyMask
from imaging.core.geometry import Grid
from imaging.core.habitats import HabitatLabels, habitat_feature_names, habitat_features
from imaging.core.msi import interaction_matrix, second_order


def labelled(array: np.ndarray, k: int, spacing_mm: float = 1.0) -> HabitatLabels:
    return HabitatLabels(array.astype(np.uint8), Grid(array.shape, (spacing_mm,) * 3), k)


def two_cubes_in_a_sea() -> np.ndarray:
    """Habitat 2 as a cube of 27 and one of 64 voxels, and a crumb of one; the rest is habitat 1."""
    array = np.ones((8, 8, 20))
    array[1:4, 1:4, 1:4] = 2
    array[1:5, 1:5, 8:12] = 2
    array[6, 6, 18] = 2
    return array


def test_names_are_those_of_the_codebook_whatever_is_present() -> None:
    vector = habitat_features(labelled(np.ones((3, 3, 3)), 3), neighbourhood="axial8")
    assert vector.names == habitat_feature_names(3)
    assert len(vector.names) == 4 + 18 + 6 + 3
    assert vector.names[:5] == ("msi_contrast", "msi_homogeneity", "msi_correlation", "msi_energy", "msi_V_1")
    assert vector.names[-5:] == ("components_2", "components_3", "shannon", "simpson", "ith_score")


def test_interaction_is_that_of_the_matrix() -> None:
    array = two_cubes_in_a_sea()
    found = habitat_features(labelled(array, 2, spacing_mm=2.0), neighbourhood="full26").as_dict()
    counts = interaction_matrix(array.astype(int), 2, "full26")
    assert found["msi_V_2"] == counts[2, 2] * 8.0
    assert found["msi_I_1_2"] == counts[1, 2] * 8.0
    assert found["msi_c_1_2"] == pytest.approx(counts[1, 2] / counts.sum())
    assert found["msi_contrast"] == second_order(counts)["contrast"]


def test_fractions_and_diversity_follow_their_formulas() -> None:
    array = np.repeat([1, 2, 3], [32, 16, 16]).reshape(4, 4, 4)
    found = habitat_features(labelled(array, 4), neighbourhood="axial8").as_dict()
    assert [found[f"fraction_{i}"] for i in (1, 2, 3, 4)] == [0.5, 0.25, 0.25, 0.0]
    assert found["shannon"] == pytest.approx(1.5 * np.log(2))
    assert found["simpson"] == pytest.approx(1 - 0.375)


def test_components_ignore_crumbs_and_join_corners() -> None:
    found = habitat_features(labelled(two_cubes_in_a_sea(), 3), neighbourhood="axial8").as_dict()
    assert [found[f"components_{i}"] for i in (1, 2, 3)] == [1, 2, 0]
    corner = np.zeros((6, 6, 6))
    corner[:3, :3, :3] = corner[3:, 3:, 3:] = 1
    assert habitat_features(labelled(corner, 1), neighbourhood="axial8").as_dict()["components_1"] == 1


def test_the_ith_score_follows_its_formula() -> None:
    array = two_cubes_in_a_sea()
    sea = int((array == 1).sum())
    expected = 1 - (sea / 1 + 64 / 2) / array.size
    found = habitat_features(labelled(array, 2), neighbourhood="axial8").as_dict()
    assert found["ith_score"] == pytest.approx(expected)


def test_one_solid_habitat_is_not_heterogeneous() -> None:
    found = habitat_features(labelled(np.ones((4, 4, 4)), 3), neighbourhood="axial8").as_dict()
    assert (found["ith_score"], found["simpson"], found["shannon"]) == (0, 0, 0)
    assert found["fraction_3"] == found["msi_V_3"] == 0


def test_provenance_says_how_it_was_made() -> None:
    about = habitat_features(labelled(np.ones((4, 4, 4)), 3, spacing_mm=2.0), neighbourhood="face6").provenance
    assert (about["k"], about["neighbourhood"], about["voxels"], about["voxel_volume_mm3"]) == (3, "face6", 64, 8.0)


def test_it_refuses_an_empty_map() -> None:
    with pytest.raises(EmptyMask):
        habitat_features(labelled(np.zeros((3, 3, 3)), 3), neighbourhood="axial8")
