"""Disturbances against closed forms: spheres that grow, ramps that move, ellipses that turn, noise of a known size."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from imaging.core.displacement import InPlaneRotation, shift
from imaging.core.errors import EmptyMask, GridMismatch
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.perturb import DIGEST, PERTURBATIONS, ROWS, UNPERTURBED, noise_hu, perturb

NAMES = [perturbation.name for perturbation in PERTURBATIONS]
AXES = {"shifted_z": 0, "shifted_y": 1, "shifted_x": 2}
#: Anisotropic, oblique to nothing, with an odd origin: what a thorax has.
GRID = Grid((24, 80, 90), (2.5, 0.8, 0.7), (-31.0, -22.0, 113.0))


def coordinates(grid: Grid) -> tuple[NDArray[np.float64], ...]:
    """Give z, y, x of every voxel in mm from the middle of the grid."""
    lines = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(grid.shape_zyx, grid.spacing_zyx_mm, strict=True)]
    return tuple(np.meshgrid(*lines, indexing="ij"))


def ball(grid: Grid, radius_mm: float) -> TumorMask:
    z, y, x = coordinates(grid)
    return TumorMask(z**2 + y**2 + x**2 <= radius_mm**2, grid)


def noisy(grid: Grid, *, seed: int = 0, sd_hu: float = 12.0) -> Volume:
    noise = np.random.default_rng(seed).normal(40, sd_hu, grid.shape_zyx)
    return Volume(np.rint(noise).astype(np.int16), grid)


def angle_of(weights: NDArray[np.float64], grid: Grid) -> float:
    """Give the direction of the long axis in the plane of the slices, in degrees from x towards y."""
    _, y, x = coordinates(grid)
    y, x = y - (weights * y).sum() / weights.sum(), x - (weights * x).sum() / weights.sum()
    xx, yy, xy = ((weights * product).sum() for product in (x * x, y * y, x * y))
    return math.degrees(0.5 * math.atan2(2 * xy, xx - yy))


@pytest.mark.parametrize(("name", "sign"), [("grown", 1), ("shrunk", -1)])
def test_a_ball_becomes_the_union_or_the_intersection_of_balls_one_voxel_aside(name: str, sign: int) -> None:
    grid = Grid((64, 64, 64), (1.0, 1.0, 1.0))
    mask = ball(grid, 20.0)
    _, moved = perturb(noisy(grid), mask, name)
    z, y, x = coordinates(grid)
    farthest = np.maximum.reduce([abs(z), abs(y), abs(x)])
    displaced = z**2 + y**2 + x**2 - sign * 2 * farthest + 1 <= 20**2  # one of six balls, or all six
    np.testing.assert_array_equal(moved.array, displaced)
    thickness_mm = sign * ((3 * moved.volume_mm3 / (4 * math.pi)) ** (1 / 3) - 20)
    assert 0.75 < thickness_mm < 1, "across the axes by a voxel, across the diagonals by less"


@pytest.mark.parametrize(("name", "voxels"), [("grown", 1), ("shrunk", -1)])
def test_where_slices_lie_apart_the_contour_moves_in_their_plane_only(name: str, voxels: int) -> None:
    inside = np.zeros(GRID.shape_zyx, dtype=bool)
    inside[8:14, 30:50, 35:60] = True
    _, moved = perturb(noisy(GRID), TumorMask(inside, GRID), name)
    extent = [np.ptp(hits) + 1 for hits in np.nonzero(moved.array)]
    assert extent == [6, 20 + 2 * voxels, 25 + 2 * voxels]


def test_where_slices_lie_close_the_contour_moves_across_them_too() -> None:
    grid = replace(GRID, spacing_zyx_mm=(0.4, 0.8, 0.8))
    inside = np.zeros(grid.shape_zyx, dtype=bool)
    inside[10:14, 30:50, 35:60] = True
    _, moved = perturb(noisy(grid), TumorMask(inside, grid), "grown")
    extent = [np.ptp(hits) + 1 for hits in np.nonzero(moved.array)]
    assert extent == [4 + 4, 22, 27], "0.8 mm are two slices of 0.4 mm"


def test_shrinking_and_growing_again_stays_within_the_mask() -> None:
    mask = ball(GRID, 9.0)
    _, less = perturb(noisy(GRID), mask, "shrunk")
    _, opened = perturb(noisy(GRID), less, "grown")
    assert less.voxels < opened.voxels <= mask.voxels
    assert not (opened.array & ~mask.array).any()


def test_a_mask_too_thin_to_shrink_is_refused_with_its_numbers() -> None:
    inside = np.zeros(GRID.shape_zyx, dtype=bool)
    inside[3:20, 40:42, 10:60] = True
    with pytest.raises(EmptyMask, match=r"0\.80 mm.*1700 voxels"):
        perturb(noisy(GRID), TumorMask(inside, GRID), "shrunk")


def test_a_mask_that_fills_the_image_has_no_edge_to_shrink_from() -> None:
    grid = Grid((5, 6, 7), (1.0, 1.0, 1.0))
    mask = TumorMask(np.ones(grid.shape_zyx, dtype=bool), grid)
    assert perturb(noisy(grid), mask, "shrunk")[1].voxels == mask.voxels


@pytest.mark.parametrize("name", AXES)
def test_a_ramp_moves_by_half_a_voxel_along_one_axis_and_the_mask_stays(name: str) -> None:
    axis = AXES[name]
    slopes = np.array([7.0, 3.0, -5.0])
    index = np.indices(GRID.shape_zyx).astype(np.float32)
    ramp = np.tensordot(slopes, index, axes=1).astype(np.float32)
    volume, mask = Volume(ramp, GRID), ball(GRID, 8.0)
    moved, same = perturb(volume, mask, name)
    assert same is mask
    middle = (slice(8, 16), slice(20, 60), slice(20, 70))  # away from the border, where a ramp is mirrored
    np.testing.assert_allclose(moved.array[middle], ramp[middle] - slopes[axis] / 2, atol=0.01)


@pytest.mark.parametrize("name", AXES)
def test_the_centre_of_a_smooth_body_moves_by_half_a_voxel(name: str) -> None:
    grid = replace(GRID, shape_zyx=(30, 80, 90))
    z, y, x = coordinates(grid)
    body = (1000 * np.exp(-(z**2 + y**2 + x**2) / (2 * 6.0**2))).astype(np.float32)
    moved, _ = perturb(Volume(body, grid), ball(grid, 8.0), name)

    def centre(array: NDArray[np.float32]) -> NDArray[np.float64]:
        weights = array.astype(np.float64)
        return np.array([(weights * part).sum() / weights.sum() for part in np.indices(grid.shape_zyx)])

    expected = np.zeros(3)
    expected[AXES[name]] = 0.5
    np.testing.assert_allclose(centre(moved.array) - centre(body), expected, atol=2e-3)


def ellipse(grid: Grid, *, long_mm: float, short_mm: float, angle: float = 0.3) -> NDArray[np.float64]:
    """Give the squared distance from the middle in units of two half axes."""
    _, y, x = coordinates(grid)
    long, short = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    return (long / long_mm) ** 2 + (short / short_mm) ** 2


TURNS = pytest.mark.parametrize(("name", "degrees"), [("rotated_plus", 0.5), ("rotated_minus", -0.5)])


@TURNS
def test_an_image_turns_by_half_a_degree_about_the_centroid(name: str, degrees: float) -> None:
    grid = replace(GRID, shape_zyx=(8, 160, 180))
    body = (1000 * np.exp(-ellipse(grid, long_mm=14, short_mm=5) / 2)).astype(np.float32)
    image, _ = perturb(Volume(body, grid), TumorMask(ellipse(grid, long_mm=30, short_mm=10) <= 1, grid), name)
    turned = angle_of(image.array.astype(float), grid) - angle_of(body.astype(float), grid)
    assert turned == pytest.approx(degrees, abs=0.01)


@TURNS
def test_a_mask_of_fine_voxels_turns_with_its_image_and_keeps_size_and_place(name: str, degrees: float) -> None:
    grid = Grid((2, 300, 620), (2.0, 0.2, 0.2))
    mask = TumorMask(ellipse(grid, long_mm=60, short_mm=8, angle=0.1) <= 1, grid)
    _, turned = perturb(noisy(grid), mask, name)
    angle = angle_of(turned.array.astype(float), grid) - angle_of(mask.array.astype(float), grid)
    assert angle == pytest.approx(degrees, abs=0.03)
    assert turned.voxels == pytest.approx(mask.voxels, rel=0.005)
    for before, after in zip(np.nonzero(mask.array), np.nonzero(turned.array), strict=True):
        assert after.mean() == pytest.approx(before.mean(), abs=0.02)


@TURNS
def test_a_mask_that_would_move_by_less_than_half_a_voxel_stays(name: str, degrees: float) -> None:
    mask = ball(GRID, 20.0)  # half a degree at 20 mm is 0.17 mm; a voxel is 0.7 mm
    _, turned = perturb(noisy(GRID), mask, name)
    np.testing.assert_array_equal(turned.array, mask.array)


def test_a_turn_of_a_ramp_is_the_turned_ramp() -> None:
    grid = Grid((2, 60, 64), (3.0, 0.9, 0.6))
    _, y, x = coordinates(grid)
    inside = np.zeros(grid.shape_zyx, dtype=bool)
    inside[:, 25:36, 30:35] = True
    centre_y, centre_x = ((inside * part).sum() / inside.sum() for part in (y, x))
    turned = InPlaneRotation.about_centroid(TumorMask(inside, grid), degrees=2.0).apply(4 * x + 9 * y, order=3)
    cosine, sine = math.cos(math.radians(2)), math.sin(math.radians(2))
    back_x = centre_x + cosine * (x - centre_x) + sine * (y - centre_y)
    back_y = centre_y - sine * (x - centre_x) + cosine * (y - centre_y)
    middle = (slice(None), slice(20, 40), slice(20, 44))
    np.testing.assert_allclose(turned[middle], (4 * back_x + 9 * back_y)[middle], atol=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_shift_and_its_reverse_give_back_a_smooth_image(axis: int) -> None:
    z, y, x = coordinates(Grid((24, 30, 36), (1.0, 1.0, 1.0)))
    smooth = 100 * np.exp(-(z**2 + y**2 + x**2) / (2 * 4.0**2))
    back = shift(shift(smooth, axis=axis, voxels=0.5), axis=axis, voxels=-0.5)
    middle = (slice(6, -6),) * 3  # the mirror at the border is no smooth continuation
    np.testing.assert_allclose(back[middle], smooth[middle], atol=0.01)


def test_a_shift_by_whole_voxels_copies_them() -> None:
    array = np.random.default_rng(3).normal(size=(7, 8, 9))
    np.testing.assert_allclose(shift(array, axis=1, voxels=2.0)[:, 2:], array[:, :-2], atol=1e-12)
    np.testing.assert_allclose(shift(array, axis=1, voxels=1.0)[:, 0], array[:, 1], atol=1e-12)  # mirrored
    np.testing.assert_allclose(shift(array, axis=1, voxels=-1.0)[:, -1], array[:, -2], atol=1e-12)


def test_an_image_of_one_slice_has_nowhere_to_move_across_slices() -> None:
    grid = Grid((1, 20, 20), (3.0, 1.0, 1.0))
    mask = TumorMask(np.pad(np.ones((1, 6, 6), dtype=bool), ((0, 0), (7, 7), (7, 7))), grid)
    volume = noisy(grid)
    np.testing.assert_array_equal(perturb(volume, mask, "shifted_z")[0].array, volume.array)


@pytest.mark.parametrize("sd_hu", [5.0, 12.0, 40.0])
def test_noise_is_measured_and_doubled_in_variance(sd_hu: float) -> None:
    _, y, _ = coordinates(GRID)
    flat = np.random.default_rng(1).normal(0, sd_hu, GRID.shape_zyx) + 3 * y  # a slope is no noise
    volume, mask = Volume(flat.astype(np.float32), GRID), ball(GRID, 14.0)
    assert noise_hu(volume, mask) == pytest.approx(sd_hu, rel=0.05)
    louder, same = perturb(volume, mask, "noise")
    assert same is mask
    added = (louder.array.astype(float) - volume.array)[mask.array]
    assert added.std() == pytest.approx(noise_hu(volume, mask), rel=0.03)
    assert added.mean() == pytest.approx(0, abs=0.05 * sd_hu)
    assert noise_hu(louder, mask) == pytest.approx(sd_hu * math.sqrt(2), rel=0.05)


def test_edges_hardly_move_the_estimate_of_noise() -> None:
    array = np.random.default_rng(2).normal(0, 10, GRID.shape_zyx)
    array[:, 30:34, 40:44] += 900
    assert noise_hu(Volume(array.astype(np.float32), GRID), ball(GRID, 14.0)) == pytest.approx(10, rel=0.06)


def test_a_flat_image_has_no_noise_and_gets_none() -> None:
    volume = Volume(np.full(GRID.shape_zyx, 40, dtype=np.int16), GRID)
    assert noise_hu(volume, ball(GRID, 9.0)) == 0
    np.testing.assert_array_equal(perturb(volume, ball(GRID, 9.0), "noise")[0].array, volume.array)


def test_other_voxels_draw_other_noise() -> None:
    volume, mask = noisy(GRID), ball(GRID, 9.0)
    changed = volume.array.copy()
    changed[0, 0, 0] += 1
    other = perturb(Volume(changed, GRID), mask, "noise")[0].array - changed
    assert not np.array_equal(other, perturb(volume, mask, "noise")[0].array - volume.array)


@pytest.mark.parametrize("name", NAMES)
def test_a_perturbation_is_repeated_to_the_byte_and_leaves_the_originals_alone(name: str) -> None:
    volume, mask = noisy(GRID), ball(GRID, 9.0)
    voxels, inside = volume.array.copy(), mask.array.copy()
    first, second = perturb(volume, mask, name), perturb(noisy(GRID), ball(GRID, 9.0), name)
    assert first[0].array.tobytes() == second[0].array.tobytes()
    assert first[1].array.tobytes() == second[1].array.tobytes()
    np.testing.assert_array_equal(volume.array, voxels)
    np.testing.assert_array_equal(mask.array, inside)
    assert (first[0].array.dtype, first[1].array.dtype) == (np.int16, np.bool_)
    assert (first[0].grid, first[1].grid) == (GRID, GRID)
    changed = not np.array_equal(first[0].array, voxels) or not np.array_equal(first[1].array, inside)
    assert changed, "it does something"


@pytest.mark.parametrize("name", NAMES)
def test_what_extraction_sees_is_what_disturbing_the_whole_scan_gives(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = Grid((60, 200, 200), (2.5, 0.8, 0.8))
    volume, mask = noisy(grid), ball(grid, 8.0)
    near = perturb(volume, mask, name)
    monkeypatch.setattr("imaging.core.perturb._MARGIN_MM", 1e4)
    whole = perturb(volume, mask, name)
    np.testing.assert_array_equal(near[1].array, whole[1].array)
    seen = ball(grid, 8.0 + 30.0).array  # as far as filters reach
    if name == "noise":  # drawn for the box; only the size is the same
        assert near[0].array[seen].std() == pytest.approx(whole[0].array[seen].std(), rel=0.02)
    else:
        np.testing.assert_array_equal(near[0].array[seen], whole[0].array[seen])
    assert (near[0].array[:, :2, :2] == volume.array[:, :2, :2]).all(), "what is far away stays"


def test_nothing_done_gives_the_given_objects() -> None:
    volume, mask = noisy(GRID), ball(GRID, 9.0)
    assert perturb(volume, mask, UNPERTURBED) == (volume, mask)


@pytest.mark.parametrize("name", ["shifted_y", "rotated_plus"])
def test_an_image_of_whole_hu_is_rounded_not_truncated(name: str) -> None:
    volume, mask = noisy(GRID), ball(GRID, 9.0)
    exact, _ = perturb(Volume(volume.array.astype(np.float32), GRID), mask, name)
    assert np.abs(perturb(volume, mask, name)[0].array - exact.array).max() <= 0.5 + 1e-3


def test_values_beyond_the_range_of_the_type_are_clipped() -> None:
    array = np.full(GRID.shape_zyx, np.iinfo(np.int16).max, dtype=np.int16)
    array[:, :, 45:] = np.iinfo(np.int16).min  # a spline overshoots on both sides of a step
    moved, _ = perturb(Volume(array, GRID), ball(GRID, 9.0), "shifted_x")
    assert (moved.array[:, :, :45] > 0).all()
    assert (moved.array[:, :, 46:] < 0).all()


def test_refusals_name_what_is_wrong() -> None:
    volume, mask = noisy(GRID), ball(GRID, 9.0)
    with pytest.raises(KeyError):
        perturb(volume, mask, "melted")
    with pytest.raises(GridMismatch):
        perturb(volume, ball(replace(GRID, origin_lps_mm=(0.0, 0.0, 0.0)), 9.0), "grown")
    for name in NAMES:
        with pytest.raises(EmptyMask):
            perturb(volume, TumorMask(np.zeros(GRID.shape_zyx, dtype=bool), GRID), name)


@given(
    st.integers(1, 5), st.integers(2, 9), st.integers(2, 9), st.sampled_from(["grown", "rotated_plus", "shifted_y"])
)
def test_a_mask_at_the_border_of_the_image_is_disturbed_without_a_complaint(
    nz: int, ny: int, nx: int, name: str
) -> None:
    grid = Grid((nz, ny, nx), (2.0, 0.7, 0.7))
    inside = np.zeros(grid.shape_zyx, dtype=bool)
    inside[0, 0, : max(1, nx // 2)] = True
    image, mask = perturb(noisy(grid), TumorMask(inside, grid), name)
    assert mask.voxels >= 1
    assert np.isfinite(image.array).all()


def test_the_rows_are_the_scan_itself_and_every_perturbation_once() -> None:
    assert (UNPERTURBED, *NAMES) == ROWS
    assert len(set(ROWS)) == 9
    assert len(DIGEST) == 64
