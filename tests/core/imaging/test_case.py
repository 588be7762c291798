"""One image and one mask are found and judged as an import finds and judges them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from imaging.core.case import read_case
from imaging.core.codec import to_nifti
from imaging.core.corrections import Corrections
from imaging.core.dicom_write import write_ct
from imaging.core.errors import (
    AnotherPerson,
    FrameOfReferenceMismatch,
    ImagingError,
    MixedSeries,
    NoMatchingSeries,
    NothingToImport,
    SeveralImages,
    UnreadableFile,
)

Edit = Callable[..., None]


@pytest.fixture
def export(chest: Any) -> Path:
    """A planning export: the CT, its contours, a dose and a plan in one folder."""
    folder = chest.root / "export"
    folder.mkdir()
    for file in chest.slices:
        shutil.copy(file, folder)
    shutil.copy(chest.rtstruct, folder / "rs.dcm")
    dose = pydicom.dcmread(chest.slices[0])
    dose.Modality, dose.SOPClassUID = "RTDOSE", "1.2.840.10008.5.1.4.1.1.481.2"
    dose.SOPInstanceUID, dose.SeriesInstanceUID = "2.25.7", "2.25.8"
    dose.save_as(folder / "dose.dcm")
    plan = pydicom.dcmread(chest.rtstruct)
    plan.Modality, plan.SOPClassUID = "RTPLAN", "1.2.840.10008.5.1.4.1.1.481.5"
    plan.save_as(folder / "plan.dcm")
    return folder


def test_a_planning_export_gives_its_ct_and_the_named_region(chest: Any, export: Path) -> None:
    image, named = read_case(export, export / "rs.dcm", roi="GTV-1")
    np.testing.assert_array_equal(image.volume.array, chest.volume.array)
    np.testing.assert_array_equal(named.mask.array, chest.mask.array)


def test_paths_may_be_relative_or_not(chest: Any, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(export.parent)
    for source, mask in ((Path("export"), export / "rs.dcm"), (export, Path("export/rs.dcm"))):
        _, named = read_case(source, mask)
        assert named.mask.voxels == chest.mask.voxels


def test_of_two_series_the_one_that_the_contours_name_is_read(chest: Any, export: Path, edit: Edit) -> None:
    for file in export.glob("000*.dcm"):
        other = shutil.copy(file, export / f"other_{file.name}")
        edit(
            Path(other),
            SeriesInstanceUID="2.25.77",
            SOPInstanceUID=f"2.25.77.{int(file.stem)}",
            RescaleIntercept=-1000,
        )
    image, _ = read_case(export, export / "rs.dcm")
    np.testing.assert_array_equal(image.volume.array, chest.volume.array)


def test_of_two_series_and_a_mask_that_names_none_nobody_chooses(chest: Any, export: Path, tmp_path: Path) -> None:
    identity = type(chest.identity)("EC-0002", "second", chest.identity.acquired_on, "Chest", "B31f")
    write_ct(chest.volume, export / "second", identity=identity)
    with pytest.raises(SeveralImages, match="2 images"):
        read_case(export, _nifti_mask(chest, tmp_path))


def test_what_a_plan_brings_along_is_no_second_image(chest: Any, export: Path, tmp_path: Path) -> None:
    _, named = read_case(export, _nifti_mask(chest, tmp_path))
    np.testing.assert_array_equal(named.mask.array, chest.mask.array)


def _nifti_mask(chest: Any, folder: Path) -> Path:
    file = folder / "mask.nii.gz"
    file.write_bytes(to_nifti(chest.mask.array, chest.mask.grid))
    return file


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"PatientID": "SOMEBODY-ELSE"}, AnotherPerson),
        ({}, (NoMatchingSeries, FrameOfReferenceMismatch)),
    ],
    ids=["another person", "another scan"],
)
def test_contours_of_something_else_are_refused(
    chest: Any, edit: Edit, attributes: dict[str, str], error: type[ImagingError]
) -> None:
    if attributes:
        edit(chest.rtstruct, **attributes)
    else:
        for file in chest.slices:
            edit(file, SeriesInstanceUID="2.25.5", FrameOfReferenceUID="2.25.6")
    with pytest.raises(error):
        read_case(chest.root / "ct", chest.rtstruct)


def test_contours_that_an_anonymiser_cut_off_are_laid_on_the_only_series_where_it_is_asked_for(
    chest: Any, edit: Edit
) -> None:
    for file in chest.slices:
        edit(file, SeriesInstanceUID="2.25.5", FrameOfReferenceUID="2.25.6")
    _, named = read_case(chest.root / "ct", chest.rtstruct, corrections=Corrections(match_by_geometry=True))
    np.testing.assert_array_equal(named.mask.array, chest.mask.array)


def test_faults_of_the_image_are_those_of_an_import(chest: Any, edit: Edit, tmp_path: Path) -> None:
    edit(chest.slices[-1], PatientID="SOMEBODY-ELSE")
    with pytest.raises(MixedSeries, match="2 PatientIDs"):
        read_case(chest.root / "ct", _nifti_mask(chest, tmp_path))
    chest.slices[0].write_bytes(b"nothing")
    with pytest.raises(UnreadableFile, match="1 of 6"):
        read_case(chest.root / "ct", _nifti_mask(chest, tmp_path))


def test_absent_files_and_empty_folders_say_so(chest: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToImport):
        read_case(tmp_path / "empty", chest.rtstruct)
    with pytest.raises(UnreadableFile, match="no such file"):
        read_case(chest.root / "ct", tmp_path / "absent.dcm")
