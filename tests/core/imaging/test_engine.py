"""The native engine: equal to pyradiomics on what no real tumour looks like, and closed forms of its parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.engine import native, reference
from imaging.core.engine.diameters import diameters
from imaging.core.engine.discretise import GreyLevels, levels_by_count, levels_by_width
from imaging.core.engine.marching_cubes import surface_and_volume
from imaging.core.engine.matrices import count_pairs
from imaging.core.engine.prepared import Prepared
from imaging.core.engine.region import DIRECTIONS, PaddedRegion
from imaging.core.engine.resegment import resegment
from imaging.core.engine.texture import texture_features
from imaging.core.features import extract
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.spec import ExtractionSpec, RadiomicsSpec

PLAIN = RadiomicsSpec(log_sigma_mm=(), wavelet=False)
Array = NDArray[Any]


def case(
    mask: Array, array: Array, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> tuple[Volume, TumorMask]:
    grid = Grid(mask.shape, spacing)
    return Volume(array, grid), TumorMask(mask, grid)


def assert_engines_agree(volume: Volume, mask: TumorMask, spec: RadiomicsSpec, *, rtol: float = 1e-6) -> None:
    with np.errstate(all="ignore"):
        prepared = Prepared(volume, mask, resegment(volume, mask, range_hu=spec.resegment_range_hu, sigmas=None))
        found, expected = native.compute(prepared, spec), reference.compute(prepared, spec)
    assert set(found) == set(expected)
    assert set(found) <= set(native.names(spec))
    keys = sorted(found)
    np.testing.assert_allclose(
        [found[k] for k in keys], [expected[k] for k in keys], rtol=rtol, atol=1e-9, equal_nan=True, err_msg=str(keys)
    )


def ragged(seed: int, shape: tuple[int, int, int] = (9, 11, 13), share: float = 0.2) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.random(shape) < share, (rng.normal(size=shape) * 90).astype(np.float32)


@pytest.mark.parametrize("share", [0.08, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_ragged_masks_have_the_values_of_pyradiomics(share: float, dtype: type) -> None:
    mask, array = ragged(4, share=share)
    assert_engines_agree(*case(mask, array.astype(dtype), (2.5, 0.7, 0.8)), PLAIN)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    levels=st.integers(1, 9),
    shape=st.tuples(st.integers(3, 7), st.integers(3, 8), st.integers(3, 9)),
    share=st.floats(0.3, 1.0),
)
def test_few_levels_on_any_mask_have_the_values_of_pyradiomics(
    seed: int, levels: int, shape: tuple[int, int, int], share: float
) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < share
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    array = (rng.integers(0, levels, shape) * 25).astype(np.int16)
    assert_engines_agree(*case(mask, array), PLAIN)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mask_of_one_slice_has_only_the_directions_in_it(axis: int) -> None:
    mask = np.zeros((12, 13, 14), dtype=bool)
    index: list[Any] = [slice(2, 11)] * 3
    index[axis] = 5
    mask[tuple(index)] = True
    assert_engines_agree(*case(mask, ragged(1, mask.shape)[1]), PLAIN)


def test_levels_that_are_far_apart_do_not_change_the_values() -> None:
    # One voxel of metal: 160 possible levels of which few occur.
    mask, array = ragged(2, share=0.5)
    array[4, 5, 6], mask[4, 5, 6] = 4000.0, True
    assert_engines_agree(*case(mask, array), PLAIN)


def test_a_fixed_number_of_bins_has_the_values_of_pyradiomics() -> None:
    mask, array = ragged(3, share=0.5)
    assert_engines_agree(*case(mask, array), replace(PLAIN, bin_count=12))


def test_voxels_outside_a_range_count_for_shape_alone() -> None:
    mask, array = ragged(7, share=0.5)
    spec = replace(PLAIN, resegment_range_hu=(-100.0, 60.0))
    assert_engines_agree(*case(mask, array), spec)


def test_fractional_bins_have_the_values_of_pyradiomics() -> None:
    mask, array = ragged(5, share=0.5)
    assert_engines_agree(*case(mask, array), replace(PLAIN, bin_width_hu=7.3))


def test_filters_have_the_values_of_pyradiomics() -> None:
    mask, array = ragged(6, (17, 18, 21), share=0.3)
    spec = RadiomicsSpec(log_sigma_mm=(1.0, 2.5))
    assert_engines_agree(*case(mask, array, (1.5, 1.0, 0.9)), spec)


@pytest.mark.parametrize(
    "start", [(14, 15, 16), (0, 15, 27), (2, 26, 3)], ids=["inside", "at two edges", "near all edges"]
)
def test_filters_of_a_crop_are_those_of_the_whole_image(start: tuple[int, int, int]) -> None:
    # Without resampling the engine filters what a filter sees; pyradiomics filters everything, and wraps wavelets round.
    array = (np.random.default_rng(8).normal(size=(40, 42, 44)) * 200).astype(np.int16)
    mask = np.zeros(array.shape, dtype=bool)
    mask[tuple(slice(a, a + 12) for a in start)] = True
    volume, tumour = case(mask, array, (3.0, 3.0, 3.0))
    spec = RadiomicsSpec(None, log_sigma_mm=(1.0,), classes=("firstorder", "glcm"))
    found = extract(volume, tumour, ExtractionSpec(radiomics=spec)).as_dict()
    expected = reference.compute(Prepared(volume, tumour, tumour), spec)
    keys = sorted(expected)
    np.testing.assert_allclose([found[k] for k in keys], [expected[k] for k in keys], rtol=1e-6, atol=1e-9)


def test_edges_of_bins_belong_to_the_upper_bin() -> None:
    levels = levels_by_width(np.array([-30, -25, -1, 0, 24, 25], dtype=np.int16), width=25.0)
    assert levels.level.tolist() == [1, 2, 2, 3, 3, 4]
    assert levels.present.tolist() == [1, 2, 3, 4]
    assert levels.counts.tolist() == [1, 2, 2, 1]


def test_the_maximum_belongs_to_the_last_of_a_fixed_number_of_bins() -> None:
    levels = levels_by_count(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), count=4)
    assert levels.level.tolist() == [1, 2, 3, 4, 4]


def test_directions_are_one_of_each_opposite_pair() -> None:
    both = {*DIRECTIONS, *((-z, -y, -x) for z, y, x in DIRECTIONS)}
    assert len(DIRECTIONS) == 13
    assert len(both) == 26


def counted(labels: list[list[list[int]]]) -> tuple[Array, Array, Array, PaddedRegion]:
    array = np.array(labels)
    region = PaddedRegion.of(array > 0)
    levels = GreyLevels.of(region.values(array).astype(np.int32))
    strides = region.strides(DIRECTIONS)
    longest = max(array.shape)
    return (
        *count_pairs(region.scatter(levels.index + 1), region.positions, strides, len(levels.present), longest),
        region,
    )


def test_pairs_runs_and_zones_of_a_small_image_are_as_counted_by_hand() -> None:
    pairs, runs, zones, _ = counted([[[1, 1, 2], [2, 1, 2]]])
    along_x = DIRECTIONS.index((0, 0, 1))
    assert pairs[along_x].tolist() == [[1, 2], [1, 0]]  # 1-1, 1-2 | 2-1, 1-2
    assert runs[along_x].tolist() == [[1, 1, 0], [3, 0, 0]]
    assert sorted(zones[zones > 0].tolist()) == [1, 2, 3]  # 2 alone, 2-2, and 1-1-1 over the corner


def test_zones_are_what_connected_component_labelling_finds() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (14, 15, 16))
    _, _, zones, _ = counted(labels.tolist())
    expected = [
        size
        for level in (1, 2, 3)
        for size in np.bincount(ndimage.label(labels == level, structure=np.ones((3, 3, 3)))[0].ravel())[1:]
    ]
    assert sorted(zones[zones > 0].tolist()) == sorted(expected)


def test_merged_directions_weigh_by_their_pairs() -> None:
    # Ten voxels in a row, and one pair of another contrast in a column.
    labels = np.zeros((1, 2, 10), dtype=int)
    labels[0, 0] = [1, 2] * 5
    labels[0, 1, 0] = 1
    region = PaddedRegion.of(labels > 0)
    levels = GreyLevels.of(region.values(labels).astype(np.int32))
    merged = texture_features(levels, region, families=("glcm",), merge=True)["glcm_Contrast"]
    # x: nine pairs of difference 1; y: one of 0; one diagonal: one of 1.
    assert merged == pytest.approx(10 / 11)
    averaged = texture_features(levels, region, families=("glcm",))["glcm_Contrast"]
    assert averaged == pytest.approx((1 + 0 + 1) / 3)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.5, 0.75)])
def test_a_block_has_the_surface_and_volume_of_its_chamfered_body(spacing: tuple[float, float, float]) -> None:
    # Half way between centres: edges and corners are cut, so the body is known exactly.
    n = np.array([4, 5, 6])
    padded = np.pad(np.ones(n, dtype=bool), 1)
    area, volume = surface_and_volume(padded, spacing_zyx_mm=spacing)
    s = np.array(spacing)
    box = n * s
    inner = (n - 1) * s
    chamfer = sum(4 * inner[a] * s[b] * s[c] / 8 for a, b, c in ((0, 1, 2), (1, 0, 2), (2, 0, 1)))
    corners = 8 * (5 / 6) * s.prod() / 8
    assert volume == pytest.approx(box.prod() - chamfer - corners)
    flat = 2 * (inner[0] * inner[1] + inner[0] * inner[2] + inner[1] * inner[2])
    slanted = sum(4 * inner[a] * np.hypot(s[b], s[c]) / 2 for a, b, c in ((0, 1, 2), (1, 0, 2), (2, 0, 1)))
    triangle = np.linalg.norm(np.cross([-s[0], s[1], 0], [-s[0], 0, s[2]])) / 8
    assert area == pytest.approx(flat + slanted + 8 * triangle)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), share=st.floats(0.05, 0.95))
def test_diameters_are_those_of_all_pairs_of_surface_points(seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((5, 6, 7)) < share
    mask[2, 3, 3] = True
    padded, spacing = np.pad(mask, 1), (2.5, 0.7, 0.9)
    points = []
    for axis in range(3):
        shifted = np.roll(padded, -1, axis)
        middle = np.zeros(3)
        middle[axis] = 0.5
        points.append((np.argwhere(padded != shifted) + middle) * spacing)
    p = np.concatenate(points)
    distance = np.linalg.norm(p[:, None] - p[None], axis=2)
    expected = [distance[p[:, None, axis] == p[None, :, axis]].max() for axis in range(3)]
    assert diameters(padded, spacing_zyx_mm=spacing) == pytest.approx((*expected, distance.max()))
