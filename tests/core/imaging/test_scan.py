"""A scan judges every part and raises for none."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from imaging.core.case import read_image
from imaging.core.codec import to_nifti
from imaging.core.errors import NothingToImport, SeriesRefused, UnreadableFile
from imaging.core.geometry import to_sitk
from imaging.core.scan import SegmentationReport, as_json, open_source, scan

Edit = Callable[..., None]


def region(report: Any, path: str) -> SegmentationReport:
    (found,) = [row for row in report.segmentations if row.path == path]
    return found


def test_a_series_and_its_masks_are_accepted_with_counts_and_means(chest: Any) -> None:
    report = scan(chest.root)
    (series,) = report.series
    assert (series.path, series.verdict, series.code, series.reason) == ("ct", "accepted", "ok", "")
    assert (series.modality, series.kind, len(series.files)) == ("CT", "dicom", 6)
    assert (series.shape_zyx, series.spacing_zyx_mm) == ((6, 24, 32), (2.5, 0.8, 0.7))
    assert (series.person.patient_id, series.acquisition.kernel) == ("EC-0001", "B31f")
    for path, kind in (("rtstruct.dcm", "rtstruct"), ("seg.dcm", "seg")):
        row = region(report, path)
        assert (row.name, row.kind, row.verdict, row.voxels, row.mean_hu) == ("GTV-1", kind, "accepted", 96, 42.5)
        assert (row.series_uid, row.tumour_rank, row.number) == (series.series_uid, 0, 1)
    assert report.ignored == 0


def test_the_json_has_the_agreed_keys_and_no_identity(chest: Any) -> None:
    found = json.loads(json.dumps(as_json(scan(chest.root))))
    assert set(found) == {"series", "segmentations", "passed_over"}
    assert set(found["series"][0]) == {
        *("path", "series_uid", "modality", "verdict", "code", "reason", "shape_zyx", "spacing_zyx_mm"),
        "corrections",
        "notes",
    }
    assert set(found["segmentations"][0]) == {
        "path",
        "name",
        "kind",
        "number",
        "dated",
        "verdict",
        "code",
        "reason",
        "voxels",
        "mean_hu",
        "volume_mm3",
        "notes",
    }
    assert "EC-0001" not in json.dumps(found)
    assert str(chest.root) not in json.dumps(found)


def test_progress_rises_to_its_total(chest: Any) -> None:
    seen: list[tuple[int, int]] = []
    scan(chest.root, on_progress=lambda done, total: seen.append((done, total)))
    assert {total for _, total in seen} == {16}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (16, 16)


def test_a_zip_scans_like_its_folder(chest: Any, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "chest"), "zip", chest.root)
    report = scan(open_source(Path(archive), workdir=tmp_path / "w"))
    assert as_json(report) == as_json(scan(chest.root))


def test_one_unreadable_slice_refuses_its_series_and_no_other(chest: Any, edit: Edit) -> None:
    shutil.copytree(chest.root / "ct", chest.root / "second")
    for file in (chest.root / "second").iterdir():
        edit(file, SeriesInstanceUID="1.2.3", SOPInstanceUID=f"1.2.3.{int(file.stem)}")
    content = chest.slices[5].read_bytes()
    chest.slices[5].write_bytes(content[:-200])
    report = scan(chest.root)
    assert [(row.path, row.code) for row in report.series] == [("ct", "unreadable_file"), ("second", "ok")]
    row = region(report, "seg.dcm")
    assert (row.name, row.code) == ("GTV-1", "no_matching_series")
    assert "refused (unreadable_file)" in row.reason


@pytest.mark.parametrize("content", [b"\0" * 300, b"not DICOM at all", None])
def test_a_slice_too_damaged_to_name_its_series_refuses_the_series_of_its_folder(
    chest: Any, content: bytes | None
) -> None:
    last = chest.slices[-1]
    last.write_bytes(last.read_bytes()[:300] if content is None else content)
    (series,) = scan(chest.root).series
    assert (series.verdict, series.code) == ("refused", "unreadable_file")
    assert "1 of 6 files" in series.reason


def test_an_empty_file_beside_a_series_is_passed_over_and_named_with_the_series(chest: Any) -> None:
    (chest.root / "ct" / "0007.dcm").write_bytes(b"")
    report = scan(chest.root)
    (series,) = report.series
    assert (series.code, series.shape_zyx) == ("ok", (6, 24, 32))
    assert "1 empty file lies beside its images" in series.notes[0]
    assert [(row.path, row.reason) for row in report.passed_over] == [("ct/0007.dcm", "The file is empty.")]


def test_a_damaged_file_of_no_series_is_a_row_of_its_own(chest: Any) -> None:
    (chest.root / "stray.nii.gz").write_bytes(b"nothing")
    (chest.root / "stray_mask.nii.gz").write_bytes(b"nothing")
    (chest.root / "stray.dcm").write_bytes(b"nothing")
    report = scan(chest.root)
    assert [(row.path, row.code) for row in report.series] == [
        ("ct", "ok"),
        ("stray.dcm", "unreadable_file"),
        ("stray.nii.gz", "unreadable_file"),
    ]
    assert region(report, "stray_mask.nii.gz").code == "unreadable_file"


def test_a_truncated_structure_set_is_a_refused_region_and_leaves_the_series(chest: Any) -> None:
    beside = chest.rtstruct.rename(chest.root / "ct" / "rtstruct.dcm")
    content = beside.read_bytes()
    beside.write_bytes(content[: len(content) // 2])
    report = scan(chest.root)
    assert report.series[0].code == "ok"
    row = region(report, "ct/rtstruct.dcm")
    assert (row.kind, row.code) == ("rtstruct", "unreadable_file")


def test_each_fault_has_its_code(chest: Any, edit: Edit) -> None:
    chest.slices[2].unlink()
    edit(chest.rtstruct, Modality="SR")
    edit(chest.seg, Modality="MR")
    report = scan(chest.root)
    assert {row.path: row.code for row in report.series} == {"ct": "missing_slice", ".": "not_ct"}
    assert (report.segmentations, report.ignored) == ((), 1)


def test_a_localiser_in_a_series_refuses_it_and_is_named(chest: Any, edit: Edit) -> None:
    scout = chest.root / "ct" / "scout.dcm"
    shutil.copy(chest.slices[0], scout)
    edit(scout, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    report = scan(chest.root)
    assert [(len(row.files), row.code) for row in report.series] == [(7, "localizer")]
    assert "1 of 7 images of the series (image 1)" in report.series[0].reason
    assert region(report, "seg.dcm").code == "no_matching_series"


def test_a_named_region_that_is_absent_is_a_row_that_lists_those_present(chest: Any) -> None:
    report = scan(chest.root, roi="GTV-7")
    assert {(row.name, row.code) for row in report.segmentations} == {("GTV-7", "region_not_found")}
    assert all("'GTV-1'" in row.reason for row in report.segmentations)
    assert {row.code for row in scan(chest.root, roi="gtv-1").segmentations} == {"ok"}


def test_a_segmentation_of_a_series_that_is_not_here_has_no_series(chest: Any) -> None:
    shutil.rmtree(chest.root / "ct")
    report = scan(chest.root)
    assert {(row.code, row.series_uid) for row in report.segmentations} == {("no_matching_series", "")}


def test_a_segmentation_of_another_frame_of_reference_is_refused(chest: Any, edit: Edit) -> None:
    edit(chest.seg, FrameOfReferenceUID="1.2.3")
    report = scan(chest.root)
    assert region(report, "seg.dcm").code == "frame_of_reference_mismatch"
    assert region(report, "rtstruct.dcm").code == "ok"


def test_a_series_exported_anew_is_found_by_its_frame_of_reference(chest: Any, edit: Edit) -> None:
    for file in chest.slices:
        edit(file, SeriesInstanceUID="1.2.3")
    report = scan(chest.root)
    assert {(row.code, row.series_uid) for row in report.segmentations} == {("ok", "1.2.3")}


def test_a_bad_region_leaves_the_good_ones_of_its_file(chest: Any) -> None:
    dataset = pydicom.dcmread(chest.rtstruct)
    far = pydicom.Dataset()
    far.ROINumber, far.ROIName = 2, "Liver"
    outline = pydicom.Dataset()
    item = pydicom.Dataset()
    item.ContourGeometricType, item.ContourData = "CLOSED_PLANAR", [0, 0, -900, 9, 0, -900, 9, 9, -900]
    outline.ReferencedROINumber, outline.ContourSequence = 2, [item]
    dataset.StructureSetROISequence.append(far)
    dataset.ROIContourSequence.append(outline)
    dataset.save_as(chest.rtstruct)
    rows = [row for row in scan(chest.root).segmentations if row.kind == "rtstruct"]
    assert [(row.name, row.code, row.tumour_rank) for row in rows] == [
        ("GTV-1", "ok", 0),
        ("Liver", "mask_outside_image", 90),
    ]


def test_series_without_uid_are_told_apart_by_folder_and_get_a_stable_one(chest: Any, edit: Edit) -> None:
    shutil.copytree(chest.root / "ct", chest.root / "more" / "ct")
    for file in (chest.root / "more" / "ct").iterdir():
        edit(file, SOPInstanceUID=f"1.2.3.{int(file.stem)}")
    for file in chest.root.rglob("ct/*.dcm"):
        edit(file, SeriesInstanceUID="")
    first, second = scan(chest.root), scan(chest.root)
    assert [row.code for row in first.series] == ["ok", "ok"]
    uids = [row.series_uid for row in first.series]
    assert len(set(uids)) == 2
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in uids)
    assert uids == [row.series_uid for row in second.series]


def test_image_files_pair_with_their_masks(chest: Any, tmp_path: Path) -> None:
    root = tmp_path / "files"
    root.mkdir()
    sitk.WriteImage(to_sitk(chest.volume), str(root / "P1_image.nrrd"))
    (root / "P1_label.nii.gz").write_bytes(to_nifti(chest.mask.array, chest.mask.grid))
    part = chest.mask.grid.crop((slice(1, 6), slice(0, 24), slice(0, 32)))
    (root / "P1_part_mask.nii.gz").write_bytes(to_nifti(chest.mask.array[1:], part))
    x, y, z = part.origin_lps_mm
    off = replace(part, origin_lps_mm=(x + 0.4, y, z))
    (root / "P1_mask.nii.gz").write_bytes(to_nifti(chest.mask.array[1:], off))
    (root / "P1_empty_mask.nii.gz").write_bytes(to_nifti(np.zeros((6, 24, 32), dtype=np.uint8), chest.mask.grid))
    report = scan(root)
    (series,) = report.series
    assert (series.kind, series.modality, series.code) == ("nrrd", "CT", "ok")
    assert series.series_uid.startswith("2.25.")
    codes = {row.path: (row.code, row.voxels, row.mean_hu) for row in report.segmentations}
    assert codes == {
        "P1_label.nii.gz": ("ok", 96, 42.5),
        "P1_mask.nii.gz": ("grid_mismatch", None, None),
        "P1_part_mask.nii.gz": ("ok", 96, 42.5),
        "P1_empty_mask.nii.gz": ("empty_mask", None, None),
    }


def test_an_image_file_without_air_is_no_chest_ct(chest: Any, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mr.nii.gz").write_bytes(to_nifti(np.full((6, 24, 32), 40, np.int16), chest.mask.grid))
    (series,) = scan(tmp_path / "files").series
    assert series.code == "not_ct"
    assert "no value is below -500 HU (the lowest is 40)" in series.reason


def test_other_files_are_counted_and_ignored(chest: Any) -> None:
    (chest.root / "README.txt").write_text("text")
    (chest.root / "ct" / "._0001.dcm").write_bytes(b"\0\5\x16\7")
    report = scan(chest.root)
    assert report.ignored == 2
    assert report.series[0].code == "ok"


def test_an_empty_folder_and_a_single_file_scan_too(chest: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert scan(tmp_path / "empty").series == ()
    (series,) = scan(chest.slices[0]).series
    assert (series.path, series.code) == (".", "too_few_slices")


def test_an_image_is_read_from_a_folder_a_file_or_a_list(chest: Any, tmp_path: Path) -> None:
    sitk.WriteImage(to_sitk(chest.volume), str(tmp_path / "ct.nrrd"))
    for source in (chest.root, chest.root / "ct", tmp_path / "ct.nrrd", tuple(chest.slices)):
        assert np.array_equal(read_image(source).array, chest.volume.array)


def test_reading_an_image_never_chooses_between_two(chest: Any, tmp_path: Path) -> None:
    sitk.WriteImage(to_sitk(chest.volume), str(chest.root / "ct.nrrd"))
    with pytest.raises(SeriesRefused, match="2 images"):
        read_image(chest.root)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToImport):
        read_image(tmp_path / "empty")
    with pytest.raises(UnreadableFile, match="no such"):
        read_image(tmp_path / "absent")


def test_reading_an_image_says_when_a_file_is_damaged(chest: Any) -> None:
    chest.slices[0].write_bytes(b"nothing")
    with pytest.raises(UnreadableFile, match="1 of 6 files of the series"):
        read_image(chest.root)


def test_a_hostile_archive_inside_a_scan_is_only_a_file(chest: Any) -> None:
    with zipfile.ZipFile(chest.root / "inner.zip", "w") as archive:
        archive.writestr("../evil.dcm", b"evil")
    assert scan(chest.root).ignored == 1


def test_random_damage_never_raises(chest: Any) -> None:
    sitk.WriteImage(to_sitk(chest.volume), str(chest.root / "P1_image.nrrd"))
    (chest.root / "P1_mask.nii.gz").write_bytes(to_nifti(chest.mask.array, chest.mask.grid))
    (chest.root / "P1_label.nii").write_bytes(gzip.decompress(to_nifti(chest.mask.array, chest.mask.grid)))
    victims = [p for p in chest.root.rglob("*") if p.is_file()]
    pristine = {path: path.read_bytes() for path in victims}
    rng = np.random.default_rng(20240229)
    for _ in range(25):
        for path, content in pristine.items():
            hurt = bytearray(content)
            for at in rng.integers(0, min(len(hurt), 3000), 6):
                hurt[at] = rng.integers(256)
            path.write_bytes(bytes(hurt))
        report = scan(chest.root)
        assert all((row.code == "ok") == (row.verdict == "accepted") for row in report.series)
