"""Images of one SeriesInstanceUID are one series only where patient, study, frame, series, modality and day agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.core.acquisition import Acquisition
from imaging.core.dicom_write import write_ct, write_rtstruct
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.person import Person
from imaging.core.scan import scan
from imaging.core.series_identity import Header, told_apart

Edit = Callable[..., None]

DIFFERENCES = {
    "PatientID": ("P2", "2 PatientIDs"),
    "PatientSex": ("F", "2 sexes"),
    "PatientBirthDate": ("19600101", "2 birth dates"),
    "StudyInstanceUID": ("2.25.99", "2 studies"),
    "FrameOfReferenceUID": ("2.25.98", "2 frames of reference"),
    "AcquisitionDate": ("20240601", "2 days of acquisition"),
}


@pytest.mark.parametrize("keyword", DIFFERENCES)
def test_half_a_series_of_something_else_in_one_folder_is_refused_with_what_differs(
    chest: Any, edit: Edit, keyword: str
) -> None:
    value, words = DIFFERENCES[keyword]
    for file in chest.slices:
        edit(file, PatientSex="M", PatientBirthDate="19500101")
    for file in chest.slices[3:]:
        edit(file, **{keyword: value})
    (series,) = scan(chest.root / "ct").series
    assert (series.verdict, series.code) == ("refused", "mixed_series")
    assert words in series.reason
    assert value not in series.reason


def test_a_scan_that_runs_past_midnight_is_one_series(chest: Any, edit: Edit) -> None:
    edit(chest.slices[-1], AcquisitionDate="20240301")
    assert [row.code for row in scan(chest.root / "ct").series] == ["ok"]


def test_an_attribute_that_some_images_lack_does_not_divide_a_series(chest: Any, edit: Edit) -> None:
    edit(chest.slices[0], FrameOfReferenceUID=None, PatientID="")
    assert [row.code for row in scan(chest.root / "ct").series] == ["ok"]


def two_scans_of_one_uid(chest: Any, edit: Edit, folder: Path, **other: str) -> Path:
    """Write the chest twice, each in a folder of its own, the second with other attributes but equal UIDs."""
    for name in ("one", "two"):
        write_ct(chest.volume, folder / name, identity=chest.identity)
        write_rtstruct(chest.mask, folder / name / "rs.dcm", identity=chest.identity)
    for file in (folder / "two").glob("*.dcm"):
        if file.name != "rs.dcm" or "PatientID" in other or "StudyInstanceUID" in other:
            edit(file, **other)
    if "StudyInstanceUID" in other:
        structures = pydicom.dcmread(folder / "two" / "rs.dcm")
        study = structures.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
        study.ReferencedSOPInstanceUID = other["StudyInstanceUID"]
        structures.save_as(folder / "two" / "rs.dcm")
    return folder


@pytest.mark.parametrize(
    "other", [{"PatientID": "P2"}, {"StudyInstanceUID": "2.25.99", "AcquisitionDate": "20240601"}]
)
def test_scans_that_share_a_uid_in_folders_of_their_own_are_told_apart_with_their_masks(
    chest: Any, edit: Edit, tmp_path: Path, other: dict[str, str]
) -> None:
    found = scan(two_scans_of_one_uid(chest, edit, tmp_path / "in", **other))
    assert [(row.path, row.code, row.shape_zyx) for row in found.series] == [
        ("one", "ok", chest.volume.grid.shape_zyx),
        ("two", "ok", chest.volume.grid.shape_zyx),
    ]
    assert len({row.series_uid for row in found.series}) == 2
    assert all("share one SeriesInstanceUID" in row.notes[0] for row in found.series)
    of_path = {row.path: row.series_uid for row in found.series}
    assert [(row.path, row.series_uid, row.voxels) for row in found.segmentations] == [
        (f"{name}/rs.dcm", of_path[name], chest.mask.voxels) for name in ("one", "two")
    ]


def test_contours_that_name_another_person_are_laid_on_nobody(chest: Any, edit: Edit) -> None:
    edit(chest.rtstruct, PatientID="SOMEBODY-ELSE")
    (row,) = [row for row in scan(chest.root).segmentations if row.path == "rtstruct.dcm"]
    assert (row.verdict, row.code) == ("refused", "another_person")
    assert "PatientID" in row.reason
    assert "SOMEBODY" not in row.reason


def half(chest: Any, part: slice, *, uid: str, folder: Path, edit: Edit) -> None:
    """Write some slices of the chest as a series of their own."""
    write_ct(chest.volume, folder, identity=chest.identity)
    kept = sorted(folder.glob("*.dcm"))[part]
    for file in set(folder.glob("*.dcm")) - set(kept):
        file.unlink()
    for file in kept:
        edit(file, SeriesInstanceUID=uid)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((slice(0, 3), slice(3, 6)), "go on without a gap"),
        ((slice(0, 6, 2), slice(1, 6, 2)), "just between those of another series"),
    ],
    ids=["halves", "every second slice"],
)
def test_a_scan_that_was_cut_over_two_uids_is_said(
    chest: Any, edit: Edit, tmp_path: Path, parts: tuple[slice, slice], words: str
) -> None:
    volume = Volume(chest.volume.array, replace(chest.volume.grid, spacing_zyx_mm=(2.0, 0.8, 0.7)))
    thin = replace(chest, volume=volume)
    for number, part in enumerate(parts):
        half(thin, part, uid=f"2.25.{number + 1}", folder=tmp_path / "in" / str(number), edit=edit)
    found = scan(tmp_path / "in").series
    assert [row.code for row in found] == ["ok", "ok"]
    assert all(words in row.notes[0] and "(3 and 3 slices)" in row.notes[0] for row in found)


def test_two_whole_series_of_one_scan_are_not_said_to_be_cut(chest: Any, edit: Edit, tmp_path: Path) -> None:
    for number in (1, 2):
        half(chest, slice(None), uid=f"2.25.{number}", folder=tmp_path / "in" / str(number), edit=edit)
    assert [row.notes for row in scan(tmp_path / "in").series] == [(), ()]


def header(folder: int, person: int, study: int, frame: int, days: int) -> Header:
    return Header(
        file=Path(f"/{folder}/{person}{study}{frame}{days}.dcm"),
        modality="CT",
        series_uid="1.2",
        study_uid=f"1.{study}" if study else "",
        instance_uid="",
        frame_of_reference_uid=f"2.{frame}" if frame else "",
        person=Person(f"P{person}" if person else ""),
        localizer=False,
        acquisition=Acquisition(acquired_on=date(2024, 1, 1 + 5 * days)),
    )


@settings(deadline=None, max_examples=50)
@given(st.lists(st.builds(header, *[st.integers(0, 2)] * 5), min_size=1, max_size=6))
def test_no_scan_that_passes_states_two_persons_studies_frames_or_days(images: list[Header]) -> None:
    scans = told_apart(images)
    assert sorted(id(image) for scan_, _ in scans for image in scan_) == sorted(map(id, images)), "none is lost"
    for one, differing in scans:
        agree = all(
            not left or not right or left == right
            for a, b in combinations(one, 2)
            for left, right in (
                (a.person.patient_id, b.person.patient_id),
                (a.study_uid, b.study_uid),
                (a.frame_of_reference_uid, b.frame_of_reference_uid),
            )
        )
        assert agree or differing


def test_a_whole_grid_of_either_person_is_no_reason_to_mix_them(chest: Any, edit: Edit, tmp_path: Path) -> None:
    """One above the other, the scans of two persons would form one regular grid."""
    grid = chest.volume.grid
    above = Grid(grid.shape_zyx, grid.spacing_zyx_mm, (*grid.origin_lps_mm[:2], grid.position((6, 0, 0))[2].item()))
    write_ct(chest.volume, tmp_path / "in" / "one", identity=chest.identity)
    write_ct(Volume(chest.volume.array, above), tmp_path / "in" / "two", identity=chest.identity)
    for file in (tmp_path / "in" / "two").glob("*.dcm"):
        edit(file, PatientID="P2")
    assert [row.shape_zyx for row in scan(tmp_path / "in").series] == [grid.shape_zyx] * 2
    assert np.count_nonzero(TumorMask(chest.mask.array, above).array) == chest.mask.voxels


def test_each_region_of_a_structure_set_finds_the_images_that_its_contours_name(
    chest: Any, edit: Edit, tmp_path: Path
) -> None:
    """One file outlines one region on each of two scans: neither is laid on the other scan."""
    root = tmp_path / "in"
    second = type(chest.identity)("EC-0001", "second", chest.identity.acquired_on, "Chest", "B31f")
    write_ct(chest.volume, root / "one", identity=chest.identity)
    write_ct(Volume(chest.volume.array[:, ::-1].copy(), chest.volume.grid), root / "two", identity=second)
    smaller = chest.mask.array.copy()
    smaller[3] = False
    write_rtstruct(chest.mask, root / "rs.dcm", identity=chest.identity)
    write_rtstruct(TumorMask(smaller, chest.mask.grid), root / "other.dcm", identity=second)
    both, other = pydicom.dcmread(root / "rs.dcm"), pydicom.dcmread(root / "other.dcm")
    (root / "other.dcm").unlink()
    roi, outlines = other.StructureSetROISequence[0], other.ROIContourSequence[0]
    roi.ROINumber = outlines.ReferencedROINumber = 2
    roi.ROIName = "GTV-2"
    both.StructureSetROISequence.append(roi)
    both.ROIContourSequence.append(outlines)
    both.ReferencedFrameOfReferenceSequence.extend(other.ReferencedFrameOfReferenceSequence)
    both.save_as(root / "rs.dcm")
    found = scan(root)
    of_path = {row.series_uid: row.path for row in found.series}
    assert [(row.name, of_path[row.series_uid], row.voxels) for row in found.segmentations] == [
        ("GTV-1", "one", chest.mask.voxels),
        ("GTV-2", "two", int(smaller.sum())),
    ]
