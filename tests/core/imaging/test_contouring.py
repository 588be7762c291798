"""Contouring: comparing, filling, smoothing and growing, on shapes whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.contouring import compare, fill_between, grow, pack_box, smooth, unpack_box
from imaging.core.contouring.display import directions, slices_int16
from imaging.core.corrections import Corrections
from imaging.core.dicom import read_corrected
from imaging.core.errors import EmptyMask, GridMismatch, MaskRefused
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.masks import largest_component, read_mask
from imaging.core.nifti import read_volume_file

GRID = Grid((24, 60, 64), (2.5, 0.8, 0.8))
MIDDLE = (12, 30, 32)
Bools = NDArray[np.bool_]


def distance_mm(centre: tuple[float, ...] = MIDDLE, grid: Grid = GRID) -> NDArray[np.float64]:
    z, y, x = (
        (np.arange(n) - at) * step for n, at, step in zip(grid.shape_zyx, centre, grid.spacing_zyx_mm, strict=True)
    )
    return np.asarray(np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2))


def ball(radius_mm: float, centre: tuple[float, ...] = MIDDLE) -> TumorMask:
    return TumorMask(distance_mm(centre) <= radius_mm, GRID)


def cube(start: tuple[int, int, int], size: int = 10) -> TumorMask:
    array = np.zeros(GRID.shape_zyx, dtype=bool)
    array[tuple(slice(low, low + size) for low in start)] = True
    return TumorMask(array, GRID)


def dice(one: Bools, other: Bools) -> float:
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def test_a_cube_shifted_by_three_of_ten_voxels_overlaps_as_arithmetic_says() -> None:
    found = compare(cube((4, 20, 20)), cube((4, 20, 23)))
    assert found.dice == pytest.approx(0.7)
    assert found.jaccard == pytest.approx(7 / 13)
    assert found.volume_ml == found.other_volume_ml == pytest.approx(1000 * 1.6 / 1000)
    assert found.difference_percent == 0
    # The faces across the shift lie 3 x 0.8 mm apart; no voxel is farther from the other cube's surface.
    assert found.hausdorff95_mm == pytest.approx(2.4)


def test_two_balls_of_one_centre_lie_apart_by_the_difference_of_their_radii() -> None:
    grid = Grid((61, 61, 61), (0.5, 0.5, 0.5))
    outer, inner = (TumorMask(distance_mm((30, 30, 30), grid) <= radius, grid) for radius in (12.0, 9.0))
    found = compare(outer, inner)
    assert found.mean_surface_mm == pytest.approx(3.0, abs=0.25)
    assert found.hausdorff95_mm == pytest.approx(3.0, abs=0.5)
    assert found.dice == pytest.approx(2 * 9**3 / (12**3 + 9**3), abs=0.01)
    assert found.difference_ml == pytest.approx(4 / 3 * np.pi * (12**3 - 9**3) / 1000, rel=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_a_comparison_is_symmetric_within_its_limits_and_zero_with_itself(seed: int) -> None:
    random = np.random.default_rng(seed)
    masks = [TumorMask(ndimage.gaussian_filter(random.normal(size=GRID.shape_zyx), 2) > 0.05, GRID) for _ in range(2)]
    there, back, itself = compare(*masks), compare(*reversed(masks)), compare(masks[0], masks[0])
    assert there.dice is not None
    assert there.jaccard is not None
    assert (there.dice, there.jaccard, there.mean_surface_mm) == (back.dice, back.jaccard, back.mean_surface_mm)
    assert there.hausdorff95_mm == back.hausdorff95_mm
    assert there.difference_ml == -back.difference_ml
    assert 0 <= there.jaccard <= there.dice <= 1
    assert there.jaccard == pytest.approx(there.dice / (2 - there.dice))
    assert (itself.dice, itself.jaccard, itself.mean_surface_mm, itself.hausdorff95_mm) == (1, 1, 0, 0)


def test_empty_masks_say_so_and_have_no_distance() -> None:
    empty = TumorMask(np.zeros(GRID.shape_zyx, dtype=bool), GRID)
    both, one = compare(empty, empty), compare(ball(8), empty)
    assert (both.empty, both.dice, both.hausdorff95_mm) == ("Both masks are empty.", None, None)
    assert (one.empty, one.dice, one.mean_surface_mm) == ("The other mask is empty.", 0, None)
    assert one.difference_percent is None


def test_masks_of_different_scans_are_not_compared() -> None:
    other = Grid((24, 60, 64), (2.5, 0.8, 0.9))
    with pytest.raises(GridMismatch, match="different images"):
        compare(ball(8), TumorMask(ball(8).array, other))


def test_slices_left_out_of_a_ball_are_filled_as_the_ball_runs() -> None:
    whole = ball(18)
    array = whole.array.copy()
    drawn = np.flatnonzero(array.any(axis=(1, 2)))
    array[[number for number in drawn if number not in drawn[::3] and number != drawn[-1]]] = False
    filled, numbers = fill_between(TumorMask(array, GRID))
    assert dice(filled.array, whole.array) > 0.95
    kept = np.setdiff1d(drawn, numbers)
    assert np.array_equal(filled.array[kept], array[kept]), "drawn slices stay"


def test_an_oblique_tube_stays_whole_between_two_slices_that_do_not_overlap() -> None:
    array = np.zeros(GRID.shape_zyx, dtype=bool)
    array[4] = distance_mm((4, 15, 12))[4] <= 5
    array[12] = distance_mm((12, 45, 52))[12] <= 5
    filled, numbers = fill_between(TumorMask(array, GRID))
    assert numbers == tuple(range(5, 12))
    middle = filled.array[8]
    assert ndimage.center_of_mass(middle) == pytest.approx((30, 32), abs=0.6)
    assert np.count_nonzero(middle) == pytest.approx(np.count_nonzero(array[4]), rel=0.1)


def test_filling_refuses_what_has_no_gap() -> None:
    with pytest.raises(MaskRefused, match="no empty slice"):
        fill_between(ball(10))
    with pytest.raises(EmptyMask):
        fill_between(TumorMask(np.zeros(GRID.shape_zyx, dtype=bool), GRID))


def test_smoothing_keeps_every_voxel_of_volume_and_brings_a_rough_ball_back_to_a_ball() -> None:
    truth = ball(14)
    rough = truth.array ^ (
        (np.abs(distance_mm() - 14) < 1.5) & (np.random.default_rng(0).random(GRID.shape_zyx) < 0.4)
    )
    smoothed = smooth(TumorMask(rough, GRID), width_mm=1.5)
    assert smoothed.voxels == np.count_nonzero(rough)
    assert dice(smoothed.array, truth.array) > dice(rough, truth.array) + 0.02
    assert largest_component(smoothed)[1] == 1


def test_smoothing_refuses_nothing_and_odd_widths() -> None:
    with pytest.raises(EmptyMask):
        smooth(TumorMask(np.zeros(GRID.shape_zyx, dtype=bool), GRID))
    with pytest.raises(MaskRefused, match=r"0\.5 and 5 mm"):
        smooth(ball(8), width_mm=50)


def chest(*, wall: bool = False) -> tuple[Volume, Bools]:
    """A tumour of 12 mm in lung, with a vessel; or grown onto a chest wall over a neck of 7 mm."""
    random = np.random.default_rng(1)
    tumour = distance_mm() <= 12
    hu = np.full(GRID.shape_zyx, -850.0)
    hu[12, 29:31, :] = 30  # a vessel of two voxels
    if wall:
        hu[:, :, 44:] = 50
    hu[tumour] = 40
    return Volume(np.rint(hu + random.normal(0, 20, hu.shape)).astype(np.int16), GRID), tumour


@pytest.mark.parametrize("method", ["density", "edges"])
@pytest.mark.parametrize("wall", [False, True])
@pytest.mark.parametrize("seed", [MIDDLE, (10, 33, 29), (14, 26, 35)])
def test_a_click_anywhere_in_a_tumour_gives_it_without_vessel_and_wall(
    method: str, wall: bool, seed: tuple[int, int, int]
) -> None:
    volume, tumour = chest(wall=wall)
    grown = grow(volume, seed, method=method)  # type: ignore[arg-type]
    assert dice(grown.mask.array, tumour) > 0.9
    assert largest_component(grown.mask)[1] == 1
    assert grown.window_hu[0] < 40 < grown.window_hu[1]
    assert not grown.reaches_wall


def test_equal_clicks_give_equal_masks() -> None:
    volume, _ = chest(wall=True)
    assert np.array_equal(grow(volume, MIDDLE).mask.array, grow(volume, MIDDLE).mask.array)


def test_a_click_outside_the_scan_and_an_odd_tolerance_are_refused() -> None:
    volume, _ = chest()
    with pytest.raises(MaskRefused, match="outside the scan"):
        grow(volume, (99, 0, 0))
    with pytest.raises(MaskRefused, match="tolerance"):
        grow(volume, MIDDLE, tolerance=9)


@pytest.mark.parametrize("mask", [ball(8), cube((0, 0, 0), 7), TumorMask(np.zeros(GRID.shape_zyx, dtype=bool), GRID)])
def test_a_packed_mask_is_read_back_as_it_was(mask: TumorMask) -> None:
    assert np.array_equal(unpack_box(pack_box(mask), GRID).array, mask.array)


def test_a_picture_is_turned_where_the_axes_run_backwards() -> None:
    turned = Grid(GRID.shape_zyx, GRID.spacing_zyx_mm, direction=((-1, 0, 0), (0, -1, 0), (0, 0, 1)))
    assert [directions(turned)[axis]["flip"] for axis in "xyz"] == [True, True, False]
    assert directions(turned)["x"] == {"start": "L", "end": "R", "flip": True}


def test_hounsfield_units_travel_rounded_and_clipped() -> None:
    grid = Grid((1, 1, 3), (1, 1, 1))
    sent = slices_int16(Volume(np.array([[[-1000.4, 40.6, 70000]]], dtype=np.float32), grid), 0, 8)
    assert np.frombuffer(sent, dtype="<i2").tolist() == [-1000, 41, 32767]


@pytest.mark.realdata
@pytest.mark.parametrize("method", ["density", "edges"])
def test_one_click_in_a_real_nodule_agrees_with_its_readers_as_they_do_among_themselves(
    shared_data: Path, method: str
) -> None:
    """LIDC-IDRI-0314: four readers agree with each other at Dice 0.76 to 0.88."""
    folder = shared_data / "lidc_0314_mini"
    volume = read_volume_file(folder / "ct.nii.gz")
    truth = read_mask(folder / "masks_nifti" / "consensus.nii.gz", volume).mask
    depth = ndimage.distance_transform_edt(truth.array, sampling=volume.grid.spacing_zyx_mm)
    z, y, x = (int(index) for index in np.unravel_index(np.argmax(depth), depth.shape))
    found = compare(grow(volume, (z, y, x), method=method).mask, truth)  # type: ignore[arg-type]
    assert found.dice is not None
    assert found.hausdorff95_mm is not None
    assert found.dice > 0.9
    assert found.hausdorff95_mm < 2.5


@pytest.mark.realdata
def test_one_click_in_a_large_central_tumour_finds_most_of_what_the_reader_drew(shared_data: Path) -> None:
    """LUNG1-001: 156 mL, grown together with mediastinum and collapsed lung; the hardest case at hand."""
    folder = shared_data / "lung1_001_ct_rtstruct"
    volume = read_corrected(sorted((folder / "ct").iterdir()), corrections=Corrections()).volume
    truth = read_mask(folder / "rtstruct" / "1-1.dcm", volume, roi="GTV-1").mask
    depth = ndimage.distance_transform_edt(truth.array, sampling=volume.grid.spacing_zyx_mm)
    z, y, x = (int(index) for index in np.unravel_index(np.argmax(depth), depth.shape))
    found = compare(grow(volume, (z, y, x), method="edges").mask, truth)
    assert found.dice is not None
    assert found.dice > 0.75
