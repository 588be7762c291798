"""Whole-tumour radiomics on phantoms with a closed form."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from imaging.core.errors import EmptyMask, GridMismatch, MaskTooSmall
from imaging.core.feature_vector import FeatureVector
from imaging.core.features import extract, feature_names
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.spec import LIGHT, REFERENCE, STANDARD, ExtractionSpec, RadiomicsSpec

GRID = Grid((60, 60, 60), (1.0, 1.0, 1.0))
PLAIN = ExtractionSpec(radiomics=RadiomicsSpec(log_sigma_mm=(), wavelet=False))


def ball(centre: tuple[int, int, int] = (30, 30, 30), radius_mm: float = 10.0, grid: Grid = GRID) -> TumorMask:
    offsets = np.indices(grid.shape_zyx) - np.reshape(centre, (3, 1, 1, 1))
    return TumorMask((offsets**2).sum(axis=0) <= radius_mm**2, grid)


def noise(seed: int = 0, grid: Grid = GRID) -> Volume:
    values = np.random.default_rng(seed).normal(30, 60, grid.shape_zyx)
    return Volume(np.rint(values).astype(np.int16), grid)


@pytest.fixture(scope="module")
def standard() -> FeatureVector:
    return extract(noise(), ball(), STANDARD)


def test_the_protocols_have_the_numbers_of_the_method() -> None:
    assert len(feature_names(STANDARD)) == len(set(feature_names(STANDARD))) == 1316
    assert len(feature_names(LIGHT)) == 386
    assert len(feature_names(PLAIN)) == 107


def test_extraction_returns_exactly_the_announced_names(standard: FeatureVector) -> None:
    assert standard.names == feature_names(STANDARD)
    assert standard.values.shape == (1316,)
    assert np.isfinite(standard.values).all()
    assert standard.undefined == {}


def test_names_are_those_of_pyradiomics(standard: FeatureVector) -> None:
    wanted = {"original_shape_MeshVolume", "log-sigma-1-0-mm-3D_firstorder_Mean", "wavelet-LLH_glcm_Contrast"}
    assert wanted <= set(standard.names)


def test_first_order_values_are_those_of_the_voxels(standard: FeatureVector) -> None:
    inside = noise().array[ball().array].astype(float)
    found = standard.as_dict()
    assert found["original_firstorder_Mean"] == pytest.approx(inside.mean())
    assert found["original_firstorder_Variance"] == pytest.approx(inside.var())
    assert found["original_firstorder_Energy"] == pytest.approx(((inside + 1000) ** 2).sum())
    assert found["original_firstorder_90Percentile"] == pytest.approx(np.percentile(inside, 90))


def test_the_shape_of_a_ball_is_that_of_a_ball(standard: FeatureVector) -> None:
    found = standard.as_dict()
    assert found["original_shape_MeshVolume"] == pytest.approx(4 / 3 * np.pi * 10**3, rel=0.01)
    assert found["original_shape_VoxelVolume"] == ball().voxels
    assert found["original_shape_Maximum3DDiameter"] == pytest.approx(20, abs=1)
    assert found["original_shape_Elongation"] == pytest.approx(1, abs=1e-6)


def test_glcm_contrast_of_a_chessboard_has_its_closed_form() -> None:
    # Along an axis or a space diagonal all pairs differ by one bin; along the six face diagonals none does.
    board = (np.indices(GRID.shape_zyx).sum(axis=0) % 2 * 25).astype(np.int16)
    found = extract(Volume(board, GRID), ball(), PLAIN).as_dict()
    assert found["original_glcm_Contrast"] == pytest.approx(7 / 13)
    assert found["original_glcm_Id"] == pytest.approx((6 + 7 / 2) / 13)


def test_where_the_tumour_lies_does_not_matter() -> None:
    block = noise().array[15:46, 15:46, 15:46]
    moved = np.full(GRID.shape_zyx, -900, dtype=np.int16)
    moved[20:51, 18:49, 22:53] = block
    still = np.full(GRID.shape_zyx, -900, dtype=np.int16)
    still[15:46, 15:46, 15:46] = block
    one = extract(Volume(still, GRID), ball(), PLAIN)
    other = extract(Volume(moved, GRID), ball((35, 33, 37)), PLAIN)
    np.testing.assert_allclose(one.values, other.values, rtol=1e-9, atol=1e-9)


def test_twice_the_same_gives_the_same_bits_and_leaves_the_input_alone(standard: FeatureVector) -> None:
    volume, mask = noise(), ball()
    before = volume.array.copy()
    np.testing.assert_array_equal(extract(volume, mask, STANDARD).values, standard.values)
    np.testing.assert_array_equal(volume.array, before)


def test_resampling_gives_the_volume_at_one_millimetre() -> None:
    grid = Grid((30, 60, 60), (2.0, 1.0, 1.0))
    mask = TumorMask(ball().array[::2], grid)
    vector = extract(noise(grid=grid), mask, PLAIN)
    assert vector.provenance["voxel_volume_mm3"] == 1.0
    assert vector.as_dict()["original_shape_VoxelVolume"] == pytest.approx(mask.volume_mm3, rel=0.05)


def test_a_flat_region_has_values_or_reasons_and_no_infinity() -> None:
    vector = extract(Volume(np.full(GRID.shape_zyx, 40, np.int16), GRID), ball(), PLAIN)
    missing = {name for name, value in vector.as_dict().items() if np.isnan(value)}
    assert missing == set(vector.undefined)
    assert not np.isinf(vector.values).any()
    assert vector.as_dict()["original_firstorder_Mean"] == 40


def test_a_region_smaller_than_a_filter_says_so() -> None:
    grid = Grid((5, 12, 12), (1.0, 1.0, 1.0))
    mask = TumorMask(np.ones(grid.shape_zyx, bool), grid)
    spec = ExtractionSpec(radiomics=RadiomicsSpec(log_sigma_mm=(1.0, 5.0), wavelet=False))
    vector = extract(noise(grid=grid), mask, spec)
    gone = [name for name in vector.names if name.startswith("log-sigma-5-0")]
    assert set(vector.undefined) == set(gone)
    assert "smaller than the filter log-sigma-5-0-mm-3D" in vector.undefined[gone[0]]


def test_provenance_names_engine_versions_and_specification(standard: FeatureVector) -> None:
    about = standard.provenance
    assert about["engine"] == "native"
    assert {"ecotone", "numpy", "numba", "SimpleITK", "PyWavelets"} <= set(about["versions"])  # type: ignore[call-overload]
    assert (about["spec"], about["spec_digest"]) == ("standard", STANDARD.digest)
    assert about["voxels"] == ball().voxels


def test_the_engine_is_chosen_by_the_protocol(standard: FeatureVector) -> None:
    by_pyradiomics = extract(noise(), ball(), REFERENCE)
    assert by_pyradiomics.provenance["engine"] == "pyradiomics"
    assert by_pyradiomics.provenance["versions"]["pyradiomics"] == "3.0.1"  # type: ignore[index]
    assert by_pyradiomics.names == standard.names
    np.testing.assert_allclose(by_pyradiomics.values, standard.values, rtol=1e-6, atol=1e-9)


def test_pyradiomics_stays_silent(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    grid = Grid((3, 12, 12), (1.0, 1.0, 1.0))
    spec = ExtractionSpec(radiomics=RadiomicsSpec(log_sigma_mm=(5.0,), wavelet=False, engine="pyradiomics"))
    with caplog.at_level(logging.DEBUG):  # the filter does not fit, which pyradiomics warns of
        extract(noise(grid=grid), TumorMask(np.ones(grid.shape_zyx, bool), grid), spec)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_it_refuses_too_few_voxels_and_says_how_many() -> None:
    with pytest.raises(MaskTooSmall, match="has 33 voxels after resampling to 1 mm; texture needs at least 64"):
        extract(noise(), ball(radius_mm=2), PLAIN)


def test_it_refuses_a_line() -> None:
    spec = replace(PLAIN, radiomics=replace(PLAIN.radiomics, minimum_voxels=10))
    line = TumorMask(np.zeros(GRID.shape_zyx, bool), GRID)
    line.array[30, 30, 10:40] = True
    with pytest.raises(MaskTooSmall, match="a line of 30 voxels"):
        extract(noise(), line, spec)


@pytest.mark.parametrize("spacing", [1.0, None])
def test_it_refuses_an_empty_mask(spacing: float | None) -> None:
    spec = ExtractionSpec(radiomics=replace(PLAIN.radiomics, resampled_spacing_mm=spacing))
    with pytest.raises(EmptyMask):
        extract(noise(), TumorMask(np.zeros(GRID.shape_zyx, bool), GRID), spec)


def test_it_refuses_a_mask_on_another_grid() -> None:
    shifted = replace(GRID, origin_lps_mm=(0.0, 0.0, 5.0))
    with pytest.raises(GridMismatch):
        extract(noise(), TumorMask(ball().array, shifted), PLAIN)


def test_a_vector_refuses_values_that_do_not_fit_its_names() -> None:
    with pytest.raises(ValueError, match="2 names"):
        FeatureVector(("a", "b"), np.zeros(3))
