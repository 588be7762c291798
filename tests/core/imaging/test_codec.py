"""Artefacts come back exactly, and equal values give equal bytes."""

from __future__ import annotations

import gzip
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from imaging.core.codec import (
    pack_labels,
    pack_mask,
    pack_volume,
    to_nifti,
    unpack_labels,
    unpack_mask,
    unpack_volume,
)
from imaging.core.errors import UnreadableFile
from imaging.core.geometry import Grid, TumorMask, Volume

THIRD = 1 / 3
#: Turned by 30 degrees about x and 20 about z, with numbers that no decimal ends.
TURNED = Grid(
    (3, 4, 5),
    (2 + THIRD, 0.1 + 0.2, THIRD),
    (-THIRD, 1e-17, 12345.678901234567),
    tuple(
        tuple(row)
        for row in (
            np.array([[np.cos(0.35), -np.sin(0.35), 0], [np.sin(0.35), np.cos(0.35), 0], [0, 0, 1]])
            @ np.array([[1, 0, 0], [0, np.cos(0.52), -np.sin(0.52)], [0, np.sin(0.52), np.cos(0.52)]])
        ).tolist()
    ),
)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_volume_comes_back_exactly_with_type_and_grid(dtype: type) -> None:
    array = np.random.default_rng(0).normal(0, 500, TURNED.shape_zyx).astype(dtype)
    found = unpack_volume(pack_volume(Volume(array, TURNED)))
    assert np.array_equal(found.array, array)
    assert found.array.dtype == dtype
    assert found.grid == TURNED


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(bool, st.tuples(*[st.integers(1, 7)] * 3)))
def test_any_mask_comes_back_exactly(array: NDArray[np.bool_]) -> None:
    grid = Grid(array.shape, (1.0, 1.0, 1.0))
    found = unpack_mask(pack_mask(TumorMask(array, grid)))
    assert np.array_equal(found.array, array)
    assert found.array.dtype == bool
    assert found.grid == grid


def test_labels_come_back_exactly() -> None:
    labels = np.random.default_rng(0).integers(0, 255, TURNED.shape_zyx).astype(np.uint8)
    found, grid = unpack_labels(pack_labels(labels, TURNED))
    assert np.array_equal(found, labels)
    assert (found.dtype, grid) == (np.uint8, TURNED)


def test_labels_that_do_not_fit_a_byte_are_an_error() -> None:
    with pytest.raises(TypeError):
        pack_labels(np.zeros(TURNED.shape_zyx, dtype=np.int32), TURNED)


def test_equal_values_give_equal_bytes_however_they_lie_in_memory() -> None:
    array = np.random.default_rng(0).integers(-1000, 1000, (3, 4, 5)).astype(np.int16)
    fortran = Volume(np.asfortranarray(array), TURNED)
    assert pack_volume(Volume(array, TURNED)) == pack_volume(fortran)
    assert to_nifti(array, TURNED) == to_nifti(fortran.array, TURNED)
    assert pack_volume(Volume(array, TURNED)) != pack_volume(Volume(array + 1, TURNED))


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b[:40] + b"xxxx" + b[44:], lambda b: b"", lambda b: b"PK"]
)
def test_damaged_bytes_are_unreadable(damage: object) -> None:
    packed = pack_mask(TumorMask(np.ones(TURNED.shape_zyx, dtype=bool), TURNED))
    with pytest.raises(UnreadableFile, match="stored mask is damaged"):
        unpack_mask(damage(packed))  # type: ignore[operator]


def test_containers_carry_no_clock() -> None:
    packed = pack_mask(TumorMask(np.ones(TURNED.shape_zyx, dtype=bool), TURNED))
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert to_nifti(np.zeros(TURNED.shape_zyx, dtype=np.uint8), TURNED)[4:8] == bytes(4)


def test_one_kind_does_not_pass_as_another() -> None:
    packed = pack_labels(np.zeros(TURNED.shape_zyx, dtype=np.uint8), TURNED)
    with pytest.raises(UnreadableFile, match="stored volume was expected, and a stored labels"):
        unpack_volume(packed)


def test_pickled_content_is_never_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", array=np.array([{"a": 1}], dtype=object), meta=np.zeros(1, dtype=np.uint8))
    with pytest.raises(UnreadableFile):
        unpack_volume((tmp_path / "evil.npz").read_bytes())


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32])
def test_a_nifti_file_reads_back_in_an_independent_reader(tmp_path: Path, dtype: type) -> None:
    array = np.random.default_rng(0).uniform(0, 200, TURNED.shape_zyx).astype(dtype)
    (tmp_path / "a.nii.gz").write_bytes(to_nifti(array, TURNED))
    image = sitk.ReadImage(str(tmp_path / "a.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(image), array)
    assert image.GetSpacing() == pytest.approx(TURNED.spacing_zyx_mm[::-1], rel=1e-6)
    assert image.GetOrigin() == pytest.approx(TURNED.origin_lps_mm, rel=1e-6, abs=1e-6)
    assert image.GetDirection() == pytest.approx(np.ravel(TURNED.direction), abs=1e-6)


def test_qform_and_sform_of_a_nifti_file_agree() -> None:
    # nifti1.h: quaternion b, c, d and qfac against the rows of the sform, also for a left-handed grid.
    mirrored = Grid((3, 4, 5), (2.0, 1.0, 0.5), (1.0, 2.0, 3.0), ((1, 0, 0), (0, 1, 0), (0, 0, -1)))
    for grid in (TURNED, mirrored):
        header = gzip.decompress(to_nifti(np.zeros(grid.shape_zyx, dtype=np.uint8), grid))
        qfac, *pixdim = np.frombuffer(header, "<f4", 4, 76).astype(float)
        b, c, d, *offset = np.frombuffer(header, "<f4", 6, 256).astype(float)
        a = np.sqrt(max(0.0, 1 - b * b - c * c - d * d))
        rotation = np.array(
            [
                [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
                [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
                [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
            ]
        )
        sform = np.frombuffer(header, "<f4", 12, 280).reshape(3, 4)
        assert rotation * np.array(pixdim) * [1, 1, qfac] == pytest.approx(sform[:, :3], abs=1e-5)
        assert offset == pytest.approx(sform[:, 3])
        assert sform[:2] == pytest.approx(-grid.affine_lps[:2], rel=1e-6, abs=1e-6)


def test_nifti_is_not_written_from_what_it_cannot_hold() -> None:
    with pytest.raises(TypeError, match="float64"):
        to_nifti(np.zeros(TURNED.shape_zyx), TURNED)
    with pytest.raises(ValueError, match="does not lie on a grid"):
        to_nifti(np.zeros((1, 2, 3), dtype=np.uint8), TURNED)
