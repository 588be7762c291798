"""Contours become the voxels they enclose, or are refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.core.dataset import open_dataset
from imaging.core.errors import (
    EmptyMask,
    FrameOfReferenceMismatch,
    GridMismatch,
    MaskOutsideImage,
    RegionNotFound,
    UnreadableFile,
)
from imaging.core.geometry import Grid
from imaging.core.rtstruct import frames_of_reference, read_rtstruct, referenced_series, region_names

GRID = Grid((4, 20, 30), (3.0, 1.0, 0.5), (10.0, -20.0, 100.0))


def contour(points: list[list[float]], kind: str = "CLOSED_PLANAR") -> Dataset:
    """A contour through fractional indices (z, y, x) of GRID."""
    item = Dataset()
    item.ContourGeometricType = kind
    item.NumberOfContourPoints = len(points)
    item.ContourData = [float(f"{v:.6f}") for point in points for v in GRID.position(point)]
    return item


def box(z: float, low: float, high: float) -> list[list[float]]:
    return [[z, low, low], [z, low, high], [z, high, high], [z, high, low]]


def structure_set(*contours: Dataset, name: str = "GTV-1", frame: str = "1.2.3") -> Dataset:
    dataset = Dataset()
    region, outline = Dataset(), Dataset()
    region.ROINumber, region.ROIName, region.ReferencedFrameOfReferenceUID = 4, name, frame
    region.ROIGenerationAlgorithm = "MANUAL"
    outline.ReferencedROINumber, outline.ContourSequence = 4, Sequence(contours)
    dataset.StructureSetROISequence, dataset.ROIContourSequence = Sequence([region]), Sequence([outline])
    dataset.Manufacturer, dataset.ManufacturerModelName = "Maker", "Planner"
    dataset.OperatorsName = "Doe^Jane"
    return dataset


def test_contours_hold_the_pixel_centres_inside_and_combine_by_exclusive_or() -> None:
    dataset = structure_set(contour(box(1, 2.5, 12.5)), contour(box(1, 5.5, 8.5)), contour(box(2, 2.5, 4.5)))
    (found,) = read_rtstruct(dataset, GRID)
    assert found.mask.array[1].sum() == 10**2 - 3**2
    assert found.mask.array[2].sum() == 2**2
    assert found.mask.voxels == 91 + 4
    assert found.mask.grid == GRID


def test_a_region_carries_its_name_number_and_tool_but_nobodys_name() -> None:
    (found,) = read_rtstruct(structure_set(contour(box(1, 2.5, 5.5))), GRID)
    assert (found.name, found.number, found.kind) == ("GTV-1", 4, "rtstruct")
    assert (found.author, found.tool) == ("manual", "Maker Planner")


def test_point_and_open_contours_are_ignored() -> None:
    extra = [contour([[1, 9.0, 9.0]], "POINT"), contour(box(2, 1.5, 9.5), "OPEN_PLANAR"), contour([[1, 2, 2]])]
    (found,) = read_rtstruct(structure_set(contour(box(1, 2.5, 5.5)), *extra), GRID)
    assert found.mask.voxels == 9


def test_a_region_of_points_only_is_empty() -> None:
    with pytest.raises(EmptyMask, match="'GTV-1' has no closed contour"):
        read_rtstruct(structure_set(contour([[1, 9.0, 9.0]], "POINT")), GRID)


def test_a_contour_between_pixel_centres_is_empty() -> None:
    with pytest.raises(EmptyMask, match="no pixel centre"):
        read_rtstruct(structure_set(contour(box(1, 2.2, 2.8))), GRID)


def test_it_refuses_contours_above_the_image_with_the_distance() -> None:
    with pytest.raises(MaskOutsideImage, match=r"2\.0 slices beyond the image, which has 4 slices"):
        read_rtstruct(structure_set(contour(box(1, 2.5, 5.5)), contour(box(5, 2.5, 5.5))), GRID)


def test_it_refuses_contours_beside_the_image() -> None:
    with pytest.raises(MaskOutsideImage, match="pixels beyond the image's edge"):
        read_rtstruct(structure_set(contour([[1, 2, 25], [1, 2, 45], [1, 9, 45]])), GRID)


def test_it_refuses_contours_between_slices() -> None:
    with pytest.raises(GridMismatch, match=r"1\.2 mm off the nearest slice.*3 mm apart"):
        read_rtstruct(structure_set(contour(box(1.4, 2.5, 5.5))), GRID)


def test_it_refuses_contours_of_two_planes_that_are_nearest_to_one_slice() -> None:
    # Each alone is near enough to slice 1; taken together, exclusive or would leave nothing of them.
    for z in (0.9, 1.1):
        assert read_rtstruct(structure_set(contour(box(z, 2.5, 5.5))), GRID)[0].mask.voxels == 9
    both = structure_set(contour(box(0.9, 2.5, 5.5)), contour(box(1.1, 2.5, 5.5)))
    with pytest.raises(GridMismatch, match=r"planes 0\.6 mm apart .* nearest to one slice .* 3 mm apart"):
        read_rtstruct(both, GRID)


def test_a_keyhole_and_a_hole_by_exclusive_or_are_the_same_region() -> None:
    outer, inner = box(1, 1.5, 15.5), box(1, 5.5, 9.5)
    keyhole = structure_set(contour([*outer, outer[0], *inner, inner[0]]))
    for kind in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
        apart = structure_set(contour(outer, kind), contour(inner, kind))
        masks = [read_rtstruct(dataset, GRID)[0].mask for dataset in (keyhole, apart)]
        assert masks[0].voxels == 14**2 - 4**2
        assert np.array_equal(masks[0].array, masks[1].array)


def test_several_contours_of_a_slice_are_several_parts() -> None:
    (found,) = read_rtstruct(structure_set(contour(box(1, 1.5, 4.5)), contour(box(1, 10.5, 14.5))), GRID)
    assert found.mask.voxels == 3**2 + 4**2


@pytest.mark.parametrize("direction", ["oblique", "sagittal", "coronal", "feet first"])
def test_contours_on_planes_of_any_direction_hold_the_same_pixels(direction: str) -> None:
    axes = {
        "oblique": [
            [0.9541666, 0.2785886, 0.1092718],
            [-0.2080757, 0.880128, -0.4271838],
            [0.2151061, -0.3843997, 0.8977562],
        ],
        "sagittal": [[0, 0, 1], [1, 0, 0], [0, -1, 0]],
        "coronal": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
        "feet first": [[-1, 0, 0], [0, 1, 0], [0, 0, -1]],
    }[direction]
    row, column = np.array(axes, dtype=float)[:, 0], np.array(axes, dtype=float)[:, 1]
    row, column = row / np.linalg.norm(row), column - (column @ row) * row / (row @ row)
    matrix = np.column_stack([row, column / np.linalg.norm(column), np.cross(row, column / np.linalg.norm(column))])
    a, b, c = (tuple(line) for line in matrix.tolist())
    turned = replace(GRID, direction=(a, b, c))
    item = Dataset()
    item.ContourGeometricType = "CLOSED_PLANAR"
    item.ContourData = [float(f"{v:.6f}") for point in box(2, 2.5, 12.5) for v in turned.position(point)]
    (found,) = read_rtstruct(structure_set(item), turned)
    assert found.mask.array[2, 3:13, 3:13].all()
    assert found.mask.voxels == 100


@pytest.mark.parametrize("roi", [4, "4", "GTV-1", "gtv-1", " gtv-1 "])
def test_a_region_is_found_by_its_number_or_its_name(roi: str | int) -> None:
    dataset = structure_set(contour(box(1, 2.5, 5.5)))
    assert read_rtstruct(dataset, GRID, roi=roi)[0].number == 4


def test_a_name_that_is_another_regions_number_is_the_name() -> None:
    dataset = structure_set(contour(box(1, 2.5, 5.5)))
    other = Dataset()
    other.ROINumber, other.ROIName = 7, "4"
    outline = Dataset()
    outline.ReferencedROINumber, outline.ContourSequence = 7, Sequence([contour(box(2, 2.5, 4.5))])
    dataset.StructureSetROISequence.append(other)
    dataset.ROIContourSequence.append(outline)
    assert read_rtstruct(dataset, GRID, roi="4")[0].number == 7
    assert read_rtstruct(dataset, GRID, roi=4)[0].number == 4


def test_it_refuses_contours_that_cross_slices() -> None:
    with pytest.raises(GridMismatch):
        read_rtstruct(structure_set(contour([[0, 2, 2], [2, 2, 9], [1, 9, 9]])), GRID)


def test_it_refuses_another_frame_of_reference() -> None:
    dataset = structure_set(contour(box(1, 2.5, 5.5)))
    with pytest.raises(FrameOfReferenceMismatch, match="'GTV-1'"):
        read_rtstruct(dataset, GRID, frame_of_reference_uid="1.2.4")
    assert read_rtstruct(dataset, GRID, frame_of_reference_uid="1.2.3")[0].mask.voxels == 9


def test_it_lists_the_names_present_when_the_region_is_not() -> None:
    with pytest.raises(RegionNotFound, match="'GTV-2'; present are 'GTV-1'"):
        read_rtstruct(structure_set(contour(box(1, 2.5, 5.5))), GRID, roi="GTV-2")


def test_damaged_coordinates_are_unreadable() -> None:
    broken = contour(box(1, 2.5, 5.5))
    broken.ContourData = list(broken.ContourData)[:-1]
    with pytest.raises(UnreadableFile, match="11 coordinates"):
        read_rtstruct(structure_set(broken), GRID)


def test_a_structure_set_without_contours_is_unreadable() -> None:
    dataset = structure_set()
    del dataset.ROIContourSequence
    with pytest.raises(UnreadableFile, match="no contours"):
        read_rtstruct(dataset, GRID)


def test_a_written_mask_comes_back_and_names_its_series(chest: Any) -> None:
    dataset = open_dataset(chest.rtstruct)
    first = pydicom.dcmread(chest.slices[0])
    (found,) = read_rtstruct(dataset, chest.volume.grid, frame_of_reference_uid=first.FrameOfReferenceUID)
    assert np.array_equal(found.mask.array, chest.mask.array)
    assert referenced_series(dataset) == {first.SeriesInstanceUID}
    assert frames_of_reference(dataset) == {first.FrameOfReferenceUID}
    assert region_names(dataset) == {1: "GTV-1"}


def test_a_grid_turned_in_space_gives_the_same_voxels(chest: Any, edit: Callable[..., None]) -> None:
    turned = replace(
        chest.volume.grid, direction=((1, 0, 0), (0, -1, 0), (0, 0, -1)), origin_lps_mm=(-12.5, -1.85, -87.5)
    )
    (found,) = read_rtstruct(open_dataset(chest.rtstruct), turned)
    assert np.array_equal(found.mask.array, chest.mask.array[::-1, ::-1])


@pytest.mark.parametrize("left", [0.3, 0.6, 0.8, 0.9, 0.95, 0.99])
def test_a_truncated_file_never_passes_as_a_smaller_region(chest: Any, left: float) -> None:
    content = chest.rtstruct.read_bytes()
    end = content.index(b"\x06\x30\x80\x00")  # the observations follow the last contour
    chest.rtstruct.write_bytes(content[: int(left * end)])
    with pytest.raises(UnreadableFile):
        read_rtstruct(open_dataset(chest.rtstruct), chest.volume.grid)
