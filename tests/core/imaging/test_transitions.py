"""Transitions in closed form where nothing moves, on known moves, and their invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nst

from imaging.core.errors import CodebookMismatch, EmptyMask
from imaging.core.geometry import Grid
from imaging.core.habitats import HabitatLabels
from imaging.core.registration import Registered, lung_grid_of, register
from imaging.core.transitions import (
    Transitions,
    state_names,
    transition_feature_names,
    transition_features,
    transitions,
)
from tests.core.imaging.breathing_chest import (
    CENTRE,
    FIRST_MM,
    SECOND_MM,
    Move,
    after,
    before,
    breathed,
    chest_hu,
    fine,
    habitats_after,
    habitats_before,
    planted_after,
    planted_before,
    positions,
    shifted,
)

GRID = Grid((12, 12, 12), (1.0, 1.0, 1.0), (-5.0, 3.0, 40.0))


def at_rest(*, lung_before: np.ndarray | None = None, lung_after: np.ndarray | None = None) -> Registered:
    """A registration of scans that lie alike; without lung unless some is given, on GRID's box of 12 mm."""
    field = Grid((4, 4, 4), (4.0, 4.0, 4.0), GRID.origin_lps_mm)
    lung = np.zeros((2, *lung_grid_of(field).shape_zyx), dtype=bool)
    for number, given_lung in enumerate((lung_before, lung_after)):
        if given_lung is not None:
            lung[number][:12, :12, :12] = given_lung
    return Registered(np.zeros((4, 4, 4, 3), dtype=np.float32), field, lung)


def labels(array: np.ndarray, k: int = 3, digest: str = "book") -> HabitatLabels:
    return HabitatLabels(array.astype(np.uint8), GRID, k, digest)


def block(*parts: tuple[slice, int]) -> np.ndarray:
    """A block of 8 x 8 x 8 voxels, cut into slabs of one habitat each."""
    array = np.zeros(GRID.shape_zyx, dtype=np.uint8)
    for rows, habitat in parts:
        array[2:10, 2:10, rows] = habitat
    return array


HALVES = block((slice(2, 6), 1), (slice(6, 10), 2))


def test_nothing_changes_when_both_scans_are_one() -> None:
    found = transitions(labels(HALVES), labels(HALVES), at_rest())
    counts = found.counts
    assert counts.tolist() == np.diag([0, 0, 256, 256, 0]).tolist()
    features = transition_features(found).as_dict()
    assert features["transition_persistence"] == 1.0
    assert features["transition_joint_1_1"] == features["transition_joint_2_2"] == 0.5
    assert features["transition_t_1_1"] == features["transition_t_2_2"] == 1.0
    assert features["transition_entropy_joint"] == pytest.approx(math.log(2))
    assert features["transition_entropy_conditional"] == 0.0
    assert features["transition_vanished_tumour"] == features["transition_new_tumour"] == 0.0
    assert found.lost_mm3 == 0.0


def test_half_of_habitat_2_turned_to_1_and_a_rim_became_lung_count_exactly() -> None:
    second = HALVES.copy()
    second[2:6, 2:10, 6:10] = 1  # half of habitat 2: 4 x 8 x 4 = 128 voxels
    second[2:10, 2:10, 2:3] = 0  # a rim of habitat 1: 8 x 8 x 1 = 64 voxels, lung where y is low, else other tissue
    second[2:10, 2:10, 10:11] = 3  # growth by 64 voxels into what was lung
    air_before, air_after = (np.zeros(GRID.shape_zyx, dtype=bool) for _ in range(2))
    air_before[:, :, 10:], air_after[:, :8, :3] = True, True
    found = transitions(labels(HALVES), labels(second), at_rest(lung_before=air_before, lung_after=air_after))
    expected = np.zeros((5, 5), dtype=int)
    expected[2] = [48, 16, 192, 0, 0]
    expected[3] = [0, 0, 128, 128, 0]
    expected[0, 4] = 64
    assert found.counts.tolist() == expected.tolist()
    vector = transition_features(found)
    features = vector.as_dict()
    assert features["transition_persistence"] == 320 / 448
    assert features["transition_t_2_1"] == features["transition_t_2_2"] == 0.5
    assert features["transition_t_1_lung"] == 48 / 256
    assert features["transition_became_lung"] == 48 / 576
    assert features["transition_became_other"] == 16 / 576
    assert features["transition_was_lung"] == features["transition_new_tumour"] == 64 / 576
    assert features["transition_kept_tumour"] == 448 / 576
    assert features["transition_t_lung_3"] == 1.0
    assert features["transition_joint_3_3"] == 0.0
    assert math.isnan(features["transition_t_3_1"])
    assert vector.undefined["transition_t_3_1"] == "no place was habitat 3 before treatment"
    shares = np.array([48, 16, 192, 128, 128, 64]) / 576
    assert features["transition_entropy_joint"] == pytest.approx(-(shares * np.log(shares)).sum())
    rows = np.array([256, 256, 64]) / 576
    conditional = features["transition_entropy_joint"] + (rows * np.log(rows)).sum()
    assert features["transition_entropy_conditional"] == pytest.approx(conditional)


def test_the_stored_codes_hold_both_states_of_every_place() -> None:
    found = transitions(labels(HALVES), labels(np.where(HALVES == 2, 3, 0)), at_rest())
    codes = found.codes.astype(int)
    inside = codes > 0
    np.testing.assert_array_equal((codes[inside] - 1) // 5, found.before[inside])
    np.testing.assert_array_equal((codes[inside] - 1) % 5, found.after[inside])
    assert inside.sum() == found.counts.sum() == 512


def test_tumours_that_do_not_meet_have_no_persistence() -> None:
    first, second = block((slice(2, 5), 1)), block((slice(7, 10), 2))
    vector = transition_features(transitions(labels(first), labels(second), at_rest()))
    assert math.isnan(vector.as_dict()["transition_persistence"])
    assert vector.undefined["transition_persistence"] == "no place is tumour both before and after treatment"
    assert vector.as_dict()["transition_vanished_tumour"] == 0.5


def test_maps_of_different_codebooks_are_refused_and_so_are_empty_ones() -> None:
    with pytest.raises(CodebookMismatch, match="3 habitats of book and 3 of other"):
        transitions(labels(HALVES), labels(HALVES, digest="other"), at_rest())
    nothing = np.zeros(GRID.shape_zyx)
    with pytest.raises(EmptyMask):
        transitions(labels(nothing), labels(nothing), at_rest())


def planted_change() -> tuple[np.ndarray, float]:
    """Measure on a grid of 0.5 mm what was planted, in mm3, and how much of what vanished is lung afterwards."""
    reach = int(FIRST_MM + 1) * 4 + 1
    grid = Grid((reach,) * 3, (0.5,) * 3, tuple((CENTRE - int(FIRST_MM + 1)).tolist()))  # type: ignore[arg-type]
    places = positions(grid)
    first, second = planted_before(places), planted_after(places)
    counts = np.zeros((3, 3))
    np.add.at(counts, (first, second), 0.125)
    counts[0, 0] = 0
    shown_as_tumour = np.linalg.norm(places - CENTRE, axis=-1) < SECOND_MM + 1  # as the chest paints it
    lung = (chest_hu(places) < -500) & ~shown_as_tumour
    return counts, float(lung[(first > 0) & (second == 0)].mean())


@pytest.mark.parametrize("move", [shifted, breathed])
def test_a_planted_change_is_found_through_a_recovered_move(move: Move) -> None:
    pre, post = before(), after(move)
    registered = register(pre.volume, pre.mask, post.volume, post.mask)
    counts = transitions(habitats_before(), habitats_after(move), registered).counts
    outside = counts[:, :2].sum(axis=1), counts[:2].sum(axis=0)
    expected, lung_share = planted_change()
    union = expected.sum()
    np.testing.assert_allclose(counts[2:, 2:], expected[1:, 1:], atol=0.03 * union)
    np.testing.assert_allclose(outside[0][2:], expected[1:, 0], atol=0.03 * union)
    assert outside[1][2:].sum() < 0.01 * union, "nothing grew"
    assert counts[2:, 0].sum() / counts[2:, :2].sum() == pytest.approx(lung_share, abs=0.06)
    assert union == pytest.approx(4 / 3 * math.pi * FIRST_MM**3, rel=0.01)
    assert expected[1:, 1:].sum() == pytest.approx(4 / 3 * math.pi * SECOND_MM**3, rel=0.01)


def test_habitat_maps_of_the_planted_chests_lie_on_fine_grids() -> None:
    assert habitats_before().grid == fine(before().volume.grid)


STATES = 5
MAPS = nst.arrays(np.uint8, (3, 4, 5), elements=st.integers(0, STATES - 1))


@settings(deadline=None, max_examples=150)
@given(first=MAPS, second=MAPS)
def test_invariants(first: np.ndarray, second: np.ndarray) -> None:
    found = Transitions(first, second, Grid((3, 4, 5), (1.0, 1.0, 1.0)), 3)
    union = (first >= 2) | (second >= 2)
    assert found.counts.sum() == union.sum()
    assert not found.counts[:2, :2].any()
    if not union.any():
        with pytest.raises(EmptyMask):
            transition_features(found)
        return
    vector = transition_features(found)
    assert vector.names == transition_feature_names(3)
    assert set(vector.undefined) == {n for n, v in vector.as_dict().items() if math.isnan(v)}
    features = {name.removeprefix("transition_"): value for name, value in vector.as_dict().items()}
    joint = [value for name, value in features.items() if name.startswith("joint_")]
    assert sum(joint) == pytest.approx(1)
    for state in state_names(3):
        row = [value for name, value in features.items() if name.startswith(f"t_{state}_")]
        assert math.isnan(sum(row)) or sum(row) == pytest.approx(1)
    assert 0 <= features["entropy_conditional"] <= math.log(STATES) + 1e-9
    assert features["entropy_conditional"] <= features["entropy_joint"] + 1e-9
    assert features["entropy_joint"] <= math.log(STATES**2 - 4) + 1e-9
    parts = features["kept_tumour"] + features["vanished_tumour"] + features["new_tumour"]
    assert parts == pytest.approx(1)
    assert features["became_lung"] + features["became_other"] == pytest.approx(features["vanished_tumour"])
    assert features["was_lung"] + features["was_other"] == pytest.approx(features["new_tumour"])
    swapped = Transitions(second, first, found.grid, 3)
    np.testing.assert_array_equal(swapped.counts, found.counts.T)


@pytest.mark.parametrize("k", [2, 3, 8])
def test_there_are_as_many_names_as_stated_and_each_once(k: int) -> None:
    names = transition_feature_names(k)
    assert len(names) == len(set(names)) == 2 * (k * k + 4 * k) + 10
