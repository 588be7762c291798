"""Lungs of a chest whose volumes are known in closed form, and of one that is made difficult in one way at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.core.errors import LungsNotFound
from imaging.core.geometry import Grid, Volume
from imaging.core.lungs import LEFT, RIGHT, Lungs, LungSettings, segment_lungs, settings_document
from imaging.core.lungs.grid import Reduction
from tests.chests import CARINA_MM, GRID, HILUM_MM, LUNG_HU, LUNG_ML, TISSUE_HU, Chest

VOXEL_MM = max(GRID.spacing_zyx_mm)


@cache
def plain() -> Lungs:
    return segment_lungs(Chest().volume)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)))


def agreement(chest: Chest, lungs: Lungs) -> dict[str, float]:
    return {side: dice(lungs.labels == label, chest.lung(side)) for side, label in (("right", RIGHT), ("left", LEFT))}


def test_both_lungs_have_the_volume_and_the_place_of_their_ellipsoids() -> None:
    lungs = plain()
    assert lungs.grid == GRID, "a scan that is coarse already keeps its grid"
    assert min(agreement(Chest(), lungs).values()) > 0.999
    for side in ("right", "left"):
        assert lungs.evidence[f"{side}_lung_ml"] == pytest.approx(LUNG_ML, rel=0.002)
        assert lungs.evidence[f"{side}_lung_mean_hu"] == pytest.approx(LUNG_HU, abs=0.1)
    assert lungs.evidence["lungs_were_joined"] is False


def test_the_right_lung_is_the_one_on_the_patients_right() -> None:
    lungs = plain()
    x = {label: lungs.grid.position(np.argwhere(lungs.labels == label).mean(axis=0))[0] for label in (RIGHT, LEFT)}
    assert x[RIGHT] < 0 < x[LEFT]


def test_carina_and_hila_are_where_the_windpipe_divides_and_where_the_bronchi_end() -> None:
    lungs = plain()
    # Two tubes of 4.5 mm that leave each other by 44 mm on 30 mm of height are apart 6 mm below their origin.
    assert lungs.carina_lps_mm[2] == pytest.approx(CARINA_MM[2] - 6, abs=VOXEL_MM)
    assert lungs.carina_lps_mm[:2] == pytest.approx((0, 0), abs=VOXEL_MM / 2)
    for label, sign in ((RIGHT, -1), (LEFT, 1)):
        assert lungs.hila_lps_mm[label] == pytest.approx(HILUM_MM * [sign, 1, 1], abs=VOXEL_MM)


def test_a_scan_of_fine_voxels_is_averaged_to_the_widest_spacing_allowed() -> None:
    fine = Chest(Grid((48, 208, 288), (5.0, 1.25, 1.25), (-179.375, -129.375, -117.5)))
    lungs = segment_lungs(fine.volume)
    assert lungs.grid.spacing_zyx_mm == (5.0, 2.5, 2.5)
    assert lungs.grid.origin_lps_mm == pytest.approx((-178.75, -128.75, -117.5))
    assert lungs.evidence["right_lung_ml"] == pytest.approx(LUNG_ML, rel=0.02)


def turned(volume: Volume, order: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """Store the same voxels with other axes: what a file does that runs head first, or sagittally."""
    array = np.ascontiguousarray(
        np.transpose(volume.array, order)[tuple(slice(None, None, -1 if f else 1) for f in flips)]
    )
    first = [0, 0, 0]
    for axis, back in zip(order, flips, strict=True):
        first[axis] = volume.grid.shape_zyx[axis] - 1 if back else 0
    unit = np.eye(3)
    columns = [(-1 if back else 1) * unit[2 - axis] for axis, back in zip(order, flips, strict=True)][::-1]
    direction = np.stack(columns, axis=1) + 0.0
    x, y, z = (tuple(row) for row in direction.tolist())
    spacing = tuple(volume.grid.spacing_zyx_mm[axis] for axis in order)
    origin = tuple(float(v) for v in volume.grid.position(first))
    return Volume(array, Grid(array.shape, spacing, origin, (x, y, z)))  # type: ignore[arg-type]


TURNS = [(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]


@pytest.mark.parametrize(("order", "flips"), TURNS[1::5])
def test_whatever_way_the_voxels_run_the_lungs_are_the_same(order: tuple[int, ...], flips: tuple[bool, ...]) -> None:
    lungs = segment_lungs(turned(Chest().volume, order, flips))
    assert lungs.grid.matches(GRID, tolerance_mm=1e-6)
    assert lungs.labels.tobytes() == plain().labels.tobytes()
    assert lungs.evidence == plain().evidence


@given(turn=st.sampled_from(TURNS), shape=st.tuples(*[st.integers(3, 9)] * 3), wide=st.floats(0.5, 9))
@settings(max_examples=60, deadline=None)
def test_block_means_lie_where_the_copy_says(turn: tuple, shape: tuple[int, int, int], wide: float) -> None:
    ramp = np.fromfunction(lambda z, y, x: 100 * z + 10 * y + x, shape).astype(np.float32)
    upright = Volume(ramp, Grid(shape, (2.0, 1.5, 1.0), (5.0, -3.0, 7.0)))
    reduction = Reduction.of(turned(upright, *turn).grid, spacing_mm=wide)
    means = reduction.mean(turned(upright, *turn).array)
    # A linear field's mean over a block is its value at the block's centre.
    z, y, x = upright.grid.index(
        np.array([reduction.grid.position(index) for index in np.ndindex(*reduction.grid.shape_zyx)])
    ).T
    np.testing.assert_allclose(means.ravel(), 100 * z + 10 * y + x, rtol=1e-5)
    assert all(
        step <= max(wide, own) * (1 + 1e-5)
        for step, own in zip(reduction.grid.spacing_zyx_mm, (2.0, 1.5, 1.0), strict=True)
    )


def test_equal_scans_give_equal_bytes_and_stay_as_they_were() -> None:
    volume = Chest().volume
    before = volume.array.tobytes()
    volume.array.setflags(write=False)
    again = segment_lungs(volume)
    assert again.labels.tobytes() == plain().labels.tobytes()
    assert (again.evidence, again.hila_lps_mm) == (plain().evidence, plain().hila_lps_mm)
    assert volume.array.tobytes() == before


def test_lungs_that_touch_are_parted() -> None:
    chest = Chest()
    chest.paint(chest.box((-45, 45), (-40, -30), (-20, 20)), LUNG_HU)
    lungs = segment_lungs(chest.volume)
    assert lungs.evidence["lungs_were_joined"] is True
    assert min(agreement(chest, lungs).values()) > 0.985


def test_a_lung_that_reaches_across_the_midline_keeps_what_is_its_own() -> None:
    chest = Chest()
    chest.paint(chest.box((-45, 24), (-60, -30), (-30, 30)), LUNG_HU)
    chest.paint(chest.box((20, 50), (-48, -42), (-4, 4)), LUNG_HU)
    lungs = segment_lungs(chest.volume)
    assert lungs.evidence["lungs_were_joined"] is True
    z, y, x = np.rint(lungs.grid.index(np.array([15.0, -45.0, 0.0]))).astype(int)
    assert lungs.labels[z, y, x] == RIGHT


def test_lungs_that_no_erosion_parts_are_cut_at_the_carina() -> None:
    chest = Chest()
    chest.paint(chest.box((-60, 60), (-70, -14), (-80, 80)), LUNG_HU)
    lungs = segment_lungs(chest.volume)
    x = np.broadcast_to(chest.x, GRID.shape_zyx)
    assert lungs.evidence["lungs_were_joined"] is True
    assert x[lungs.labels == RIGHT].max() <= 0 + VOXEL_MM
    assert x[lungs.labels == LEFT].min() >= 0 - VOXEL_MM


def test_vessels_and_nodules_within_a_lung_belong_to_it() -> None:
    chest = Chest()
    for y in (-30.0, 0.0, 30.0):
        chest.tube(np.array([60.0, y, -70.0]), np.array([110.0, y, 60.0]), radius_mm=4.0, hu=TISSUE_HU)
    chest.paint(chest.ball(np.array([90.0, 0.0, 0.0]), 20.0), TISSUE_HU)
    assert agreement(chest, segment_lungs(chest.volume))["left"] > 0.995


def test_a_lung_that_is_cut_through_keeps_both_parts() -> None:
    chest = Chest()
    chest.paint(chest.box((20, 160), (-110, 110), (48, 64)) & chest.lung("left"), TISSUE_HU)
    lungs = segment_lungs(chest.volume)
    z = np.broadcast_to(chest.z, GRID.shape_zyx)[lungs.labels == LEFT]
    assert z.max() > 90
    assert lungs.evidence["left_lung_ml"] > 0.85 * LUNG_ML


def test_gas_below_a_lung_a_hollow_couch_and_air_outside_are_no_lung() -> None:
    chest = Chest(Grid((110, 124, 144), (3.0, 2.5, 2.5), (-178.75, -128.75, -208.5)))
    chest.paint(chest.ball(np.array([90.0, 0.0, -150.0]), 40.0), -1000.0)
    chest.paint(chest.box((-165, 165), (117, 176), (-300, 300)), -100.0)
    chest.paint(chest.box((-160, 160), (121, 172), (-300, 300)), -930.0)
    lungs = segment_lungs(chest.volume)
    assert min(agreement(chest, lungs).values()) > 0.999


def test_bowel_that_divides_after_a_longer_stretch_than_the_windpipe_is_none() -> None:
    chest = Chest(Grid((140, 104, 144), (3.0, 2.5, 2.5), (-178.75, -128.75, -298.5)))
    chest.tube(np.array([70.0, 20.0, -110.0]), np.array([70.0, 20.0, -250.0]), radius_mm=12.0)
    for x in (40.0, 100.0):
        chest.tube(np.array([70.0, 20.0, -250.0]), np.array([x, 20.0, -290.0]), radius_mm=5.0)
    lungs = segment_lungs(chest.volume)
    assert lungs.carina_lps_mm == pytest.approx(plain().carina_lps_mm)
    assert min(agreement(chest, lungs).values()) > 0.999


def test_a_lung_that_holds_no_air_is_absent_and_the_other_is_found() -> None:
    chest = Chest()
    chest.paint(chest.lung("left"), TISSUE_HU)
    lungs = segment_lungs(chest.volume)
    assert set(np.unique(lungs.labels)) == {0, RIGHT}
    assert (lungs.evidence["left_lung_ml"], lungs.evidence["left_lung_mean_hu"]) == (0.0, None)
    assert lungs.evidence["right_lung_ml"] == pytest.approx(LUNG_ML, rel=0.002)


def test_a_lung_that_the_scan_cuts_off_is_not_eaten_at_its_ends() -> None:
    chest = Chest()
    for y in (-30.0, 0.0, 30.0):
        chest.tube(np.array([90.0, y, -130.0]), np.array([90.0, y, 130.0]), radius_mm=4.0, hu=TISSUE_HU)
    lungs = segment_lungs(chest.volume.crop((slice(25, 60), slice(0, 104), slice(0, 144))))
    cut = chest.lung("left")[25:60]
    assert dice(lungs.labels == LEFT, cut) > 0.999
    for end in (0, -1):
        assert dice(lungs.labels[end] == LEFT, cut[end]) > 0.999, "a vessel at the cut belongs to the lung, too"


def test_without_a_windpipe_that_divides_nothing_is_guessed() -> None:
    chest = Chest()
    chest.tube(np.array([0.0, 0.0, 130.0]), np.array([0.0, 0.0, 0.0]), radius_mm=14.0, hu=TISSUE_HU)
    with pytest.raises(LungsNotFound, match=r"80 slices \(240 mm\)") as refusal:
        segment_lungs(chest.volume)
    assert refusal.value.code == "lungs_not_found"


def test_a_windpipe_without_lungs_beside_it_is_refused_with_the_volume_found() -> None:
    chest = Chest()
    for side in ("right", "left"):
        chest.paint(chest.lung(side), TISSUE_HU)
    chest.paint(chest.ball(np.array([60.0, 0.0, 40.0]), 15.0), LUNG_HU)
    with pytest.raises(LungsNotFound, match=r"14 mL, and a lung has at least 200 mL"):
        segment_lungs(chest.volume)


@pytest.mark.parametrize("hu", [-1000, 40])
def test_a_scan_of_nothing_but_air_or_water_is_refused(hu: int) -> None:
    with pytest.raises(LungsNotFound):
        segment_lungs(Volume(np.full((20, 40, 40), hu, dtype=np.int16), Grid((20, 40, 40), (3.0, 3.0, 3.0))))


def test_the_limits_are_named_settings() -> None:
    small = replace(LungSettings(), smallest_ml=1.2 * LUNG_ML)
    with pytest.raises(LungsNotFound, match=f"{LUNG_ML:.0f} mL|172[0-9] mL"):
        segment_lungs(Chest().volume, settings=small)
    assert settings_document(small)["smallest_ml"] == small.smallest_ml
    assert settings_document(small)["airways"]["lumen_mm2"] == [25.0, 900.0]
