"""Resampling around a tumour: grid arithmetic and values, on phantoms with a closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.core.errors import EmptyMask, GridMismatch, MaskTooSmall
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.resample import resample_around

GRID = Grid((40, 80, 90), (2.5, 0.8, 0.7), (-31.0, -50.0, 17.0))


def ball(grid: Grid, centre_zyx: tuple[float, float, float], radius_mm: float) -> TumorMask:
    indices = np.indices(grid.shape_zyx, dtype=float)
    distance = [(i - c) * s for i, c, s in zip(indices, centre_zyx, grid.spacing_zyx_mm, strict=True)]
    return TumorMask(sum(d**2 for d in distance) <= radius_mm**2, grid)


def ramp(grid: Grid) -> np.ndarray:
    z, y, x = np.indices(grid.shape_zyx, dtype=float)
    positions = np.stack([x, y, z], axis=-1) * grid.spacing_zyx_mm[::-1] + grid.origin_lps_mm
    return positions @ [1.5, -2.0, 3.0] - 40.0


def test_a_linear_ramp_keeps_its_value_at_every_position() -> None:
    volume = Volume(ramp(GRID).astype(np.float32), GRID)
    image, _ = resample_around(volume, ball(GRID, (20, 40, 45), 10), spacing_mm=1.0, pad_voxels=3)
    np.testing.assert_allclose(image.array, ramp(image.grid), atol=2e-3)


def test_the_new_grid_is_aligned_to_the_first_corner_of_the_whole_image() -> None:
    volume = Volume(np.zeros(GRID.shape_zyx, np.int16), GRID)
    _, region = resample_around(volume, ball(GRID, (20, 40, 45), 9), spacing_mm=1.0, pad_voxels=10)
    corner = np.array(GRID.origin_lps_mm) - np.array(GRID.spacing_zyx_mm[::-1]) / 2
    steps = np.array(region.grid.origin_lps_mm) - (corner + 0.5)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-9)


@pytest.mark.parametrize("spacing", [(2.5, 0.8, 0.7), (3.0, 1.0, 1.0)], ids=["apart", "coinciding"])
def test_the_crop_before_interpolation_changes_not_one_voxel(spacing: tuple[float, float, float]) -> None:
    grid = Grid((40, 120, 130), spacing, (-163.4, -150.27, 31.1))
    volume = Volume(np.random.default_rng(0).normal(0, 100, grid.shape_zyx).astype(np.int16), grid)
    mask = ball(grid, (18, 60, 62), 6)
    cropped, region = resample_around(volume, mask, spacing_mm=1.0, pad_voxels=2)
    whole, whole_region = resample_around(volume, mask, spacing_mm=1.0, pad_voxels=2, margin_voxels=1000)
    assert cropped.grid == whole.grid
    np.testing.assert_array_equal(cropped.array, whole.array)
    np.testing.assert_array_equal(region.array, whole_region.array)


def test_a_crop_without_margin_would_change_values() -> None:
    rng = np.random.default_rng(0)
    volume = Volume(rng.integers(-1000, 400, GRID.shape_zyx).astype(np.int16), GRID)
    mask = ball(GRID, (18, 33, 50), 6)
    near, _ = resample_around(volume, mask, spacing_mm=1.0, pad_voxels=2, margin_voxels=1)
    far, _ = resample_around(volume, mask, spacing_mm=1.0, pad_voxels=2)
    assert (near.array != far.array).any()


def test_the_volume_of_a_ball_survives() -> None:
    volume = Volume(np.zeros(GRID.shape_zyx, np.int16), GRID)
    mask = ball(GRID, (20, 40, 45), 12)
    _, region = resample_around(volume, mask, spacing_mm=1.0, pad_voxels=1)
    assert region.volume_mm3 == pytest.approx(mask.volume_mm3, rel=0.01)


def test_the_padding_stops_at_the_image() -> None:
    volume = Volume(np.zeros(GRID.shape_zyx, np.int16), GRID)
    _, region = resample_around(volume, ball(GRID, (2, 2, 2), 6), spacing_mm=1.0, pad_voxels=10)
    corner = np.array(GRID.origin_lps_mm) - np.array(GRID.spacing_zyx_mm[::-1]) / 2
    np.testing.assert_allclose(np.array(region.grid.origin_lps_mm), corner + 0.5, atol=1e-9)


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_the_data_type_of_the_image_stays(kind: type) -> None:
    # ITK truncates what it interpolates for an integer image, so 7 may become 6; pyradiomics inherits it.
    volume = Volume(np.full(GRID.shape_zyx, 7, kind), GRID)
    image, _ = resample_around(volume, ball(GRID, (20, 40, 45), 9), spacing_mm=1.0, pad_voxels=1)
    assert image.array.dtype == kind
    np.testing.assert_allclose(image.array, 7, atol=1 if kind is np.int16 else 1e-4)


def test_an_image_of_the_wanted_spacing_is_only_cropped() -> None:
    grid = replace(GRID, spacing_zyx_mm=(1.0, 1.0, 1.0))
    volume = Volume(np.arange(np.prod(grid.shape_zyx), dtype=np.float32).reshape(grid.shape_zyx), grid)
    mask = TumorMask(np.zeros(grid.shape_zyx, bool), grid)
    mask.array[10:14, 20:25, 30:36] = True
    image, region = resample_around(volume, mask, spacing_mm=1.0, pad_voxels=2)
    np.testing.assert_array_equal(image.array, volume.array[8:16, 18:27, 28:38])
    assert region.voxels == mask.voxels
    np.testing.assert_allclose(region.grid.position((0, 0, 0)), grid.position((8, 18, 28)))


def test_a_mask_of_one_slice_keeps_its_slice_spacing() -> None:
    mask = TumorMask(np.zeros(GRID.shape_zyx, bool), GRID)
    mask.array[12, 30:40, 30:40] = True
    _, region = resample_around(Volume(np.zeros(GRID.shape_zyx, np.int16), GRID), mask, spacing_mm=1.0, pad_voxels=0)
    assert region.grid.spacing_zyx_mm == (2.5, 1.0, 1.0)
    assert np.unique(np.nonzero(region.array)[0]).size == 1


def test_an_oblique_grid_keeps_its_direction() -> None:
    c, s = np.cos(0.3), np.sin(0.3)
    grid = replace(GRID, direction=((c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0)))
    mask = ball(grid, (20, 40, 45), 9)
    _, region = resample_around(Volume(np.zeros(grid.shape_zyx, np.int16), grid), mask, spacing_mm=1.0, pad_voxels=1)
    assert region.grid.direction == grid.direction
    centre = np.argwhere(region.array).mean(axis=0)
    np.testing.assert_allclose(region.grid.position(centre), grid.position((20, 40, 45)), atol=0.3)


def test_it_refuses_an_empty_mask() -> None:
    empty = TumorMask(np.zeros(GRID.shape_zyx, bool), GRID)
    with pytest.raises(EmptyMask):
        resample_around(Volume(np.zeros(GRID.shape_zyx, np.int16), GRID), empty, spacing_mm=1.0, pad_voxels=1)


def test_it_refuses_a_mask_on_another_grid() -> None:
    other = replace(GRID, origin_lps_mm=(-31.0, -50.0, 18.0))
    with pytest.raises(GridMismatch, match="does not lie on the image's grid"):
        resample_around(
            Volume(np.zeros(GRID.shape_zyx, np.int16), GRID),
            ball(other, (20, 40, 45), 9),
            spacing_mm=1.0,
            pad_voxels=1,
        )


def test_it_says_when_a_mask_vanishes_between_the_new_voxels() -> None:
    grid = Grid((60, 60, 60), (0.2, 0.2, 0.2))
    mask = TumorMask(np.zeros(grid.shape_zyx, bool), grid)
    mask.array[30, 30, 30:32] = mask.array[31, 30, 30] = mask.array[30, 31, 30] = True
    with pytest.raises(MaskTooSmall, match="empty after resampling to 1 mm"):
        resample_around(Volume(np.zeros(grid.shape_zyx, np.int16), grid), mask, spacing_mm=1.0, pad_voxels=1)
