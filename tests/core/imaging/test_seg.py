"""DICOM segmentations of every kind land on the voxels of their image, or are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from imaging.core.dataset import open_dataset
from imaging.core.errors import (
    EmptyMask,
    FrameOfReferenceMismatch,
    GridMismatch,
    MaskOutsideImage,
    RegionNotFound,
    UnreadableFile,
)
from imaging.core.masks import read_mask
from imaging.core.seg import read_seg, segment_names, segment_types


def write(chest: Any, pixels: NDArray[Any], kind: str, labels: list[str], **options: Any) -> Dataset:
    """Let highdicom write a segmentation of the chest, so reader and writer are not of one hand."""
    segments = [
        hd.seg.SegmentDescription(
            number,
            label,
            codes.SCT.MorphologicallyAbnormalStructure,
            codes.SCT.Neoplasm,
            hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in enumerate(labels, start=1)
    ]
    written = hd.seg.Segmentation(
        source_images=[pydicom.dcmread(file) for file in chest.slices],
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=segments,
        series_instance_uid="1.2.3.4",
        series_number=3,
        sop_instance_uid="1.2.3.4.5",
        instance_number=1,
        manufacturer="Maker",
        manufacturer_model_name="Painter",
        software_versions="2",
        device_serial_number="0",
        **options,
    )
    file = chest.root / "written.dcm"
    written.save_as(file)
    return open_dataset(file)


def test_a_binary_segment_comes_back_voxel_for_voxel(chest: Any) -> None:
    (found,) = read_seg(open_dataset(chest.seg), chest.volume.grid)
    assert np.array_equal(found.mask.array, chest.mask.array)
    assert found.mask.grid == chest.volume.grid
    assert (found.name, found.number, found.kind) == ("GTV-1", 1, "seg")


@pytest.mark.parametrize("omit", [True, False])
def test_overlapping_segments_stay_apart_with_and_without_empty_frames(chest: Any, omit: bool) -> None:
    both = np.zeros((*chest.mask.array.shape, 2), dtype=np.uint8)
    both[..., 0] = chest.mask.array
    both[3:5, 10:20, 12:22, 1] = 1
    dataset = write(chest, both, "BINARY", ["Nodule reader 1", "Nodule reader 2"], omit_empty_frames=omit)
    first, second = read_seg(dataset, chest.volume.grid)
    assert np.array_equal(first.mask.array, both[..., 0] > 0)
    assert np.array_equal(second.mask.array, both[..., 1] > 0)
    assert (first.mask.array & second.mask.array).sum() == 4 * 6
    assert (first.author, first.tool) == ("manual", "Maker Painter 2")
    assert read_seg(dataset, chest.volume.grid, segment="nodule reader 2")[0].number == 2


@pytest.mark.parametrize("segment", ["SCT:108369006", "sct:108369006", "Neoplasm", "neoplasm"])
def test_a_segment_is_found_by_its_coded_type_or_its_meaning(chest: Any, segment: str) -> None:
    found = read_mask(chest.seg, chest.volume, roi=segment)
    assert (found.name, found.number, found.mask.voxels) == ("GTV-1", 1, 96)
    assert segment_types(open_dataset(chest.seg)) == {1: ("SCT:108369006", "Neoplasm")}


def test_a_label_or_number_counts_before_a_coded_type(chest: Any) -> None:
    labels = np.zeros(chest.mask.array.shape, dtype=np.uint8)
    labels[2, 4:6, 4:9], labels[3, 1, 1] = 1, 2
    dataset = write(chest, labels, "LABELMAP", ["Left part", "Neoplasm"])
    assert [found.number for found in read_seg(dataset, chest.volume.grid, segment="Neoplasm")] == [2]
    assert [found.number for found in read_seg(dataset, chest.volume.grid, segment=1)] == [1]


def test_of_several_segments_of_one_type_nobody_chooses(chest: Any) -> None:
    labels = np.zeros(chest.mask.array.shape, dtype=np.uint8)
    labels[2, 4:6, 4:9], labels[3, 1, 1] = 1, 2
    write(chest, labels, "LABELMAP", ["Left part", "Right part"])
    with pytest.raises(RegionNotFound, match=r"2 regions answer to 'Neoplasm': numbers 1 \('Left part'\), 2"):
        read_mask(chest.root / "written.dcm", chest.volume, roi="Neoplasm")
    assert read_mask(chest.root / "written.dcm", chest.volume, roi="2").mask.voxels == 1


def test_a_fractional_segment_is_cut_at_one_half_and_says_so(chest: Any) -> None:
    fractions = np.zeros(chest.mask.array.shape, dtype=np.float32)
    fractions[2, 4, 4:8] = [0.2, 0.49, 0.5, 1.0]
    dataset = write(
        chest,
        fractions,
        "FRACTIONAL",
        ["Tumour"],
        fractional_type="PROBABILITY",
        max_fractional_value=200,
    )
    (found,) = read_seg(dataset, chest.volume.grid)
    assert np.flatnonzero(found.mask.array[2, 4]).tolist() == [6, 7]
    assert found.tool == "fractional, cut at 0.5; Maker Painter 2"


def test_a_label_map_gives_one_mask_a_label(chest: Any) -> None:
    labels = np.zeros(chest.mask.array.shape, dtype=np.uint8)
    labels[2, 4:6, 4:9], labels[3, 1, 1] = 1, 2
    dataset = write(chest, labels, "LABELMAP", ["Tumour", "Node"])
    counts = {found.name: found.mask.voxels for found in read_seg(dataset, chest.volume.grid)}
    assert counts == {"Tumour": 10, "Node": 1}


def test_frames_that_run_the_other_way_are_turned_exactly(chest: Any) -> None:
    turned = replace(
        chest.volume.grid, direction=((1, 0, 0), (0, -1, 0), (0, 0, -1)), origin_lps_mm=(-12.5, -1.85, -87.5)
    )
    (found,) = read_seg(open_dataset(chest.seg), turned)
    assert np.array_equal(found.mask.array, chest.mask.array[::-1, ::-1])


def test_frames_may_cover_part_of_the_image(chest: Any) -> None:
    larger = replace(
        chest.volume.grid, shape_zyx=(8, 30, 40), origin_lps_mm=(-12.5 - 0.7 * 3, -20.25 - 0.8 * 2, -102.5)
    )
    (found,) = read_seg(open_dataset(chest.seg), larger)
    assert np.array_equal(found.mask.array[1:7, 2:26, 3:35], chest.mask.array)


def test_it_refuses_frames_between_the_voxels_of_the_image(chest: Any) -> None:
    shifted = replace(chest.volume.grid, origin_lps_mm=(-12.15, -20.25, -100.0))
    with pytest.raises(GridMismatch, match=r"up to 0\.5 voxels off"):
        read_seg(open_dataset(chest.seg), shifted)


def test_it_refuses_frames_whose_rows_run_along_their_columns(chest: Any) -> None:
    square = replace(chest.volume.grid, spacing_zyx_mm=(2.5, 0.8, 0.8))
    dataset = open_dataset(chest.seg)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.PixelMeasuresSequence[0].PixelSpacing = [0.8, 0.8]
    assert read_seg(dataset, square)[0].mask.voxels == 96
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 1, 0, 0]
    with pytest.raises(GridMismatch):
        read_seg(dataset, square)


def test_it_refuses_frames_of_another_pixel_size(chest: Any) -> None:
    coarser = replace(chest.volume.grid, spacing_zyx_mm=(2.5, 0.8, 0.72))
    with pytest.raises(GridMismatch):
        read_seg(open_dataset(chest.seg), coarser)


def test_it_refuses_frames_of_another_slice_spacing(chest: Any) -> None:
    dataset = open_dataset(chest.seg)
    dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 2.5
    finer = replace(chest.volume.grid, shape_zyx=(12, 24, 32), spacing_zyx_mm=(1.25, 0.8, 0.7))
    with pytest.raises(GridMismatch, match=r"2\.5 mm apart, slices of the image 1\.25 mm"):
        read_seg(dataset, finer)


def test_it_refuses_segments_outside_the_image(chest: Any) -> None:
    lower = replace(chest.volume.grid, shape_zyx=(3, 24, 32))
    with pytest.raises(MaskOutsideImage, match="48 pixels of a frame of segment 'GTV-1'"):
        read_seg(open_dataset(chest.seg), lower)


def test_it_refuses_another_frame_of_reference(chest: Any) -> None:
    with pytest.raises(FrameOfReferenceMismatch):
        read_seg(open_dataset(chest.seg), chest.volume.grid, frame_of_reference_uid="1.2.3")


def test_it_refuses_an_empty_segment(chest: Any) -> None:
    dataset = open_dataset(chest.seg)
    dataset.PixelData = bytes(len(dataset.PixelData))
    with pytest.raises(EmptyMask, match="'GTV-1' has no voxel"):
        read_seg(dataset, chest.volume.grid)


def test_it_lists_the_labels_present_when_the_segment_is_not(chest: Any) -> None:
    with pytest.raises(RegionNotFound, match="'lobe'; present are 'GTV-1'"):
        read_seg(open_dataset(chest.seg), chest.volume.grid, segment="lobe")


def test_truncated_pixels_are_unreadable(chest: Any) -> None:
    content = chest.seg.read_bytes()
    chest.seg.write_bytes(content[:-40])
    with pytest.raises(UnreadableFile, match="The segmentation cannot be read"):
        read_seg(open_dataset(chest.seg), chest.volume.grid)


def test_frames_that_do_not_say_where_they_lie_are_refused(chest: Any) -> None:
    dataset = open_dataset(chest.seg)
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        del frame.PlanePositionSequence
    with pytest.raises(GridMismatch, match="does not say where its frames lie"):
        read_seg(dataset, chest.volume.grid)


def test_a_segmentation_without_segments_is_unreadable() -> None:
    with pytest.raises(UnreadableFile, match="no segment"):
        segment_names(Dataset())
