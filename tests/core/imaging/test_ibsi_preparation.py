"""Image preparation in the IBSI convention: grids, masks, grey levels, on phantoms with a closed form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imaging.core.engine.ibsi import ibsi_levels, ibsi_values, laplacian_of_gaussian, prepare
from imaging.core.engine.ibsi_resample import resample_aligned
from imaging.core.engine.resegment import resegment
from imaging.core.errors import EmptyMask, GridMismatch, MaskTooSmall, NothingInRange
from imaging.core.features import extract, feature_names
from imaging.core.geometry import Grid, TumorMask, Volume, mask_from_sitk, to_sitk, volume_from_sitk
from imaging.core.spec import ExtractionSpec, RadiomicsSpec

GRID = Grid((40, 80, 90), (2.5, 0.8, 0.7), (-31.0, -50.0, 17.0))
IBSI = RadiomicsSpec(None, convention="ibsi", log_sigma_mm=(), wavelet=False)


def ball(grid: Grid, centre_zyx: tuple[float, float, float], radius_mm: float) -> TumorMask:
    indices = np.indices(grid.shape_zyx, dtype=float)
    distance = [(i - c) * s for i, c, s in zip(indices, centre_zyx, grid.spacing_zyx_mm, strict=True)]
    return TumorMask(sum(d**2 for d in distance) <= radius_mm**2, grid)


def noise(grid: Grid = GRID, seed: int = 0) -> Volume:
    values = np.random.default_rng(seed).normal(-200, 300, grid.shape_zyx)
    return Volume(np.rint(values).astype(np.int16), grid)


def whole_by_itk(part: Volume | TumorMask, spacing_mm: float, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Resample the whole volume with ITK onto the aligned grid; give it with the position of its first voxel."""
    old, size = np.array(part.grid.spacing_zyx_mm), np.array(part.grid.shape_zyx)
    new_size = np.ceil(size * old / spacing_mm).astype(int)
    centre = part.grid.position((size - 1) / 2)
    origin = centre - (new_size[::-1] - 1) / 2 * spacing_mm
    filter_ = sitk.ResampleImageFilter()
    filter_.SetOutputSpacing((spacing_mm,) * 3)
    filter_.SetSize(new_size[::-1].tolist())
    filter_.SetOutputOrigin(origin.tolist())
    filter_.SetInterpolator({1: sitk.sitkLinear, 3: sitk.sitkBSpline}[order])
    filter_.SetOutputPixelType(sitk.sitkFloat64)
    source = sitk.Cast(to_sitk(part), sitk.sitkFloat64)
    return sitk.GetArrayFromImage(filter_.Execute(source)), origin


@pytest.mark.parametrize("interpolation", ["linear", "bspline"])
@pytest.mark.parametrize("spacing_mm", [1.0, 2.0], ids=["1mm", "2mm"])
def test_the_crop_has_the_values_of_itk_on_the_whole_volume(interpolation: str, spacing_mm: float) -> None:
    volume, mask = noise(), ball(GRID, (18, 38, 47), 9)
    spacing = (spacing_mm,) * 3
    image, region = resample_aligned(volume, mask, spacing_zyx_mm=spacing, interpolation=interpolation, pad_voxels=4)
    expected, origin = whole_by_itk(volume, spacing_mm, {"linear": 1, "bspline": 3}[interpolation])
    inside, _ = whole_by_itk(mask, spacing_mm, 1)
    start = (np.array(image.grid.origin_lps_mm) - origin)[::-1] / spacing_mm
    np.testing.assert_allclose(start, np.rint(start), atol=1e-9)
    box = tuple(slice(int(s), int(s) + n) for s, n in zip(np.rint(start), image.grid.shape_zyx, strict=True))
    assert np.abs(image.array - expected[box]).max() <= 0.5 + 1e-6
    np.testing.assert_array_equal(region.array, inside[box] >= 0.5 - 1e-6)
    assert region.voxels == np.count_nonzero(inside >= 0.5 - 1e-6)


def test_centres_of_both_grids_coincide() -> None:
    image, _ = resample_aligned(
        noise(),
        TumorMask(np.ones(GRID.shape_zyx, bool), GRID),
        spacing_zyx_mm=(3, 1, 1),
        interpolation="linear",
        pad_voxels=0,
    )
    # 40 slices of 2.5 mm are 33.3 of 3 mm, 80 rows of 0.8 mm are 64 and 90 columns of 0.7 mm are 63 of 1 mm.
    assert image.grid.shape_zyx == (34, 64, 63)
    middle = image.grid.position((np.array(image.grid.shape_zyx) - 1) / 2)
    np.testing.assert_allclose(middle, GRID.position((np.array(GRID.shape_zyx) - 1) / 2), atol=1e-9)


def test_padding_ends_at_the_edge_of_the_image() -> None:
    image, region = resample_aligned(
        noise(), ball(GRID, (2, 5, 86), 6), spacing_zyx_mm=(1.0,) * 3, interpolation="bspline", pad_voxels=500
    )
    assert image.grid.shape_zyx == region.grid.shape_zyx == (100, 64, 63)


@pytest.mark.parametrize("border", [1, 3, 5, 7])
def test_a_voxel_that_is_half_inside_is_inside_on_either_side(border: int) -> None:
    # From 3 mm to 2 mm, every third slice lies in the middle between two old ones, where the last bit of a
    # sum of thirds would decide: both the mask below a border and the mask above it contain that slice.
    grid = Grid((8, 4, 4), (3.0, 2.0, 2.0))
    below = np.arange(8) < border
    found = []
    for slices in (below, ~below):
        mask = TumorMask(np.broadcast_to(slices[:, None, None], grid.shape_zyx).copy(), grid)
        image, region = resample_aligned(
            noise(grid), mask, spacing_zyx_mm=(2.0, 2.0, 2.0), interpolation="linear", pad_voxels=12
        )
        assert image.grid.shape_zyx == (12, 4, 4)
        found.append(region.array.all(axis=(1, 2)))
    assert np.flatnonzero(found[0] & found[1]).tolist() == [(border * 3 - 1) // 2]
    assert (found[0] | found[1]).all()


@given(arrays(np.bool_, (7, 9, 8)), st.sampled_from([0.7, 1.3, 2.0]), st.integers(0, 3))
@hypothesis_settings(max_examples=40, deadline=None)
def test_what_is_kept_around_a_tumour_does_not_change_it(mask: np.ndarray, spacing_mm: float, pad: int) -> None:
    grid = Grid(mask.shape, (1.5, 1.0, 1.1), (4.0, -3.0, 2.0))
    assume(mask.any())
    volume, region = noise(grid), TumorMask(mask, grid)
    options = {"spacing_zyx_mm": (spacing_mm,) * 3, "interpolation": "bspline"}
    try:
        image, near = resample_aligned(volume, region, pad_voxels=pad, **options)
    except MaskTooSmall:
        return
    whole, far = resample_aligned(volume, region, pad_voxels=100, **options)
    assert near.voxels == far.voxels
    np.testing.assert_array_equal(image.array[near.array], whole.array[far.array])


def test_interpolated_intensities_are_whole_hu_and_a_given_spacing_leaves_them_alone() -> None:
    mask = ball(GRID, (18, 38, 47), 9)
    halves = Volume((noise().array + 0.5).astype(np.float32), GRID)
    assert prepare(halves, mask, replace(IBSI, resampled_spacing_mm=1.0)).image.array.dtype == np.int16
    untouched = prepare(halves, mask, IBSI)
    np.testing.assert_array_equal(untouched.image.array[untouched.morphology.array], halves.array[mask.array])


def test_a_mask_that_fills_no_new_voxel_is_refused_with_its_numbers() -> None:
    mask = np.zeros(GRID.shape_zyx, dtype=bool)
    mask[20, 40, 45] = True
    with pytest.raises(MaskTooSmall, match="empty after resampling to 3 x 3 x 3 mm: its 1 voxels"):
        prepare(noise(), TumorMask(mask, GRID), replace(IBSI, resampled_spacing_mm=3.0))


def test_an_empty_mask_and_another_grid_are_refused() -> None:
    empty = TumorMask(np.zeros(GRID.shape_zyx, dtype=bool), GRID)
    elsewhere = replace(GRID, origin_lps_mm=(0.0, 0.0, 0.0))
    for settings in (IBSI, replace(IBSI, resampled_spacing_mm=1.0)):
        with pytest.raises(EmptyMask):
            prepare(noise(), empty, settings)
        with pytest.raises(GridMismatch):
            prepare(noise(), ball(elsewhere, (18, 38, 47), 9), settings)


LINE = Grid((1, 1, 8), (1.0, 1.0, 1.0))
ALL = TumorMask(np.ones((1, 1, 8), dtype=bool), LINE)


def line(*values: float) -> Volume:
    return Volume(np.array(values, dtype=np.int16).reshape(1, 1, 8), LINE)


def test_the_bounds_of_a_range_belong_to_it() -> None:
    kept = resegment(line(-501, -500, -499, 0, 399, 400, 401, 9), ALL, range_hu=(-500.0, 400.0), sigmas=None)
    assert kept.array.ravel().tolist() == [False, True, True, True, True, True, False, True]


def test_outliers_lie_beyond_a_multiple_of_the_population_deviation() -> None:
    # Mean 1, deviation 2.121 (of a sample 2.268): 4 and -2 lie 1.414 (of a sample 1.323) deviations away.
    image = line(1, 1, 1, 1, 4, -2, 4, -2)
    assert resegment(image, ALL, range_hu=None, sigmas=1.42).voxels == 8
    assert resegment(image, ALL, range_hu=None, sigmas=1.41).voxels == 4


def test_of_two_conditions_both_hold_and_the_mean_is_that_of_the_whole_mask() -> None:
    # The mean of all is 112.5 and the deviation 338: 1000 lies 2.6 deviations above. Had the range come
    # first, the mean would be -14.3 and 100 would be an outlier of 2.4 deviations.
    image = line(1000, 100, -33, -33, -33, -34, -33, -34)
    assert resegment(image, ALL, range_hu=(-500.0, 400.0), sigmas=2.0).voxels == 7
    assert resegment(image, ALL, range_hu=(-500.0, 50.0), sigmas=2.0).voxels == 6


def test_the_shape_keeps_what_resegmentation_leaves_out() -> None:
    settings = replace(IBSI, resegment_range_hu=(0.0, 5.0))
    ready = prepare(line(-9, 1, 2, 3, 4, 5, 6, 7), ALL, settings)
    assert (ready.morphology.voxels, ready.intensity.voxels) == (8, 5)


def test_a_range_that_leaves_nothing_is_refused_with_its_numbers() -> None:
    with pytest.raises(
        NothingInRange, match=r"None of the mask's 8 voxels lies between 500 and 600 HU.*from 1 to 8 HU"
    ):
        resegment(line(1, 2, 3, 4, 5, 6, 7, 8), ALL, range_hu=(500.0, 600.0), sigmas=None)


def test_no_condition_keeps_the_mask() -> None:
    assert resegment(line(*range(8)), ALL, range_hu=None, sigmas=None) is ALL


def test_bins_of_one_size_count_from_the_range_or_from_the_minimum() -> None:
    values = np.array([-990, -976, -975, -951, -950, 400])
    in_range = replace(IBSI, bin_width_hu=25.0, resegment_range_hu=(-1000.0, 400.0))
    assert ibsi_levels(values, in_range).tolist() == [1, 1, 2, 2, 3, 57]
    assert ibsi_levels(values, replace(IBSI, bin_width_hu=25.0)).tolist() == [1, 1, 1, 2, 2, 56]


def test_the_response_of_a_filter_has_no_range() -> None:
    settings = replace(IBSI, bin_width_hu=25.0, resegment_range_hu=(-1000.0, 400.0))
    assert ibsi_levels(np.array([-2000.0, -1976.0, -1975.0]), settings, filtered=True).tolist() == [1, 1, 2]


def test_a_number_of_bins_ends_with_the_maximum() -> None:
    values = np.array([0, 24, 25, 49, 50, 74, 75, 99, 100])
    assert ibsi_levels(values, replace(IBSI, bin_count=4)).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 4]


def test_a_flat_region_has_one_level() -> None:
    assert ibsi_levels(np.full(5, 7), replace(IBSI, bin_count=32)).tolist() == [1] * 5
    assert ibsi_levels(np.full(5, 7), IBSI).tolist() == [1] * 5


@given(arrays(np.float64, st.integers(2, 40), elements=st.floats(-1000, 1000)), st.integers(1, 64))
@hypothesis_settings(max_examples=80, deadline=None)
def test_levels_are_whole_ordered_and_within_their_number(values: np.ndarray, count: int) -> None:
    levels = ibsi_levels(values, replace(IBSI, bin_count=count))
    assert levels.dtype == np.int32
    assert levels.min() == 1
    assert levels.max() == (count if np.ptp(values) else 1)
    assert (np.diff(levels[np.argsort(values, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("spacing_mm", [None, 1.5], ids=["native", "1.5mm"])
def test_what_surrounds_the_crop_changes_no_filter_response(spacing_mm: float | None) -> None:
    grid = Grid((50, 60, 60), (2.0, 1.5, 1.5))
    volume, mask = noise(grid), ball(grid, (25, 30, 30), 8)
    narrow = replace(IBSI, resampled_spacing_mm=spacing_mm, log_sigma_mm=(4.0,), pad_distance_voxels=0)
    near, far = prepare(volume, mask, narrow), prepare(volume, mask, replace(narrow, pad_distance_voxels=100))
    assert near.image.array.size < far.image.array.size
    responses = [laplacian_of_gaussian(one.image, sigma_mm=4.0).array[one.morphology.array] for one in (near, far)]
    np.testing.assert_array_equal(*responses)


def test_the_laplacian_of_gaussian_of_an_impulse_is_the_sampled_function_within_four_sigma() -> None:
    grid = Grid((23, 23, 23), (1.5, 1.5, 1.5))
    impulse = np.zeros(grid.shape_zyx, dtype=np.int16)
    impulse[11, 11, 11] = 1000
    sigma = 1.9  # voxels; four of them are 7.6, which rounds to 8
    found = laplacian_of_gaussian(Volume(impulse, grid), sigma_mm=sigma * 1.5).array
    offsets = np.indices(grid.shape_zyx) - 11
    squared = (offsets**2).sum(axis=0) / sigma**2
    expected = 1000 * (squared - 3) / sigma**2 * np.exp(-squared / 2) / (2 * np.pi * sigma**2) ** 1.5
    within = np.abs(offsets).max(axis=0) <= 8
    np.testing.assert_allclose(found, np.where(within, expected, 0), rtol=1e-6, atol=1e-12)


def test_kurtosis_of_a_flat_region_stays_zero() -> None:
    found = {"original_firstorder_Kurtosis": 0.0, "original_firstorder_Variance": 0.0}
    assert ibsi_values(found, morphology_voxels=8) == found


def test_only_kurtosis_and_axes_change() -> None:
    names = feature_names(ExtractionSpec(radiomics=replace(IBSI, log_sigma_mm=(2.0,), wavelet=True)))
    found = dict.fromkeys(names, 6.0)
    changed = ibsi_values(found, morphology_voxels=9)
    assert list(changed) == list(names)
    kurtoses = {n for n in names if n.endswith("_firstorder_Kurtosis")}
    axes = {f"original_shape_{axis}AxisLength" for axis in ("Major", "Minor", "Least")}
    assert len(kurtoses) == 10
    assert {n for n in names if changed[n] != 6.0} == kurtoses | axes
    assert {changed[n] for n in kurtoses} == {3.0}
    assert [changed[n] for n in axes] == pytest.approx([6.0 * (9 / 8) ** 0.5] * 3)


#: What each of the degenerate masks beside the repository must lead to: its voxels, or the sentence.
DEGENERATE = [
    ("uninformative", "full_mask", None),
    ("uninformative", "empty_mask", "The mask is empty"),
    ("uninformative", "one_voxel_mask", "The mask has 1 voxels"),
    ("uninformative", "disconnected_mask", "The mask has 3 voxels"),
    ("uninformative_slice", "full_mask", None),
    ("uninformative_slice", "empty_mask", "The mask is empty"),
    ("uninformative_slice", "one_voxel_mask", "The mask has 1 voxels"),
    ("uninformative_slice", "disconnected_mask", "The mask has 3 voxels"),
    ("orientation", "mask", None),
]


@pytest.mark.realdata
@pytest.mark.parametrize("convention", ["pyradiomics", "ibsi"])
@pytest.mark.parametrize("spacing_mm", [None, 1.0], ids=["native", "1mm"])
@pytest.mark.parametrize(("image", "mask", "refused"), DEGENERATE, ids=[f"{i}-{m}" for i, m, _ in DEGENERATE])
def test_degenerate_masks_have_values_or_a_clear_message(
    shared_data: Path, image: str, mask: str, refused: str | None, spacing_mm: float | None, convention: str
) -> None:
    folder = shared_data / "edge_masks" / image
    volume = volume_from_sitk(sitk.ReadImage(str(folder / "image" / f"{image}.nii.gz")))
    region = mask_from_sitk(sitk.ReadImage(str(folder / "mask" / f"{mask}.nii.gz")))
    settings = replace(IBSI, convention=convention, resampled_spacing_mm=spacing_mm, log_sigma_mm=(1.0,))
    spec = ExtractionSpec(radiomics=settings)
    if refused is not None:
        with pytest.raises((EmptyMask, MaskTooSmall), match=refused):
            extract(volume, region, spec)
        return
    found = extract(volume, region, spec)
    assert found.names == feature_names(spec)
    assert {n for n, v in found.as_dict().items() if np.isnan(v)} == set(found.undefined)
    assert found.as_dict()["original_firstorder_Mean"] == pytest.approx(volume.array.mean(), abs=1.0)
