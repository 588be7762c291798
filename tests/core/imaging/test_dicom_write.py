"""Written CT, RTSTRUCT and SEG: right tags, equal bytes, and masks that come back exactly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest

from imaging.core.dicom import read_series
from imaging.core.dicom_identity import DicomIdentity
from imaging.core.dicom_write import write_ct, write_rtstruct, write_seg
from imaging.core.errors import EmptyMask
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.phantom import plan_cohort, write_patient
from imaging.core.rtstruct import read_rtstruct
from imaging.core.seg import read_seg

GRID = Grid((7, 24, 30), (2.5, 1.72, 1.65), (-120.5, -98.25, -312.7))
IDENTITY = DicomIdentity("EC-0009", "a key", date(2023, 5, 17), "Synthetic pre-treatment chest", "SMOOTH", "F", 61)


def ragged_mask() -> TumorMask:
    """Two pieces that touch at a corner, a hole, single voxels, voxels at the image's border."""
    rng = np.random.default_rng(5)
    array = rng.random(GRID.shape_zyx) < 0.35
    array[0] = array[-1] = False
    array[3, 5:12, 5:12], array[3, 8, 8] = True, False
    return TumorMask(array, GRID)


def slices(folder: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(file) for file in sorted(folder.glob("*.dcm"))]


def random_volume() -> Volume:
    array = np.random.default_rng(3).integers(-1024, 3000, GRID.shape_zyx).astype(np.int16)
    return Volume(array, GRID)


def test_a_written_series_reads_back_voxel_for_voxel(tmp_path: Path) -> None:
    volume = random_volume()
    write_ct(volume, tmp_path, identity=IDENTITY)
    found = read_series(sorted(tmp_path.glob("*.dcm")))
    assert np.array_equal(found.array, volume.array)
    assert found.grid.matches(GRID, tolerance_mm=1e-4)


def test_a_written_series_has_one_file_a_slice_and_the_tags_that_readers_need(tmp_path: Path) -> None:
    write_ct(random_volume(), tmp_path, identity=IDENTITY)
    images = slices(tmp_path)
    assert len(images) == GRID.shape_zyx[0]
    assert len({i.SOPInstanceUID for i in images}) == len(images)
    assert len({(i.StudyInstanceUID, i.SeriesInstanceUID, i.FrameOfReferenceUID) for i in images}) == 1
    assert [float(i.ImagePositionPatient[2]) for i in images] == pytest.approx([-312.7 + 2.5 * k for k in range(7)])
    first = images[0]
    assert (first.Modality, first.PatientID, str(first.PatientName)) == ("CT", "EC-0009", "Synthetic^EC-0009")
    assert (first.StudyDate, first.ConvolutionKernel, first.PatientAge) == ("20230517", "SMOOTH", "061Y")
    assert (first.ImageComments, first.BurnedInAnnotation) == ("SYNTHETIC", "NO")
    assert (float(first.RescaleIntercept), float(first.RescaleSlope)) == (-1024, 1)
    assert first.PixelSpacing == [1.72, 1.65]
    assert "StationName" not in first
    assert "InstitutionName" not in first
    assert all(
        str(uid).startswith("2.25.") and len(uid) <= 64 for uid in (first.StudyInstanceUID, first.SOPInstanceUID)
    )


@pytest.mark.parametrize("write", [write_rtstruct, write_seg])
def test_equal_input_gives_equal_files(tmp_path: Path, write: Callable[..., None]) -> None:
    for name in ("one.dcm", "two.dcm"):
        write(ragged_mask(), tmp_path / name, identity=IDENTITY)
    assert (tmp_path / "one.dcm").read_bytes() == (tmp_path / "two.dcm").read_bytes()


def test_contours_fill_to_exactly_the_mask_that_was_written(tmp_path: Path) -> None:
    mask = ragged_mask()
    write_rtstruct(mask, tmp_path / "rs.dcm", identity=IDENTITY)
    (found,) = read_rtstruct(pydicom.dcmread(tmp_path / "rs.dcm"), GRID)
    assert found.name == "GTV-1"
    assert np.array_equal(found.mask.array, mask.array)


def test_segments_hold_exactly_the_mask_that_was_written(tmp_path: Path) -> None:
    mask = ragged_mask()
    write_seg(mask, tmp_path / "seg.dcm", identity=IDENTITY)
    dataset = pydicom.dcmread(tmp_path / "seg.dcm")
    (found,) = read_seg(dataset, GRID)
    assert found.name == "GTV-1"
    assert np.array_equal(found.mask.array, mask.array)
    assert dataset.SegmentationType == "BINARY"


@pytest.mark.parametrize("write", [write_rtstruct, write_seg])
def test_an_empty_mask_is_refused(tmp_path: Path, write: Callable[..., None]) -> None:
    with pytest.raises(EmptyMask):
        write(TumorMask(np.zeros(GRID.shape_zyx, dtype=bool), GRID), tmp_path / "x.dcm", identity=IDENTITY)
    assert not (tmp_path / "x.dcm").exists()


def test_contours_and_segments_point_at_the_slices_they_were_drawn_on(tmp_path: Path) -> None:
    write_ct(random_volume(), tmp_path / "ct", identity=IDENTITY)
    write_rtstruct(ragged_mask(), tmp_path / "rs.dcm", identity=IDENTITY)
    write_seg(ragged_mask(), tmp_path / "seg.dcm", identity=IDENTITY)
    images = slices(tmp_path / "ct")
    contours, segments = (pydicom.dcmread(tmp_path / name) for name in ("rs.dcm", "seg.dcm"))
    known = {image.SOPInstanceUID: float(image.ImagePositionPatient[2]) for image in images}
    for contour in contours.ROIContourSequence[0].ContourSequence:
        slice_uid = contour.ContourImageSequence[0].ReferencedSOPInstanceUID
        assert known[slice_uid] == pytest.approx(float(contour.ContourData[2]), abs=1e-3)
    assert {
        i.ReferencedSOPInstanceUID for i in segments.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    } <= set(known)
    assert segments.FrameOfReferenceUID == images[0].FrameOfReferenceUID
    assert contours.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID == images[0].FrameOfReferenceUID
    assert contours.StudyInstanceUID == segments.StudyInstanceUID == images[0].StudyInstanceUID


def test_another_key_gives_other_uids() -> None:
    other = DicomIdentity("EC-0009", "another key", IDENTITY.acquired_on, "", "SMOOTH")
    assert IDENTITY.uid("study") != other.uid("study")
    assert IDENTITY.uid("study") == DicomIdentity("x", "a key", IDENTITY.acquired_on, "", "").uid("study")


def test_a_patient_is_written_with_contours_from_a_and_b_and_segments_from_c(tmp_path: Path) -> None:
    first, _, third = plan_cohort(3, seed=2026)
    for truth, modality in ((first, "RTSTRUCT"), (third, "SEG")):
        write_patient(truth, tmp_path)
        tumours = {name: pydicom.dcmread(tmp_path / truth.code / name / "tumour.dcm") for name in ("pre", "post")}
        assert {tumour.Modality for tumour in tumours.values()} == {modality}
        assert tumours["pre"].StudyDate == truth.clinical.pre_scan_on.strftime("%Y%m%d")
        assert tumours["post"].StudyDate == truth.clinical.post_scan_on.strftime("%Y%m%d")
        assert tumours["pre"].StudyInstanceUID != tumours["post"].StudyInstanceUID
        volume = read_series(sorted((tmp_path / truth.code / "post" / "ct").glob("*.dcm")))
        (found,) = (read_seg if modality == "SEG" else read_rtstruct)(tumours["post"], volume.grid)
        assert found.mask.volume_mm3 == pytest.approx(np.pi / 6 * truth.post.diameter_mm**3, rel=0.05)
