"""Voxel maps on phantoms with a closed form, and what holds for any image."""

from __future__ import annotations

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from imaging.core.engine.voxel_correlation import maximal_correlation
from imaging.core.engine.voxel_maps import (
    FIRST_ORDER_FEATURES,
    GLCM_FEATURES,
    VoxelMaps,
    first_order_maps,
    glcm_maps,
)
from imaging.core.engine.voxel_tables import EXCHANGES, KERNEL, PAIR_BEGINS
from imaging.core.errors import EmptyMask, GridMismatch, UnknownSetting
from imaging.core.geometry import Grid, TumorMask, Volume

Case = tuple[Volume, TumorMask]
Box = tuple[int, int, int]

CENTRE = (2, 2, 2)
#: Features of the grey levels alone, and of distances from the mean: neither knows where zero is.
UNMOVED = ("Entropy", "Uniformity", "Variance", "MeanAbsoluteDeviation", "Range", "InterquartileRange", "Skewness")


def case(values: NDArray[np.integer] | list[float], mask: NDArray[np.bool_] | None = None) -> Case:
    """Give an image of 2 x 1 x 1 mm voxels; a list becomes a line along the columns."""
    array = np.asarray(values, dtype=np.int16)
    array = array.reshape(1, 1, -1) if array.ndim == 1 else array
    inside = np.ones(array.shape, dtype=bool) if mask is None else mask
    grid = Grid(array.shape, (2.0, 1.0, 1.0), (5.0, -3.0, 10.0))
    return Volume(array, grid), TumorMask(inside, grid)


def at(maps: VoxelMaps, place: Box = CENTRE) -> dict[str, float]:
    return {name: float(maps[name][place]) for name in maps.names}


def assert_values(found: dict[str, float], **expected: float) -> None:
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12, abs=1e-12)


def bits(*parts: float) -> float:
    return -sum(p * math.log2(p) for p in parts)


def test_there_are_the_18_and_24_features_of_pyradiomics() -> None:
    assert len(FIRST_ORDER_FEATURES) == 18
    assert len(GLCM_FEATURES) == 24


# closed forms


def test_a_constant_image_has_no_disorder() -> None:
    maps = first_order_maps(*case(np.full((5, 5, 5), -700)), voxel_array_shift=1000)
    flat = dict.fromkeys(("Variance", "Entropy", "Skewness", "Kurtosis", "Range", "MeanAbsoluteDeviation"), 0.0)
    assert_values(at(maps), **flat, Uniformity=1, Mean=-700, Median=-700, RobustMeanAbsoluteDeviation=0)
    assert_values(at(maps), Energy=27 * 300**2, TotalEnergy=2 * 27 * 300**2, RootMeanSquared=300)
    assert_values(at(maps, (0, 0, 0)), Energy=8 * 300**2)
    assert_values(at(maps, (0, 2, 2)), Energy=18 * 300**2)
    assert sum(maps.undefined.values()) == 0


def test_a_constant_image_has_one_cell_of_co_occurrence() -> None:
    maps = glcm_maps(*case(np.full((5, 5, 5), -700)))
    ones = (
        "JointEnergy",
        "JointAverage",
        "Autocorrelation",
        "MaximumProbability",
        "Correlation",
        "MCC",
        "Id",
        "Idmn",
    )
    zeros = ("JointEntropy", "Contrast", "Imc1", "Imc2", "InverseVariance", "SumSquares", "ClusterProminence")
    for place in (CENTRE, (0, 0, 0), (4, 2, 0)):
        assert_values(at(maps, place), **dict.fromkeys(ones, 1.0), **dict.fromkeys(zeros, 0.0), SumAverage=2)


def test_a_flat_place_in_an_image_of_two_levels_has_no_maximal_correlation() -> None:
    values = np.zeros((5, 5, 9))
    values[:, :, 7:] = 100
    assert_values(at(glcm_maps(*case(values))), MCC=0, Correlation=1, JointEnergy=1)


def checkerboard() -> Case:
    return case(25 * (np.indices((5, 5, 5)).sum(axis=0) % 2))


def test_a_checkerboard_mixes_as_its_parity_says() -> None:
    # Three axes and four space diagonals join unlike fields, six diagonals of faces like ones.
    found = at(glcm_maps(*checkerboard()))
    assert_values(found, Contrast=7 / 13, Correlation=-1 / 13, DifferenceAverage=7 / 13, DifferenceEntropy=0)
    assert_values(found, JointEntropy=1, JointEnergy=0.5, MaximumProbability=0.5, SumEntropy=6 / 13, MCC=1)
    assert_values(found, JointAverage=1.5, SumAverage=3, SumSquares=0.25, ClusterTendency=6 / 13, ClusterShade=0)
    assert_values(found, Id=(6 + 7 / 2) / 13, Idn=(6 + 7 / 1.5) / 13, Idmn=(6 + 7 / 1.25) / 13)
    assert_values(found, Idm=(6 + 7 / 2) / 13, InverseVariance=7 / 13, Autocorrelation=(7 * 2 + 6 * 2.5) / 13)
    assert_values(found, Imc1=-1, Imc2=math.sqrt(1 - math.exp(-2)), ClusterProminence=6 / 13, DifferenceVariance=0)


def test_a_checkerboard_counts_14_fields_of_one_colour() -> None:
    found = at(first_order_maps(*checkerboard()))
    assert_values(found, Entropy=bits(14 / 27, 13 / 27), Uniformity=(14**2 + 13**2) / 27**2)
    # The colour of the centre is 0; of its kernel, corners and edge neighbours differ in parity.
    high = 14 if found["Mean"] > 12.5 else 13
    assert_values(
        found,
        Mean=25 * high / 27,
        Variance=25**2 * 13 * 14 / 27**2,
        Minimum=0,
        Maximum=25,
        Kurtosis=(1 - 3 * 13 * 14 / 27**2) / (13 * 14 / 27**2),
    )


def test_a_single_voxel_is_its_own_statistics_and_has_no_pair() -> None:
    first, glcm = first_order_maps(*case([40.0])), glcm_maps(*case([40.0]))
    alone = dict.fromkeys(("Mean", "Median", "Minimum", "Maximum", "10Percentile", "90Percentile"), 40.0)
    nothing = ("Entropy", "Variance", "Range", "InterquartileRange", "RobustMeanAbsoluteDeviation", "Skewness")
    assert_values(at(first, (0, 0, 0)), **alone, **dict.fromkeys(nothing, 0.0), Energy=1600, Uniformity=1)
    assert np.isnan(glcm.arrays).all()
    assert glcm.undefined == dict.fromkeys(GLCM_FEATURES, 1)


def test_a_line_has_one_direction_and_its_end_a_shorter_kernel() -> None:
    # Levels 1, 2, 4: the kernel of the left end holds the pair (1, 2), that of the middle also (2, 4).
    maps = glcm_maps(*case([0, 25, 75]))
    assert_values(at(maps, (0, 0, 0)), JointAverage=1.5, Contrast=1, JointEntropy=1, MCC=1, Correlation=-1)
    middle = at(maps, (0, 0, 1))
    assert_values(middle, JointAverage=9 / 4, Contrast=5 / 2, JointEntropy=2, Autocorrelation=5, SumAverage=4.5)
    assert_values(middle, SumSquares=25 / 4 - 81 / 16, DifferenceAverage=1.5, DifferenceVariance=0.25, MCC=1)
    assert_values(middle, ClusterShade=0, ClusterTendency=2.25, ClusterProminence=1.5**4, InverseVariance=5 / 8)
    assert_values(middle, Correlation=(5 - 81 / 16) / (25 / 4 - 81 / 16), Idn=(1 / 1.25 + 1 / 1.5) / 2)
    # The joint entropy is 2 bits, that of one side 1.5.
    assert_values(middle, Imc1=(2 - 3) / 1.5, Imc2=math.sqrt(1 - math.exp(-2)))


def test_two_levels_have_the_maximal_correlation_of_their_matrix() -> None:
    # Pairs (1, 1) and (1, 2): P = [[2, 1], [1, 0]] / 4, whose normalised form has eigenvalues 1 and -1/3.
    assert_values(at(glcm_maps(*case([0, 0, 25])), (0, 0, 1)), MCC=1 / 3)


def test_levels_that_say_nothing_about_each_other_share_no_information() -> None:
    # Along rows the pairs (1, 1), (1, 2), (1, 2), (2, 2) fill all four cells alike; along columns
    # P = [[2, 1], [1, 2]] / 6; one diagonal joins unlike levels only, the other like ones only.
    found = at(glcm_maps(*case(np.array([[[0, 0, 25], [0, 25, 25]]]))), (0, 0, 1))
    columns = 2 - bits(1 / 3, 1 / 6, 1 / 6, 1 / 3)
    diagonal = math.sqrt(1 - math.exp(-2))
    assert_values(found, MCC=(0 + 1 / 3 + 1 + 1) / 4, Imc1=-(0 + columns + 1 + 1) / 4)
    assert_values(found, Imc2=(0 + math.sqrt(1 - math.exp(-2 * columns)) + 2 * diagonal) / 4)
    assert_values(found, JointEntropy=(2 + 2 - columns + 1 + 1) / 4, Correlation=(0 + 1 / 3 - 1 + 1) / 4)


def test_a_ragged_mask_averages_the_directions_that_have_pairs() -> None:
    # An L of three voxels and one voxel alone, in one plane.
    mask = np.zeros((1, 4, 6), dtype=bool)
    mask[0, 0, 0] = mask[0, 0, 1] = mask[0, 1, 0] = mask[0, 3, 5] = True
    values = np.zeros((1, 4, 6))
    values[0, 0, 1], values[0, 1, 0] = 25, 75
    maps = glcm_maps(*case(values, mask))
    # Along x the pair (1, 2), along y (1, 4), along one diagonal (2, 4); ten directions are empty.
    corner = at(maps, (0, 0, 0))
    assert_values(corner, JointAverage=(1.5 + 2.5 + 3) / 3, Contrast=(1 + 9 + 4) / 3, MCC=1, JointEntropy=1)
    assert maps.undefined == dict.fromkeys(GLCM_FEATURES, 1)
    assert np.isnan(maps.arrays[:, 0, 3, 5]).all()
    assert np.isfinite(maps.arrays[:, mask & (np.arange(6) < 5)]).all()


def test_a_slice_alone_is_what_it_is_within_other_tissue() -> None:
    values = np.random.default_rng(1).integers(-200, 200, (3, 8, 9))
    middle = np.zeros((3, 8, 9), dtype=bool)
    middle[1] = True
    for compute in (first_order_maps, glcm_maps):
        within, alone = compute(*case(values, middle)), compute(*case(values[1:2]))
        np.testing.assert_array_equal(within.arrays, alone.arrays)
        assert within.arrays.shape[1:] == (1, 8, 9)


def test_a_flat_slice_of_two_columns_has_closed_pairs() -> None:
    # Two columns of levels 1 and 3: along rows always (1, 3), along columns equal levels.
    values = np.zeros((1, 5, 2))
    values[:, :, 1] = 50
    found = at(glcm_maps(*case(values)), (0, 2, 0))
    assert_values(found, Contrast=(4 + 0 + 4 + 4) / 4, JointAverage=2, Correlation=(-1 + 1 - 1 - 1) / 4)


# against plain statistics of each kernel


def kernels(image: Volume, mask: TumorMask) -> list[tuple[Box, NDArray[np.float64]]]:
    found = []
    for z, y, x in np.argwhere(mask.array):
        box = tuple(slice(max(0, i - 1), i + 2) for i in (z, y, x))
        found.append(((z, y, x), image.array[box][mask.array[box]].astype(np.float64)))
    return found


def ragged(seed: int, *, part: float = 0.6, shape: Box = (6, 7, 8), dtype: type = np.int16) -> Case:
    """Give noise in a mask that touches all sides of the image."""
    random = np.random.default_rng(seed)
    grid = Grid(shape, (1.0, 1.0, 1.0))
    mask = random.random(shape) < part
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    return Volume((random.normal(0, 60, shape)).astype(dtype), grid), TumorMask(mask, grid)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_order_statistics_are_those_of_numpy(dtype: type) -> None:
    image, mask = ragged(3, dtype=dtype)
    maps = first_order_maps(image, mask)
    for place, values in kernels(image, mask):
        low, quarter, median, three, high = np.percentile(values, [10, 25, 50, 75, 90])
        robust = values[(values >= low) & (values <= high)]
        expected = {
            "10Percentile": low,
            "90Percentile": high,
            "Median": median,
            "InterquartileRange": three - quarter,
        }
        expected["RobustMeanAbsoluteDeviation"] = float(np.abs(robust - robust.mean()).mean())
        expected |= {"Mean": values.mean(), "Variance": values.var(), "Maximum": values.max()}
        assert_values(at(maps, place), **expected)


@given(st.lists(st.floats(-1e4, 1e4), min_size=KERNEL, max_size=KERNEL))
def test_the_exchanges_sort(values: list[float]) -> None:
    rows = list(values)
    for low, high in EXCHANGES:
        rows[low], rows[high] = min(rows[low], rows[high]), max(rows[low], rows[high])
    assert rows == sorted(values)


def test_a_kernel_has_18_12_or_8_pairs_a_direction() -> None:
    assert sorted(np.diff(PAIR_BEGINS)) == [8] * 4 + [12] * 6 + [18] * 3


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=18))
def test_the_maximal_correlation_is_the_second_eigenvalue_of_q(pairs: list[tuple[int, int]]) -> None:
    cells, counts = np.zeros((KERNEL, KERNEL), dtype=np.int64), np.zeros(KERNEL, dtype=np.int64)
    lower, upper = (np.array([f(pair) for pair in pairs]) for f in (min, max))
    p = np.zeros((9, 9))
    for i, j in zip(lower, upper, strict=True):
        cells[i, j] += 1
        p[i, j] += 1
        p[j, i] += 1
    counts[:9] = p.sum(axis=1)
    scratch = np.full((KERNEL, KERNEL), np.nan)
    found = maximal_correlation(cells, counts, 9, lower, upper, len(pairs), True, scratch)
    p = p[np.ix_(p.sum(axis=1) > 0, p.sum(axis=1) > 0)] / p.sum()
    q = (p / p.sum(axis=1, keepdims=True)) @ (p / p.sum(axis=1)).T
    squares = np.sort(np.linalg.eigvals(q).real)
    # The square root of a rounded zero is not zero.
    assert found == pytest.approx(math.sqrt(max(squares[-2], 0)) if len(squares) > 1 else 0, abs=1e-6)


# what holds for any image


@st.composite
def cases(draw: st.DrawFn) -> Case:
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=4))
    values = draw(hnp.arrays(np.int16, shape, elements=st.integers(-300, 300)))
    mask = draw(hnp.arrays(np.bool_, shape))
    mask[0, 0, 0] = True
    return case(values, mask)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_first_order_values_keep_their_bounds(drawn: Case) -> None:
    found = first_order_maps(*drawn)
    inside = drawn[1].array[tuple(slice(0, n) for n in found.arrays.shape[1:])]
    value = {name: found[name][inside] for name in found.names}
    ordered = ("Minimum", "10Percentile", "Median", "90Percentile", "Maximum")
    for low, high in pairwise(ordered):
        assert (value[low] <= value[high]).all()
    assert ((value["Minimum"] <= value["Mean"] + 1e-9) & (value["Mean"] <= value["Maximum"] + 1e-9)).all()
    assert ((value["Entropy"] >= 0) & (value["Entropy"] <= math.log2(27) + 1e-12)).all()
    assert ((value["Uniformity"] >= 1 / 27 - 1e-12) & (value["Uniformity"] <= 1)).all()
    assert (value["MeanAbsoluteDeviation"] ** 2 <= value["Variance"] + 1e-6).all()
    np.testing.assert_allclose(value["Range"], value["Maximum"] - value["Minimum"])
    np.testing.assert_allclose(value["TotalEnergy"], 2 * value["Energy"])


@settings(max_examples=60, deadline=None)
@given(cases())
def test_co_occurrence_values_keep_their_bounds(drawn: Case) -> None:
    maps = glcm_maps(*drawn)
    inside = np.isfinite(maps["Contrast"])
    assert (np.isnan(maps.arrays) == ~inside).all(), "a voxel has all values or none"
    value = {name: maps[name][inside] for name in maps.names}
    for name in ("JointEnergy", "MaximumProbability", "Id", "Idm", "Idn", "Idmn", "MCC", "Imc2"):
        assert ((value[name] >= 0) & (value[name] <= 1 + 1e-12)).all(), name
    for name in ("Correlation", "Imc1"):
        assert ((value[name] >= -1 - 1e-12) & (value[name] <= 1 + 1e-12)).all(), name
    np.testing.assert_allclose(value["SumAverage"], 2 * value["JointAverage"])
    # Of p the variance of the sum and of the difference are 4 times the variance of one side.
    np.testing.assert_allclose(value["ClusterTendency"] + value["Contrast"], 4 * value["SumSquares"], atol=1e-9)
    assert (value["JointEntropy"] <= math.log2(36)).all()
    assert (value["SumEntropy"] <= value["JointEntropy"] + 1e-9).all()


@settings(max_examples=30, deadline=None)
@given(cases(), st.integers(-8, 8), st.sampled_from([10.0, 25.0]))
def test_another_zero_by_whole_bins_changes_neither_levels_nor_spread(drawn: Case, bins: int, width: float) -> None:
    image, mask = drawn
    moved = Volume((image.array + int(bins * width)).astype(np.int16), image.grid)
    for compute, names in ((first_order_maps, UNMOVED), (glcm_maps, GLCM_FEATURES)):
        before = compute(image, mask, bin_width_hu=width, features=names)
        after = compute(moved, mask, bin_width_hu=width, features=names)
        np.testing.assert_allclose(after.arrays, before.arrays, rtol=1e-9, atol=1e-9)
    mean = {v: first_order_maps(v, mask, features=["Mean"])["Mean"] for v in (image, moved)}
    np.testing.assert_allclose(mean[moved], mean[image] + bins * width, atol=1e-9)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize("compute", [first_order_maps, glcm_maps])
def test_turning_and_mirroring_the_patient_turns_the_maps(compute: object, axes: Box) -> None:
    image, mask = ragged(5)

    def turn(array: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.ascontiguousarray(np.flip(np.transpose(array, axes), axis=axes[0]))

    turned = turn(image.array)
    grid = Grid(turned.shape, (1.0, 1.0, 1.0))
    plain, found = compute(image, mask), compute(Volume(turned, grid), TumorMask(turn(mask.array), grid))  # type: ignore[operator]
    for name in plain.names:
        np.testing.assert_allclose(found[name], turn(plain[name]), rtol=1e-9, atol=1e-9, err_msg=name)


def test_voxels_outside_the_mask_have_no_say() -> None:
    image, mask = ragged(7)
    other = Volume(np.where(mask.array, image.array, 3000).astype(np.int16), image.grid)
    for compute in (first_order_maps, glcm_maps):
        np.testing.assert_array_equal(compute(image, mask).arrays, compute(other, mask).arrays)


# how it is asked for


@pytest.mark.parametrize("name", FIRST_ORDER_FEATURES)
def test_a_first_order_map_alone_equals_the_one_among_all(name: str) -> None:
    drawn = ragged(11)
    np.testing.assert_array_equal(first_order_maps(*drawn, features=[name])[name], first_order_maps(*drawn)[name])


@pytest.mark.parametrize("name", GLCM_FEATURES)
def test_a_co_occurrence_map_alone_equals_the_one_among_all(name: str) -> None:
    drawn = ragged(11)
    np.testing.assert_array_equal(glcm_maps(*drawn, features=[name])[name], glcm_maps(*drawn)[name])


def test_maps_come_in_the_order_asked_for_and_once() -> None:
    maps = first_order_maps(*ragged(2), features=["Mean", "Entropy", "Mean"])
    assert maps.names == ("Mean", "Entropy")
    assert maps.arrays.shape[0] == 2


def test_entropy_alone_needs_no_intensities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaging.core.engine.voxel_maps.intensity_values", None)
    assert first_order_maps(*ragged(2), features=["Entropy", "Uniformity"]).names == ("Entropy", "Uniformity")


def test_maps_lie_on_the_box_of_the_mask() -> None:
    image, _ = ragged(2)
    mask = np.zeros(image.array.shape, dtype=bool)
    mask[2:5, 3:6, 1] = True
    mask[3, 4, 3] = True
    for compute in (first_order_maps, glcm_maps):
        maps = compute(image, TumorMask(mask, image.grid))
        box = (slice(2, 5), slice(3, 6), slice(1, 4))
        assert maps.grid == image.grid.crop(box)
        assert maps.arrays.shape[1:] == maps.grid.shape_zyx == (3, 3, 3)
        assert np.isnan(maps.arrays[:, ~mask[box]]).all()
        zero = compute(image, TumorMask(mask, image.grid), outside=0.0)
        assert (zero.arrays[:, ~mask[box]] == 0).all()
        np.testing.assert_array_equal(zero.arrays[:, mask[box]], maps.arrays[:, mask[box]])


@pytest.mark.parametrize("compute", [first_order_maps, glcm_maps])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kernel_radius": 2}, "radius 1, not 2"),
        ({"bin_width_hu": 0.0}, "positive number of HU, not 0"),
        ({"bin_width_hu": math.nan}, "positive number of HU"),
        ({"features": ["Beauty"]}, "Unknown feature 'Beauty'; known are "),
    ],
)
def test_what_cannot_be_computed_is_refused(compute: object, options: dict[str, object], said: str) -> None:
    with pytest.raises(UnknownSetting, match=said):
        compute(*ragged(2), **options)  # type: ignore[operator]


def test_an_empty_mask_or_another_grid_is_refused() -> None:
    image, mask = ragged(2)
    with pytest.raises(EmptyMask):
        glcm_maps(image, TumorMask(np.zeros_like(mask.array), mask.grid))
    with pytest.raises(GridMismatch):
        first_order_maps(image, TumorMask(mask.array, Grid(mask.grid.shape_zyx, (2.0, 1.0, 1.0))))
