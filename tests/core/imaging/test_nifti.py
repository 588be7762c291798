"""NIfTI and NRRD files as arrays on LPS grids, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from imaging.core.codec import to_nifti
from imaging.core.errors import MaskRefused, MissingGeometry, SeriesRefused, UnreadableFile
from imaging.core.geometry import Grid
from imaging.core.nifti import read_label_file, read_volume_file

GRID = Grid((4, 5, 6), (3.0, 0.9, 0.7), (-10.0, 20.0, -300.0))


def write(path: Path, array: NDArray[np.generic], grid: Grid = GRID) -> Path:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(grid.spacing_zyx_mm[::-1])
    image.SetOrigin(grid.origin_lps_mm)
    image.SetDirection([v for row in grid.direction for v in row])
    sitk.WriteImage(image, str(path))
    return path


@pytest.fixture
def hu() -> NDArray[np.int16]:
    return np.arange(-1000, -1000 + 120, dtype=np.int16).reshape(4, 5, 6)


@pytest.mark.parametrize("name", ["ct.nrrd", "ct.nii.gz", "ct.nii"])
def test_values_and_grid_come_back(tmp_path: Path, hu: NDArray[np.int16], name: str) -> None:
    volume = read_volume_file(write(tmp_path / name, hu))
    assert np.array_equal(volume.array, hu)
    assert volume.array.dtype == np.int16
    assert volume.grid.matches(GRID, tolerance_mm=1e-5)


def test_content_decides_what_a_file_is_and_not_its_name(tmp_path: Path, hu: NDArray[np.int16]) -> None:
    odd = write(tmp_path / "ct.nrrd", hu).rename(tmp_path / "ct.nii")
    assert np.array_equal(read_volume_file(odd).array, hu)


def test_other_files_are_unreadable(tmp_path: Path) -> None:
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress(b"not an image"))
    with pytest.raises(UnreadableFile, match="neither NIfTI nor NRRD"):
        read_volume_file(tmp_path / "ct.nii.gz")


@pytest.mark.parametrize("name", ["ct.nrrd", "ct.nii.gz", "ct.nii"])
@pytest.mark.parametrize("left", [0.5, 0.95])
def test_truncated_files_are_unreadable(tmp_path: Path, name: str, left: float) -> None:
    noise = np.random.default_rng(0).integers(-1000, 1000, (8, 30, 30)).astype(np.int16)
    path = write(tmp_path / name, noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content))])
    with pytest.raises(UnreadableFile, match="truncated"):
        read_volume_file(path)


def test_an_nrrd_that_points_to_another_file_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(bytes(range(8)))
    header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nData File: secret.raw\n\n"
    (tmp_path / "ct.nrrd").write_text(header)
    with pytest.raises(UnreadableFile, match="in another file"):
        read_volume_file(tmp_path / "ct.nrrd")


def test_an_nrrd_without_spacing_is_refused_and_does_not_get_one_millimetre(
    tmp_path: Path, hu: NDArray[np.int16]
) -> None:
    path = write(tmp_path / "ct.nrrd", hu)
    content = path.read_bytes()
    start = content.index(b"space directions")
    path.write_bytes(content[:start] + content[content.index(b"\n", start) + 1 :])
    with pytest.raises(MissingGeometry, match="neither space directions nor spacings"):
        read_volume_file(path)


def test_an_nrrd_with_sheared_axes_is_refused_with_the_angle(tmp_path: Path, hu: NDArray[np.int16]) -> None:
    path = write(tmp_path / "ct.nrrd", hu)
    content = path.read_bytes()
    assert b"(0,0,3)" in content
    path.write_bytes(content.replace(b"(0,0,3)", b"(0,0.5,3)"))
    with pytest.raises(SeriesRefused, match=r"lean by 9\.46 degrees"):  # the arc tangent of 0.5 / 3
        read_volume_file(path)


def nifti(array: NDArray[np.int16], *, rows: dict[tuple[int, int], float], qform: bool) -> bytes:
    """The array as NIfTI with changed numbers in its sform, with or without a qform beside it."""
    content = bytearray(gzip.decompress(to_nifti(array, GRID)))
    sform = np.frombuffer(content, "<f4", 12, 280).reshape(3, 4).copy()
    for place, by in rows.items():
        sform[place] += by
    content[280:328] = sform.astype("<f4").tobytes()
    content[252:256] = np.array([1 if qform else 0, 1], dtype="<i2").tobytes()
    return bytes(content)


@pytest.mark.parametrize("qform", [True, False])
def test_a_nifti_with_a_sheared_sform_is_refused_even_where_its_qform_is_straight(
    tmp_path: Path, hu: NDArray[np.int16], qform: bool
) -> None:
    (tmp_path / "ct.nii").write_bytes(nifti(hu, rows={(1, 2): 0.5}, qform=qform))
    with pytest.raises(SeriesRefused, match=r"lean by 9\.46 degrees"):
        read_volume_file(tmp_path / "ct.nii")


def test_a_nifti_whose_sform_and_qform_disagree_is_refused_with_the_distance(
    tmp_path: Path, hu: NDArray[np.int16]
) -> None:
    (tmp_path / "ct.nii").write_bytes(nifti(hu, rows={(0, 3): 4.0}, qform=True))
    with pytest.raises(SeriesRefused, match=r"qform and sform\), and the two differ by up to 4 mm"):
        read_volume_file(tmp_path / "ct.nii")
    (tmp_path / "ct.nii").write_bytes(nifti(hu, rows={(0, 3): 0.01}, qform=True))
    assert np.array_equal(read_volume_file(tmp_path / "ct.nii").array, hu)


@pytest.mark.parametrize("seed", range(4))
def test_an_oblique_nifti_agrees_with_itself(tmp_path: Path, hu: NDArray[np.int16], seed: int) -> None:
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    if seed % 2:  # a left-handed grid, which a quaternion holds as a sign
        axes = axes * [1, 1, -np.sign(np.linalg.det(axes))]
    a, b, c = (tuple(line) for line in axes.tolist())
    grid = Grid((4, 5, 6), (3.0, 0.9, 0.7), (-10.0, 20.0, -300.0), (a, b, c))
    volume = read_volume_file(write(tmp_path / "ct.nii.gz", hu, grid))
    back = np.rint(grid.index(_centres(volume.grid))).astype(int)
    assert np.abs(grid.index(_centres(volume.grid)) - back).max() < 1e-3
    assert np.array_equal(volume.array.ravel(), hu[tuple(back.reshape(-1, 3).T)])


def _centres(grid: Grid) -> NDArray[np.float64]:
    return np.array([grid.position(index) for index in np.ndindex(grid.shape_zyx)])


@pytest.mark.parametrize("shape", [(5, 6), (2, 4, 5, 6)])
def test_images_of_two_or_four_dimensions_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros(shape, dtype=np.int16), isVector=False), str(tmp_path / "ct.nii"))
    with pytest.raises(SeriesRefused, match="not one volume"):
        read_volume_file(tmp_path / "ct.nii")


def test_colour_images_are_refused(tmp_path: Path) -> None:
    colour = sitk.GetImageFromArray(np.zeros((4, 5, 6, 3), dtype=np.uint8), isVector=True)
    sitk.WriteImage(colour, str(tmp_path / "ct.nrrd"))
    with pytest.raises(SeriesRefused, match="3 component"):
        read_volume_file(tmp_path / "ct.nrrd")


def test_values_that_are_no_numbers_are_refused(tmp_path: Path, hu: NDArray[np.int16]) -> None:
    broken = hu.astype(np.float32)
    broken[0, 0, 0] = np.nan
    with pytest.raises(SeriesRefused, match="not numbers"):
        read_volume_file(write(tmp_path / "ct.nrrd", broken))


def test_a_forged_header_does_not_take_the_memory(tmp_path: Path) -> None:
    header = bytearray(gzip.decompress(to_nifti(np.zeros((4, 5, 6), dtype=np.int16), GRID)))
    header[42:48] = np.array([32000, 32000, 32000], dtype="<i2").tobytes()
    (tmp_path / "ct.nii").write_bytes(bytes(header))
    with pytest.raises((SeriesRefused, UnreadableFile)):
        read_volume_file(tmp_path / "ct.nii")


def test_labels_of_any_type_read_as_whole_numbers(tmp_path: Path) -> None:
    labels = np.zeros((4, 5, 6))
    labels[1, 2, 3], labels[2, 2, 2] = 1, 7
    found, grid, values = read_label_file(write(tmp_path / "mask.nii.gz", labels))
    assert np.array_equal(found, labels.astype(int))
    assert values == [1, 7]
    assert grid.matches(GRID, tolerance_mm=1e-5)


@pytest.mark.parametrize(
    ("value", "reason"), [(0.4, "no whole numbers"), (-1, "from -1 to -1"), (float("nan"), "no whole numbers")]
)
def test_values_that_are_no_labels_are_refused(tmp_path: Path, value: float, reason: str) -> None:
    labels = np.zeros((4, 5, 6))
    labels[1, 2, 3] = value
    with pytest.raises(MaskRefused, match=reason):
        read_label_file(write(tmp_path / "mask.nrrd", labels))


def test_an_image_does_not_pass_as_a_mask(tmp_path: Path) -> None:
    values = np.arange(600, dtype=np.int16).reshape(6, 10, 10)
    with pytest.raises(MaskRefused, match="599 different values from 1 to 599"):
        read_label_file(write(tmp_path / "mask.nrrd", values))
