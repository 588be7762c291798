"""A mask is what was drawn: stripes are refused, gaps are said, outlines count once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.core.contours import fill, join
from imaging.core.corrections import Corrections
from imaging.core.errors import GridMismatch, NumberUsedTwice
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.mask_checks import slice_notes
from imaging.core.masks import read_labels, read_mask
from imaging.core.outlines import later_told
from imaging.core.regions import tumour_rank
from imaging.core.reports import ScanReport, SegmentationReport, told_apart
from imaging.core.rtstruct import read_rtstruct
from imaging.core.scan import scan
from imaging.core.seg import segment_names

SHAPE = (24, 32, 32)
GRID = Grid(SHAPE, (2.5, 1.5, 1.5), (-24.0, -24.0, -30.0))


def lesion(*filled: range | list[int], at: tuple[int, int] = (16, 16)) -> TumorMask:
    array = np.zeros(SHAPE, dtype=bool)
    for part in filled:
        array[list(part), at[0] - 3 : at[0] + 3, at[1] - 3 : at[1] + 3] = True
    return TumorMask(array, GRID)


def lungs() -> np.ndarray:
    hu = np.full(SHAPE, -1000, dtype=np.int16)
    hu[:, 4:28, 2:30] = 40
    hu[:, 8:24, 5:14] = hu[:, 8:24, 18:27] = -850
    hu[8:16, 13:19, 13:19] = 30
    return hu + np.random.default_rng(3).integers(-20, 20, SHAPE).astype(np.int16)


def tumour() -> np.ndarray:
    array = np.zeros(SHAPE, dtype=np.uint8)
    array[8:16, 13:19, 13:19] = 1
    return array


def write(file: Path, array: np.ndarray, *, first: tuple[int, int, int] = (0, 0, 0), **meta: str) -> Path:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(GRID.spacing_zyx_mm[::-1])
    image.SetOrigin(GRID.position(first).tolist())
    for key, value in meta.items():
        image.SetMetaData(key, value)
    file.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(file))
    return file


def rows(report: ScanReport) -> list[tuple[str, str, int | None]]:
    return [(row.name, row.code, row.voxels) for row in report.segmentations]


@pytest.mark.parametrize(
    ("filled", "empty"),
    [
        ([4, 6, 8, 10], "5, 7, 9"),
        ([4, 8, 12], "5, 6, 7, 9, 10, 11"),
        ([4, 5, 7, 8, 10, 11, 13], "6, 9, 12"),
        ([2, 4, 6, 7, 9, 11], "3, 5, 8, 10"),
    ],
)
def test_regular_empty_slices_are_refused_by_number(filled: list[int], empty: str) -> None:
    named = ", ".join(str(int(n) + 1) for n in empty.split(", "))
    with pytest.raises(GridMismatch, match=f"slices {named} of 24"):
        slice_notes(lesion(filled), name="GTV-1")


def test_columns_that_are_empty_at_steps_are_refused_as_well() -> None:
    mask = lesion(range(4, 12))
    mask.array[:, :, 14:19:2] = False
    with pytest.raises(GridMismatch, match="columns 15, 17"):
        slice_notes(mask, name="GTV-1")


def test_one_missed_slice_is_said_and_a_whole_lesion_is_not() -> None:
    assert slice_notes(lesion(range(4, 12)), name="GTV-1") == ()
    (note,) = slice_notes(lesion(range(4, 8), range(9, 14)), name="GTV-1")
    assert "slices 9 of 24" in note


def test_two_lesions_above_or_beside_each_other_are_no_stripes() -> None:
    assert slice_notes(lesion(range(2, 5), range(14, 18)), name="GTV-1") == ()
    beside = lesion([4]).array | lesion([6], at=(16, 26)).array | lesion([8], at=(6, 6)).array
    assert slice_notes(TumorMask(beside, GRID), name="GTV-1") == ()


def test_a_single_gap_is_refused_where_the_series_drawn_on_is_absent() -> None:
    with pytest.raises(GridMismatch):
        slice_notes(lesion([4, 6]), name="GTV-1", series_absent=True)


def square(low: float, high: float, *, points: int = 4) -> np.ndarray:
    corners = np.array([[low, low], [low, high], [high, high], [high, low]])
    steps = np.linspace(0, 1, points, endpoint=False)[:, None]
    return np.concatenate([a + steps * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)])


@settings(deadline=None, max_examples=50)
@given(
    low=st.floats(1.0, 8.0),
    size=st.floats(4.0, 15.0),
    copies=st.integers(1, 4),
    turn=st.integers(0, 15),
    jitter=st.floats(0.0, 0.2),
    seed=st.integers(0, 9),
)
def test_an_outline_stored_several_times_encloses_what_it_encloses_once(
    low: float, size: float, copies: int, turn: int, jitter: float, seed: int
) -> None:
    first = square(low, low + size)
    random = np.random.default_rng(seed)
    again = [np.roll(first, turn, axis=0)[::-1] + random.uniform(-jitter, jitter, first.shape) for _ in range(copies)]
    found = join([first, *again], shape=(30, 30))
    assert np.array_equal(found.filled, fill([first], shape=(30, 30)))
    assert found.repeated == copies


@settings(deadline=None, max_examples=50)
@given(low=st.floats(1.0, 5.0), size=st.floats(6.0, 12.0), shift=st.floats(2.0, 5.0))
def test_crossing_outlines_are_united_in_any_order(low: float, size: float, shift: float) -> None:
    one, other = square(low, low + size), square(low + shift, low + shift + size)
    union = fill([one], shape=(30, 30)) | fill([other], shape=(30, 30))
    for outlines in ([one, other], [other, one]):
        found = join(outlines, shape=(30, 30))
        assert np.array_equal(found.filled, union)
        assert found.crossing == 2


def test_holes_and_islands_within_holes_stay_and_a_crossing_wall_keeps_its_hole() -> None:
    nested = [square(1.5, 20.5), square(4.5, 16.5), square(8.5, 12.5)]
    assert join(nested, shape=(30, 30)).filled.sum() == 19**2 - 12**2 + 4**2
    crossing = [square(1.5, 15.5), square(12.5, 25.5), square(4.5, 8.5)]
    assert join(crossing, shape=(30, 30)).filled.sum() == 14**2 + 13**2 - 3**2 - 4**2


def contour(polygon: np.ndarray, z: int, kind: str) -> Dataset:
    item = Dataset()
    item.ContourGeometricType = kind
    item.ContourData = [f"{v:.5f}" for row, column in polygon for v in GRID.position((z, row, column))]
    return item


def structure_set(*contours: Dataset, numbers: tuple[int, ...] = (1,)) -> Dataset:
    dataset, outline = Dataset(), Dataset()
    regions = []
    for number in numbers:
        region = Dataset()
        region.ROINumber, region.ROIName = number, f"R{len(regions)}"
        regions.append(region)
    outline.ReferencedROINumber, outline.ContourSequence = numbers[0], Sequence(contours)
    dataset.StructureSetROISequence, dataset.ROIContourSequence = Sequence(regions), Sequence([outline])
    return dataset


def test_outlines_declared_exclusive_stay_exclusive() -> None:
    for kind, voxels in (("CLOSED_PLANAR", 10**2 + 10**2 - 5**2), ("CLOSEDPLANAR_XOR", 10**2 + 10**2 - 2 * 5**2)):
        dataset = structure_set(contour(square(2.5, 12.5), 3, kind), contour(square(7.5, 17.5), 3, kind))
        (found,) = read_rtstruct(dataset, GRID)
        assert found.mask.voxels == voxels
        assert bool(found.notes) is (kind == "CLOSED_PLANAR")


def test_outlines_through_pixel_centres_are_said_to_enclose_less() -> None:
    (found,) = read_rtstruct(structure_set(contour(square(2, 11, points=9), 3, "CLOSED_PLANAR")), GRID)
    assert found.mask.voxels == 81
    assert "centres of pixels" in found.notes[0]
    (other,) = read_rtstruct(structure_set(contour(square(1.5, 11.5), 3, "CLOSED_PLANAR")), GRID)
    assert (other.mask.voxels, other.notes) == (100, ())


def test_a_number_of_two_regions_or_segments_is_refused_with_both_names() -> None:
    with pytest.raises(NumberUsedTwice, match="number 19: 'R0', 'R2'"):
        read_rtstruct(structure_set(contour(square(2, 9), 3, "CLOSED_PLANAR"), numbers=(19, 4, 19)), GRID, roi="R1")
    segments = []
    for label in ("Lung", "Tumor"):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = 1, label
        segments.append(segment)
    dataset = Dataset()
    dataset.SegmentSequence = Sequence(segments)
    with pytest.raises(NumberUsedTwice, match="'Lung', 'Tumor'"):
        segment_names(dataset)


NODES = (
    "GTV_Nodes|GTVnd|GTV_node_4R|gtv_nodal|GTVn|GTV-N|GTV N1|GTVn1|LN|LN 4R|GTVln|N1|4R|10L|7|station 7|nd|_node|nodes"
    "|GTV_4R|GTVNodal|GtvLn|GTV_nod|淋巴结|纵隔淋巴结|GTV_LN_10R|Lymph node|adenopathy|GTV-N2|LK"
)
TUMOURS = "GTV|GTV-1|GTVp|GTV_Primary|GTV-T|gtv_lung|GTV_RUL|Lung_nodule_wall|primary lung tumor|1,SUV_primair|肿瘤|GTVp1|肺结节"


@pytest.mark.parametrize("name", NODES.split("|"))
def test_nodes_by_any_common_spelling_are_not_the_primary(name: str) -> None:
    assert tumour_rank(name) == 20


@pytest.mark.parametrize("name", TUMOURS.split("|"))
def test_names_of_the_primary_stay_the_primary(name: str) -> None:
    assert tumour_rank(name) == 0


@pytest.mark.parametrize("name", ["PTV_GTV", "iGTV", "CTV1", "GTV+5mm", "itv_50"])
def test_planning_volumes_come_behind_what_was_seen(name: str) -> None:
    assert tumour_rank(name) == 10


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("imagesTr/lung_001.nii.gz", "labelsTr/lung_001.nii.gz"),
        ("imagesTr/Lung_001_0000.nii.gz", "labelsTr/Lung_001.nii.gz"),
        ("ct.nii.gz", "GTVp.nii.gz"),
        ("ct.nii.gz", "annotation.nii.gz"),
        ("p1.nii.gz", "p1_by_reader.nii.gz"),
    ],
)
def test_label_files_are_known_by_what_they_hold(tmp_path: Path, image: str, label: str) -> None:
    write(tmp_path / image, lungs())
    write(tmp_path / label, tumour().astype(np.int16))
    report = scan(tmp_path)
    assert [row.code for row in report.series] == ["ok"]
    assert [(row.code, row.voxels) for row in report.segmentations] == [("ok", 288)]
    assert report.segmentations[0].tumour_rank <= 50


def test_a_label_file_alone_is_refused_as_what_it_is(tmp_path: Path) -> None:
    write(tmp_path / "p1.nii.gz", tumour())
    (row,) = scan(tmp_path).series
    assert row.code == "not_ct"
    assert "holds 0 and 1 only: it is a mask" in row.reason


def test_a_ct_of_few_values_is_no_mask(tmp_path: Path) -> None:
    phantom = np.full(SHAPE, -1000, dtype=np.int16)
    phantom[:, 6:26, 6:26] = 40
    write(tmp_path / "a.nii.gz", phantom)
    write(tmp_path / "b.nii.gz", lungs())
    assert [row.path for row in scan(tmp_path).series] == ["a.nii.gz", "b.nii.gz"]


def test_a_cropped_or_turned_label_file_is_placed_exactly(tmp_path: Path) -> None:
    volume = Volume(lungs(), GRID)
    part = write(tmp_path / "mask.nrrd", tumour()[8:16, 13:19, 13:19], first=(8, 13, 13))
    assert np.array_equal(read_mask(part, volume).mask.array, tumour() > 0)
    beyond = write(tmp_path / "over_mask.nrrd", np.pad(tumour(), 3), first=(-3, -3, -3))
    assert np.array_equal(read_mask(beyond, volume).mask.array, tumour() > 0)
    turned = sitk.DICOMOrient(sitk.ReadImage(str(part)), "RAS")
    sitk.WriteImage(turned, str(tmp_path / "turned_mask.nrrd"))
    assert np.array_equal(read_mask(tmp_path / "turned_mask.nrrd", volume).mask.array, tumour() > 0)
    outside = write(tmp_path / "off_mask.nrrd", tumour()[8:16, 13:19, 13:19], first=(20, 13, 13))
    with pytest.raises(GridMismatch):
        read_mask(outside, volume)


def test_names_of_a_slicer_segmentation_are_its_regions(tmp_path: Path) -> None:
    write(tmp_path / "ct.nrrd", lungs())
    labels = tumour() * np.uint8(2)
    labels[:, 8:24, 5:12] = 1
    meta = {
        f"Segment{k}_{key}": value
        for k, (name, number) in enumerate((("Lung", "1"), ("Tumor", "2")))
        for key, value in (("Name", name), ("LabelValue", number), ("Layer", "0"))
    }
    write(tmp_path / "case.seg.nrrd", labels, **meta)
    assert [(row.name, row.tumour_rank) for row in scan(tmp_path).segmentations] == [("Lung", 90), ("Tumor", 0)]
    assert rows(scan(tmp_path, roi="tumor")) == [("Tumor", "ok", 288)]
    assert read_labels(tmp_path / "case.seg.nrrd", Volume(lungs(), GRID)).names == {1: "Lung", 2: "Tumor"}


def test_layers_of_a_slicer_segmentation_may_overlap(tmp_path: Path) -> None:
    lung = np.zeros(SHAPE, dtype=np.uint8)
    lung[4:20, 8:24, 5:20] = 1
    header = (
        "NRRD0004\ntype: unsigned char\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 32 32 24\n"
        "space directions: none (1.5,0,0) (0,1.5,0) (0,0,2.5)\nkinds: list domain domain domain\nendian: little\n"
        "encoding: raw\nspace origin: (-24,-24,-30)\n"
    )
    for k, name in enumerate(("Lung", "Tumor")):
        header += f"Segment{k}_Name:={name}\nSegment{k}_LabelValue:=1\nSegment{k}_Layer:={k}\n"
    stacked = np.stack([lung, tumour()], axis=-1)
    (tmp_path / "case.seg.nrrd").write_bytes(header.encode() + b"\n" + stacked.tobytes())
    write(tmp_path / "ct.nrrd", lungs())
    assert rows(scan(tmp_path)) == [("Lung", "ok", int(lung.sum())), ("Tumor", "ok", 288)]


def test_regions_of_one_name_are_told_apart_by_number_and_voxels(tmp_path: Path) -> None:
    write(tmp_path / "ct.nrrd", lungs())
    labels = tumour()
    labels[2:4, 10:12, 10:12] = 2
    meta = {
        "Segment0_Name": "GTV-1",
        "Segment0_LabelValue": "1",
        "Segment1_Name": "GTV-1",
        "Segment1_LabelValue": "2",
    }
    write(tmp_path / "case.seg.nrrd", labels, **meta)
    found = scan(tmp_path).segmentations
    assert told_apart(found) == [
        "GTV-1 (case.seg.nrrd: number 1, 288 voxels)",
        "GTV-1 (case.seg.nrrd: number 2, 8 voxels)",
    ]
    assert [row.voxels for row in scan(tmp_path, roi="2").segmentations] == [8]
    write(tmp_path / "other_mask.nrrd", tumour())
    assert [row.voxels for row in scan(tmp_path, roi="case.seg.nrrd:1").segmentations] == [288]


@pytest.mark.parametrize("added", ["_Eq_1", "_Tilt_1", "_Tilt_1_Eq_1"])
def test_of_a_scan_that_was_converted_twice_the_collapsed_file_is_refused(tmp_path: Path, added: str) -> None:
    write(tmp_path / "chest.nii.gz", lungs()[::2])
    write(tmp_path / f"chest{added}.nii.gz", lungs())
    report = scan(tmp_path)
    assert {row.path: row.code for row in report.series} == {
        "chest.nii.gz": "uneven_spacing",
        f"chest{added}.nii.gz": "ok",
    }
    assert bool(report.series[1].notes) is added.endswith("_Eq_1")


def test_a_later_file_of_outlines_is_said_on_the_earlier_one() -> None:
    row = SegmentationReport("a.dcm", "GTV-1", "rtstruct", "accepted", "ok", "", 9, 30.0, "1.2", 1, Path("a.dcm"), 0)
    earlier = replace(row, dated="20240102101010")
    later = replace(row, dated="20240202101010", path="b.dcm", file=Path("b.dcm"))
    first, second = later_told([earlier, later])
    assert "this one is 31 days older" in first.notes[0]
    assert "2024" not in first.notes[0], "days of examinations are shifted wherever they are kept"
    assert second.notes == ()


def test_outlines_cut_off_from_their_series_are_matched_by_geometry_only_on_request(chest: Any, edit: Any) -> None:
    for file in (chest.root / "ct").iterdir():
        edit(file, SeriesInstanceUID="9.9", FrameOfReferenceUID="9.9.1")
    cut_off = {"no_matching_series", "frame_of_reference_mismatch"}
    assert {row.code for row in scan(chest.root).segmentations} <= cut_off
    asked = Corrections(match_by_geometry=True)
    matched = scan(chest.root, corrections=asked).segmentations
    assert ("ok", 96) in [(row.code, row.voxels) for row in matched]
    assert all("as was asked for" in row.notes[-1] for row in matched if row.code == "ok")
    shutil.copytree(chest.root / "ct", chest.root / "again")
    for file in (chest.root / "again").iterdir():
        edit(file, SeriesInstanceUID="9.8", SOPInstanceUID=f"9.8.{int(file.stem) + 1}")
    again = scan(chest.root, corrections=asked).segmentations
    assert {row.code for row in again} == {"no_matching_series"}
    assert all("fits 2 series" in row.reason for row in again)
