"""Radiomics against the consensus of the Image Biomarker Standardisation Initiative, digital phantom.

Zwanenburg A et al., Radiology 295(2):328-338, 2020. A value agrees if, rounded to three digits, it lies
within the published tolerance, which for most features of this phantom is 0. The phantom is built in
code (tests/reference/ibsi_table.py), so that these tests run everywhere.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from imaging.core.features import feature_names
from imaging.core.geometry import mask_from_sitk, volume_from_sitk
from imaging.core.spec import IBSI
from tests.reference.ibsi_table import Consensus, comparable, consensus, departures, digital_phantom, found, ours

NOWHERE = Path("no-such-folder")  # the digital phantom needs no data beside the repository

#: Where pyradiomics 3.0.1 departs from IBSI: two principal axes, and kurtosis, which is not excess.
DEPARTURES = {"shape_MinorAxisLength", "shape_LeastAxisLength", "firstorder_Kurtosis"}

#: What Ecotone computes and IBSI does not define; the consensus has no value for them.
NOT_IN_IBSI = {
    "shape_Maximum2DDiameterColumn",
    "shape_Maximum2DDiameterRow",
    "shape_Maximum2DDiameterSlice",
    "firstorder_TotalEnergy",
    "glcm_MCC",
}

ROWS = consensus("digital_phantom", NOWHERE)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.code}-{row.feature}-{row.aggregation or 'one'}" for row in ROWS])
def test_the_ibsi_convention_agrees_with_the_consensus(row: Consensus) -> None:
    value = ours("digital_phantom", NOWHERE, row)
    assert row.agrees(value), f"{value:.6g} is not within {row.tolerance} of {row.value}"


def test_every_feature_that_ibsi_defines_is_compared() -> None:
    features = {row.feature for row in ROWS}
    assert len(ROWS) == 146
    assert {name.removeprefix("original_") for name in feature_names(IBSI)} - features == NOT_IN_IBSI


def test_the_pyradiomics_convention_departs_in_three_features() -> None:
    assert {row.feature for row in departures("digital_phantom", NOWHERE)} == DEPARTURES


def test_what_both_conventions_share_is_equal() -> None:
    ibsi, plain = found("digital_phantom", NOWHERE), found("digital_phantom", NOWHERE, "pyradiomics")
    differing = {name for name in ibsi if not np.isclose(ibsi[name], plain[name], rtol=1e-9, atol=1e-12)}
    # The major axis differs, too, but lies within the tolerance.
    assert differing == {*DEPARTURES, "shape_MajorAxisLength"}


def test_kurtosis_is_pyradiomics_minus_three() -> None:
    ibsi, plain = found("digital_phantom", NOWHERE), found("digital_phantom", NOWHERE, "pyradiomics")
    assert plain["firstorder_Kurtosis"] - ibsi["firstorder_Kurtosis"] == pytest.approx(3, abs=1e-12)


@pytest.mark.parametrize("axis", ["Major", "Minor", "Least"])
def test_axes_rest_on_the_unbiased_covariance_of_74_voxels(axis: str) -> None:
    ibsi, plain = found("digital_phantom", NOWHERE), found("digital_phantom", NOWHERE, "pyradiomics")
    name = f"shape_{axis}AxisLength"
    assert ibsi[name] / plain[name] == pytest.approx((74 / 73) ** 0.5, abs=1e-12)


@pytest.mark.parametrize(
    ("value", "agrees"),
    [(9.376, False), (9.374, True), (9.245, False), (9.25, True), (float("nan"), False)],
)
def test_the_rule_of_agreement_rounds_to_three_digits_first(value: float, agrees: bool) -> None:
    # 9.374 becomes 9.37, exactly 0.06 away; 9.376 becomes 9.38.
    assert Consensus("shape_MinorAxisLength", "P9VJ", "", Decimal("9.31"), Decimal("0.06")).agrees(value) is agrees


@pytest.mark.realdata
def test_the_phantom_built_in_code_is_the_published_one(shared_data: Path) -> None:
    folder = shared_data / "ibsi" / "ibsi_1_digital_phantom" / "nifti"
    volume, mask = digital_phantom()
    published = volume_from_sitk(sitk.ReadImage(str(folder / "image" / "phantom.nii.gz")))
    assert published.grid == volume.grid
    np.testing.assert_array_equal(published.array, volume.array)
    region = mask_from_sitk(sitk.ReadImage(str(folder / "mask" / "mask.nii.gz")))
    np.testing.assert_array_equal(region.array, mask.array)


@pytest.mark.realdata
def test_the_carried_consensus_is_the_published_one(shared_data: Path) -> None:
    with (shared_data / "ibsi_reference" / "ibsi_reference_values.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["config"] == "digital_phantom"]
    assert consensus("digital_phantom", NOWHERE) == list(comparable(rows))
