"""One mask for one volume from any kind of file; a mask that does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from imaging.core.codec import to_nifti
from imaging.core.errors import EmptyMask, GridMismatch, MaskRefused, RegionNotFound, UnreadableFile
from imaging.core.geometry import Grid, TumorMask, Volume, to_sitk
from imaging.core.masks import largest_component, mean_hu, read_mask


def write(mask: TumorMask, path: Path) -> Path:
    sitk.WriteImage(to_sitk(mask), str(path))
    return path


def with_labels(chest: Any, path: Path, *values: int) -> Path:
    labels = np.zeros(chest.mask.array.shape, dtype=np.uint8)
    for row, value in enumerate(values):
        labels[2, row, : row + 1] = value
    path.write_bytes(to_nifti(labels, chest.volume.grid))
    return path


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.nii", "mask.nrrd"])
def test_a_label_file_lands_on_exactly_the_volumes_grid(chest: Any, name: str) -> None:
    found = read_mask(write(chest.mask, chest.root / name), chest.volume)
    assert np.array_equal(found.mask.array, chest.mask.array)
    assert found.mask.grid is chest.volume.grid
    assert (found.name, found.number, found.kind) == ("mask", 1, "mask")


def test_dicom_masks_are_known_by_content_whatever_their_name(chest: Any) -> None:
    for file, kind in ((chest.rtstruct, "rtstruct"), (chest.seg, "seg")):
        found = read_mask(file.rename(chest.root / f"{kind}.nii.gz"), chest.volume)
        assert (found.kind, found.mask.voxels) == (kind, 96)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(), (1,), (0, 2), (0, 1, 2)])
def test_the_same_voxels_stored_in_another_direction_are_the_same_mask(
    chest: Any, order: tuple[int, int, int], flips: tuple[int, ...]
) -> None:
    ragged = np.random.default_rng(1).random(chest.mask.array.shape) < 0.2
    image = sitk.PermuteAxes(to_sitk(TumorMask(ragged, chest.volume.grid)), order)
    image = sitk.Flip(image, [axis in flips for axis in range(3)])
    sitk.WriteImage(image, str(chest.root / "turned.nrrd"))
    assert np.array_equal(read_mask(chest.root / "turned.nrrd", chest.volume).mask.array, ragged)


@pytest.mark.parametrize(
    "change",
    [
        {"origin_lps_mm": (-12.5, -20.25, -97.5)},
        {"spacing_zyx_mm": (2.5, 0.8, 0.71)},
        {"shape_zyx": (6, 24, 33)},
        {"direction": ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))},
    ],
)
def test_a_mask_off_the_grid_is_refused_with_both_grids(chest: Any, change: dict[str, Any]) -> None:
    grid: Grid = replace(chest.mask.grid, **change)
    mask = TumorMask(np.ones(grid.shape_zyx, dtype=bool), grid)
    with pytest.raises(GridMismatch) as caught:
        read_mask(write(mask, chest.root / "mask.nrrd"), chest.volume)
    for shown in (chest.volume.grid, grid):
        assert shown.describe() in caught.value.message
    sizes_differ = grid.shape_zyx != chest.volume.grid.shape_zyx
    assert ("their sizes differ" in caught.value.message) == sizes_differ
    assert ("at most 0.05 are taken" in caught.value.message) != sizes_differ


def test_the_tolerance_of_a_mask_is_capped_at_a_twentieth_of_a_millimetre(chest: Any) -> None:
    for shift, taken in ((0.04, True), (0.06, False)):
        x, y, z = chest.volume.grid.origin_lps_mm
        moved = TumorMask(chest.mask.array, replace(chest.mask.grid, origin_lps_mm=(x, y, z + shift)))
        path = write(moved, chest.root / "mask.nrrd")
        if taken:
            assert read_mask(path, chest.volume).mask.grid is chest.volume.grid
        else:
            with pytest.raises(GridMismatch, match=r"corners lie up to 0\.06 mm apart"):
                read_mask(path, chest.volume)


def test_a_mask_turned_in_space_is_refused_with_both_directions(chest: Any) -> None:
    turned = replace(chest.mask.grid, direction=((0.8, -0.6, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, 1.0)))
    with pytest.raises(GridMismatch, match=r"along \(1, 0, 0\) .* along \(0\.8, 0\.6, 0\) \(-0\.6, 0\.8, 0\)"):
        read_mask(write(TumorMask(chest.mask.array, turned), chest.root / "mask.nrrd"), chest.volume)


def test_an_empty_mask_is_refused(chest: Any) -> None:
    empty = TumorMask(np.zeros_like(chest.mask.array), chest.volume.grid)
    with pytest.raises(EmptyMask):
        read_mask(write(empty, chest.root / "mask.nrrd"), chest.volume)


@pytest.mark.parametrize("value", [1, 3, 255])
def test_one_label_value_is_one_region_whatever_the_value(chest: Any, value: int) -> None:
    found = read_mask(with_labels(chest, chest.root / "gtv.nii.gz", 0, value), chest.volume)
    assert (found.name, found.number, found.mask.voxels) == ("gtv", 1, 2)


def test_several_label_values_are_several_regions_and_nobody_guesses(chest: Any) -> None:
    path = with_labels(chest, chest.root / "gtv.nii.gz", 2, 5)
    assert read_mask(path, chest.volume, roi="gtv 5").mask.voxels == 2
    assert read_mask(path, chest.volume, roi="2").mask.voxels == 1
    with pytest.raises(RegionNotFound, match="'gtv 2', 'gtv 5'"):
        read_mask(path, chest.volume, roi="gtv 3")


def test_an_absent_region_of_a_structure_set_is_refused_with_the_names_present(chest: Any) -> None:
    with pytest.raises(RegionNotFound, match="present are 'GTV-1'"):
        read_mask(chest.rtstruct, chest.volume, roi="GTV-2")


def test_an_image_is_no_mask(chest: Any) -> None:
    with pytest.raises(MaskRefused, match="modality CT, not a segmentation"):
        read_mask(chest.slices[0], chest.volume)
    (chest.root / "notes.txt").write_text("nothing")
    with pytest.raises(UnreadableFile):
        read_mask(chest.root / "notes.txt", chest.volume)


def test_the_largest_of_the_components_is_kept_and_all_are_counted(chest: Any) -> None:
    array = np.zeros(chest.mask.array.shape, dtype=bool)
    array[1, 1:3, 1:3], array[2, 3, 3] = True, True  # touch at a corner: one component of 5
    array[4, 10:12, 10:12] = True  # 4
    array[5, 20, 20] = True  # 1
    kept, count = largest_component(TumorMask(array, chest.volume.grid))
    assert (kept.voxels, count) == (5, 3)
    assert not kept.array[4:].any()


def test_a_mask_in_one_piece_or_empty_stays_as_it_is(chest: Any) -> None:
    assert largest_component(chest.mask) == (chest.mask, 1)
    empty = TumorMask(np.zeros_like(chest.mask.array), chest.volume.grid)
    assert largest_component(empty) == (empty, 0)


def test_the_mean_inside_is_the_closed_form(chest: Any) -> None:
    assert mean_hu(chest.volume, chest.mask) == 40 + np.arange(6).mean()
    with pytest.raises(EmptyMask):
        mean_hu(chest.volume, TumorMask(np.zeros_like(chest.mask.array), chest.volume.grid))
    shifted = replace(chest.volume.grid, origin_lps_mm=(0.0, 0.0, 0.0))
    with pytest.raises(GridMismatch):
        mean_hu(Volume(chest.volume.array, shifted), chest.mask)
