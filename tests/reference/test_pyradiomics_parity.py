"""Radiomics against pyradiomics: its published baseline, and its plain extractor on the whole image.

The baseline is that of pyradiomics' own test suite (BSD-3), made in 2017 with another version of
every dependency. The plain extractor is given the uncropped image and does its own resampling,
filtering and cropping; nothing of it but the feature classes is shared with the code under test.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from imaging.core.case import read_image
from imaging.core.features import extract
from imaging.core.geometry import TumorMask, Volume, mask_from_sitk, to_sitk, volume_from_sitk
from imaging.core.masks import read_mask
from imaging.core.spec import STANDARD, ExtractionSpec, RadiomicsSpec

pytestmark = pytest.mark.realdata

Case = tuple[Volume, TumorMask]
CASES = {
    "lung1": ("pyradiomics/lung1_image.nrrd", "pyradiomics/lung1_label.nrrd"),
    "lung2": ("pyradiomics/lung2_image.nrrd", "pyradiomics/lung2_label.nrrd"),
    "lidc": ("lidc_0314_mini/ct.nii.gz", "lidc_0314_mini/masks_nifti/reader1.nii.gz"),
}
ORIGINAL = RadiomicsSpec(log_sigma_mm=(), wavelet=False)


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> dict[str, Case]:
    def read(file: str) -> sitk.Image:
        return sitk.ReadImage(str(shared_data / file))

    return {n: (volume_from_sitk(read(i)), mask_from_sitk(read(m))) for n, (i, m) in CASES.items()}


def plain(case: Case, settings: RadiomicsSpec) -> dict[str, float]:
    """Run pyradiomics as its documentation says, on the whole image."""
    spacing = settings.resampled_spacing_mm
    extractor = RadiomicsFeatureExtractor(
        binWidth=settings.bin_width_hu,
        voxelArrayShift=settings.voxel_array_shift,
        padDistance=settings.pad_distance_voxels,
        interpolator="sitkBSpline",
        resampledPixelSpacing=None if spacing is None else [spacing] * 3,
        additionalInfo=False,
    )
    extractor.disableAllImageTypes()
    extractor.enableImageTypeByName("Original")
    if settings.log_sigma_mm:
        extractor.enableImageTypeByName("LoG", customArgs={"sigma": list(settings.log_sigma_mm)})
    if settings.wavelet:
        extractor.enableImageTypeByName("Wavelet")
    extractor.disableAllFeatures()
    for kind in settings.classes:
        extractor.enableFeatureClassByName(kind)
    volume, mask = case
    return {name: float(value) for name, value in extractor.execute(to_sitk(volume), to_sitk(mask)).items()}


def ours(case: Case, settings: RadiomicsSpec) -> dict[str, float]:
    return extract(*case, ExtractionSpec(radiomics=settings)).as_dict()


def assert_equal(found: dict[str, float], expected: dict[str, float]) -> None:
    assert set(found) == set(expected)
    names = sorted(expected)
    np.testing.assert_allclose(
        [found[n] for n in names], [expected[n] for n in names], rtol=1e-6, atol=1e-12, equal_nan=True
    )


def baseline(folder: Path, case: str) -> dict[str, float]:
    values = {}
    for kind in STANDARD.radiomics.classes:
        with (folder / f"baseline_{kind}.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["featureName"].startswith("original_")]
        values |= {row["featureName"]: float(row[case]) for row in rows}
    return values


@pytest.mark.parametrize("case", ["lung1", "lung2"])
def test_the_published_baseline_is_reproduced(cases: dict[str, Case], shared_data: Path, case: str) -> None:
    # The baseline's settings: no resampling, bins of 25, shift of 2000.
    settings = replace(ORIGINAL, resampled_spacing_mm=None, voxel_array_shift=2000)
    expected = baseline(shared_data / "pyradiomics" / "baseline", case)
    assert len(expected) == 107
    assert_equal(ours(cases[case], settings), expected)


@pytest.mark.parametrize("case", ["lung1", "lung2", "lidc"])
def test_the_standard_protocol_equals_plain_pyradiomics(cases: dict[str, Case], case: str) -> None:
    found = ours(cases[case], STANDARD.radiomics)
    assert len(found) == 1316
    assert_equal(found, plain(cases[case], STANDARD.radiomics))


def test_a_tumour_in_a_whole_chest_equals_plain_pyradiomics(shared_data: Path) -> None:
    folder = shared_data / "lung1_001_ct_rtstruct"
    volume = read_image(folder / "ct")
    case = (volume, read_mask(next((folder / "rtstruct").iterdir()), volume, roi="GTV-1").mask)
    assert_equal(ours(case, STANDARD.radiomics), plain(case, STANDARD.radiomics))


@pytest.mark.parametrize("spacing", [0.5, 2.0])
def test_other_spacings_equal_plain_pyradiomics(cases: dict[str, Case], spacing: float) -> None:
    settings = replace(ORIGINAL, resampled_spacing_mm=spacing, log_sigma_mm=(1.0,))
    assert_equal(ours(cases["lidc"], settings), plain(cases["lidc"], settings))


@pytest.mark.parametrize("case", ["lung1", "lung2", "lidc"])
def test_every_feature_without_resampling_equals_plain_pyradiomics(cases: dict[str, Case], case: str) -> None:
    # Filters see a crop. On a whole chest cut at 6 sigma, cluster shade would be 1.5 % off.
    settings = replace(STANDARD.radiomics, resampled_spacing_mm=None, log_sigma_mm=(1.0, 5.0))
    assert_equal(ours(cases[case], settings), plain(cases[case], settings))


def test_a_grid_that_coincides_with_the_new_one_equals_plain_pyradiomics(cases: dict[str, Case]) -> None:
    # Every third slice and all columns and rows fall on old voxels, where ITK's truncation shows the last bit.
    volume, mask = cases["lidc"]
    grid = replace(volume.grid, spacing_zyx_mm=(3.0, 1.0, 1.0))
    case = (Volume(volume.array, grid), TumorMask(mask.array, grid))
    settings = replace(ORIGINAL, log_sigma_mm=(5.0,))
    assert_equal(ours(case, settings), plain(case, settings))
