"""Voxel maps against pyradiomics' own voxel mode, on a synthetic image and on crops of real tumours.

pyradiomics takes seconds for a thousand voxels, so tumours are cut down to some hundred. Where one voxel
has a direction without pairs it loses JointAverage, and MCC of the whole batch; a batch of one voxel has
neither fault, which is how the right values are known.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import radiomics
import SimpleITK as sitk
from numpy.typing import NDArray
from radiomics.firstorder import RadiomicsFirstOrder
from radiomics.glcm import RadiomicsGLCM

from imaging.core.engine.voxel_maps import (
    FIRST_ORDER_FEATURES,
    GLCM_FEATURES,
    VoxelMaps,
    first_order_maps,
    glcm_maps,
)
from imaging.core.geometry import (
    Grid,
    TumorMask,
    Volume,
    bounding_box,
    mask_from_sitk,
    to_sitk,
    volume_from_sitk,
)
from imaging.core.resample import resample_around

Case = tuple[Volume, TumorMask]
Arrays = dict[str, NDArray[np.float64]]

#: What pyradiomics cannot give where a voxel of the batch has a direction without pairs.
LOST = ("JointAverage", "MCC")
REAL = {
    "lung1": ("pyradiomics/lung1_image.nrrd", "pyradiomics/lung1_label.nrrd"),
    "ibsi": (
        "ibsi/ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz",
        "ibsi/ibsi_1_ct_radiomics_phantom/nifti/mask/mask.nii.gz",
    ),
}


@pytest.fixture(autouse=True)
def quiet_pyradiomics() -> Iterator[None]:
    """Keep its tracebacks and numpy's warnings about its divisions out of the report."""
    logger = logging.getLogger("radiomics")
    level, reporter = logger.level, radiomics.progressReporter
    logger.setLevel(logging.CRITICAL + 1)
    radiomics.progressReporter = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield
    logger.setLevel(level)
    radiomics.progressReporter = reporter


def plain(engine: Callable[..., Any], case: Case, *, batch: int = 200, **settings: Any) -> Arrays:
    """Run a class of pyradiomics in voxel mode, as its documentation says, cropped to the mask."""
    image, mask = case
    z, y, x = bounding_box(mask.array)
    inputs = to_sitk(image)[x, y, z], sitk.Cast(to_sitk(mask), sitk.sitkUInt32)[x, y, z]
    mode = {"voxelBased": True, "kernelRadius": 1, "maskedKernel": True, "voxelBatch": batch, "label": 1}
    maps = engine(*inputs, **mode, **settings).execute()
    return {name: sitk.GetArrayFromImage(found) for name, found in maps.items()}


def assert_equal(found: VoxelMaps, expected: Arrays, case: Case, *, names: tuple[str, ...]) -> None:
    """Compare within 1e-6, relative, and undefined voxels exactly.

    Imc2 and MCC are square roots: where the true value is 0, pyradiomics' rounding of 1e-16 shows as 1e-8.
    """
    inside = case[1].array[bounding_box(case[1].array)]
    assert set(names) <= set(expected)
    for name in names:
        np.testing.assert_allclose(
            found[name][inside],
            expected[name][inside],
            rtol=1e-6,
            atol=1e-7 if name in ("Imc2", "MCC") else 1e-10,
            equal_nan=True,
            err_msg=name,
        )


def textured(*, dtype: type = np.int16, levels_hu: float = 120.0) -> Case:
    """Give a ball of correlated texture across a wall of fat, in voxels of 1.5 x 1 x 1 mm."""
    random = np.random.default_rng(42)
    shape = (9, 11, 10)
    place = np.indices(shape) - np.reshape([4, 5, 5], (3, 1, 1, 1))
    values = random.normal(30, levels_hu, shape)
    values[:, 1:] = 0.6 * values[:, 1:] + 0.4 * values[:, :-1]
    values[:, :, 7:] -= 300
    grid = Grid(shape, (1.5, 1.0, 1.0))
    values = np.rint(values) if dtype is np.int16 else values
    return Volume(values.astype(dtype), grid), TumorMask((place**2).sum(axis=0) <= 9, grid)


def ragged() -> Case:
    """Give the same image under a mask that keeps one voxel of eight."""
    image, _ = textured()
    return image, TumorMask(np.random.default_rng(7).random(image.array.shape) < 0.12, image.grid)


@pytest.mark.parametrize(("width", "shift"), [(25, 0), (7.5, 1000)])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_first_order_maps_equal_pyradiomics(dtype: type, width: float, shift: int) -> None:
    case = textured(dtype=dtype)
    expected = plain(RadiomicsFirstOrder, case, binWidth=width, voxelArrayShift=shift)
    assert set(expected) == set(FIRST_ORDER_FEATURES)
    found = first_order_maps(*case, bin_width_hu=width, voxel_array_shift=shift)
    assert_equal(found, expected, case, names=FIRST_ORDER_FEATURES)


def test_first_order_maps_of_a_ragged_mask_equal_pyradiomics() -> None:
    case = ragged()
    assert_equal(
        first_order_maps(*case), plain(RadiomicsFirstOrder, case, binWidth=25), case, names=FIRST_ORDER_FEATURES
    )


@pytest.mark.parametrize(("dtype", "width"), [(np.int16, 25), (np.float32, 25), (np.float32, 17.5)])
def test_co_occurrence_maps_equal_pyradiomics(dtype: type, width: float) -> None:
    case = textured(dtype=dtype)
    expected = plain(RadiomicsGLCM, case, binWidth=width)
    assert set(expected) == set(GLCM_FEATURES)
    found = glcm_maps(*case, bin_width_hu=width)
    assert set(found.undefined.values()) == {0}
    assert_equal(found, expected, case, names=GLCM_FEATURES)


def test_levels_that_do_not_occur_count_in_the_normalised_features() -> None:
    # Few levels far apart: Ng of Idn and Idmn is the highest level, not their number.
    image, mask = textured(levels_hu=20.0)
    case = Volume((image.array // 100 * 100).astype(np.int16), image.grid), mask
    assert_equal(glcm_maps(*case), plain(RadiomicsGLCM, case, binWidth=25), case, names=GLCM_FEATURES)


def test_one_slice_has_the_directions_of_its_plane() -> None:
    image, mask = textured()
    flat = np.zeros_like(mask.array)
    flat[4] = mask.array[4]
    case = image, TumorMask(flat, image.grid)
    assert_equal(glcm_maps(*case), plain(RadiomicsGLCM, case, binWidth=25), case, names=GLCM_FEATURES)
    assert_equal(
        first_order_maps(*case), plain(RadiomicsFirstOrder, case, binWidth=25), case, names=FIRST_ORDER_FEATURES
    )


def test_on_a_ragged_mask_undefined_voxels_are_those_of_pyradiomics_but_for_its_two_faults() -> None:
    case = ragged()
    inside = case[1].array[bounding_box(case[1].array)]
    found, expected = glcm_maps(*case), plain(RadiomicsGLCM, case, binWidth=25, batch=10_000)
    assert_equal(found, expected, case, names=tuple(n for n in GLCM_FEATURES if n not in LOST))
    alone = np.isnan(found["Contrast"][inside])
    assert 0 < alone.sum() < inside.sum() / 2
    assert found.undefined == dict.fromkeys(GLCM_FEATURES, int(alone.sum()))
    # The faults: no JointAverage although all pairs are known, and MCC left at the initial value.
    assert np.isnan(expected["JointAverage"][inside]).all()
    assert (expected["MCC"][inside] == 0).all()
    for name in LOST:
        assert np.isfinite(found[name][inside][~alone]).all()
    np.testing.assert_allclose(found["JointAverage"], expected["SumAverage"] / 2 + 0 * found["JointAverage"])
    assert (found["MCC"][inside][~alone] > 0).any()


def test_in_a_tumour_of_one_grey_level_a_lone_voxel_is_undefined_although_pyradiomics_says_0() -> None:
    image, mask = ragged()
    case = Volume(np.full_like(image.array, 40), image.grid), mask
    inside = mask.array[bounding_box(mask.array)]
    found, expected = glcm_maps(*case), plain(RadiomicsGLCM, case, binWidth=25, batch=10_000)
    other = tuple(name for name in GLCM_FEATURES if name not in (*LOST, "InverseVariance"))
    assert_equal(found, expected, case, names=other)
    alone = np.isnan(found["Contrast"]) & inside
    assert alone.any()
    assert np.isnan(found["InverseVariance"][alone]).all()
    assert (expected["InverseVariance"][inside] == 0).all()
    assert (found["InverseVariance"][inside & ~alone] == 0).all()
    assert (found["MCC"][inside & ~alone] == 1).all()


def test_one_voxel_at_a_time_pyradiomics_has_no_fault_and_equals_ours() -> None:
    case = ragged()
    assert_equal(glcm_maps(*case), plain(RadiomicsGLCM, case, binWidth=25, batch=1), case, names=GLCM_FEATURES)


@pytest.fixture(scope="module", params=sorted(REAL))
def real(request: pytest.FixtureRequest, shared_data: Path) -> Case:
    """Give some 300 voxels of a real tumour at 1 mm, at its edge, where grey levels are many."""
    image, label = (sitk.ReadImage(str(shared_data / file)) for file in REAL[request.param])
    volume, mask = resample_around(volume_from_sitk(image), mask_from_sitk(label), spacing_mm=1.0, pad_voxels=2)
    places = np.argwhere(mask.array)
    edge = places[np.argmin(places[:, 1])]
    near = ((np.indices(mask.array.shape) - edge.reshape(3, 1, 1, 1)) ** 2).sum(axis=0) <= 7**2
    return volume, TumorMask(mask.array & near, mask.grid)


@pytest.mark.realdata
def test_first_order_maps_of_real_tumours_equal_pyradiomics(real: Case) -> None:
    expected = plain(RadiomicsFirstOrder, real, binWidth=25, voxelArrayShift=1000)
    assert_equal(first_order_maps(*real, voxel_array_shift=1000), expected, real, names=FIRST_ORDER_FEATURES)


@pytest.mark.realdata
def test_co_occurrence_maps_of_real_tumours_equal_pyradiomics(real: Case) -> None:
    # At an edge some voxels have a direction without pairs, so pyradiomics is right one voxel at a time only.
    assert_equal(glcm_maps(*real), plain(RadiomicsGLCM, real, binWidth=25, batch=1), real, names=GLCM_FEATURES)


@pytest.mark.realdata
def test_in_batches_pyradiomics_loses_two_features_at_the_edge_of_real_tumours(real: Case) -> None:
    expected = plain(RadiomicsGLCM, real, binWidth=25, batch=10_000)
    names = tuple(name for name in GLCM_FEATURES if name not in LOST)
    assert_equal(glcm_maps(*real), expected, real, names=names)
    inside = real[1].array[bounding_box(real[1].array)]
    assert np.isnan(expected["JointAverage"][inside]).any()
    assert (expected["MCC"][inside] == 0).all()
