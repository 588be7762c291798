"""Values that are no HU, padding, derived images, rounded positions, and files that are passed over."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from imaging.core.corrections import NO_CORRECTIONS
from imaging.core.dicom import read_corrected, read_series
from imaging.core.dicom_write import write_ct
from imaging.core.errors import MissingSlice, MixedImages, NotCT
from imaging.core.geometry import Grid, Volume
from imaging.core.hu_scale import require_hu
from imaging.core.inventory import take_inventory
from imaging.core.nifti import read_volume_file
from imaging.core.padding import padding_mask, without_padding
from imaging.core.straighten import straighten
from tests.scans import identity_of, small_scan, write_raster

WHY = "The file states no scale"
SHAPE = (12, 48, 48)


def chest() -> NDArray[np.float64]:
    """Air, a body with fat, two lungs."""
    random = np.random.default_rng(0)
    _, y, x = np.indices(SHAPE)
    hu = np.full(SHAPE, -1000.0)
    hu[((y - 24) / 20) ** 2 + ((x - 24) / 22) ** 2 <= 1] = -100
    hu[((y - 24) / 18) ** 2 + ((x - 24) / 20) ** 2 <= 1] = 40
    for side in (-9, 9):
        hu[((y - 24) / 13) ** 2 + ((x - 24 - side) / 7) ** 2 <= 1] = -850
    return np.rint(hu + random.normal(0, 15, SHAPE))


def files_of(folder: Path, array: NDArray[np.float64], **attributes: object) -> list[Path]:
    grid = Grid(SHAPE, (2.5, 1.5, 1.5), (0.0, 0.0, 0.0))
    write_ct(Volume(array.astype(np.int16), grid), folder, identity=identity_of("A", date(2024, 1, 2)))
    files = sorted(folder.glob("*.dcm"))
    for file in files:
        edit(file, **attributes)
    return files


def edit(file: Path, **attributes: object) -> None:
    dataset = pydicom.dcmread(file)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
        if keyword == "PixelPaddingValue":
            dataset[keyword].VR = "US"
    dataset.save_as(file)


@pytest.mark.parametrize("offset", [0, 24, -24])
@pytest.mark.parametrize("padding", [None, -1024, -2048, -3024])
def test_hu_are_accepted_with_any_padding(offset: int, padding: int | None) -> None:
    array = chest() + offset
    if padding is not None:
        array[:, :6, :6] = padding
    assert require_hu(array.astype(np.int16), stated=False, why=WHY) == []


@pytest.mark.parametrize("offset", [1000, 1024, -1000, -1024, 2048, 8192])
@pytest.mark.parametrize("padding", [None, -2000, -3024])
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_an_offset_is_refused_with_or_without_padding(offset: int, padding: int | None, kind: type) -> None:
    array = chest() + offset
    if padding is not None:
        array[:, :6] = padding
    with pytest.raises(NotCT, match=r"not HU.*lies at"):
        require_hu(array.astype(kind), stated=True, why=WHY)


@pytest.mark.parametrize(
    "fault", [lambda v: -v, lambda v: v * 2, lambda v: v / 2, lambda v: v % 4096, lambda v: v % 65536]
)
def test_other_faults_of_a_scale_are_refused(fault) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotCT, match="not HU"):
        require_hu(fault(chest()).astype(np.float32), stated=True, why=WHY)


@pytest.mark.parametrize(("hu", "noise"), [(40, 15), (-100, 20), (180, 30), (-850, 40), (-1000, 20)])
def test_a_crop_of_one_tissue_is_accepted_where_the_scale_is_stated(hu: int, noise: int) -> None:
    array = np.random.default_rng(1).normal(hu, noise, (5, 20, 20)).astype(np.int16)
    assert require_hu(array, stated=True, why=WHY) == []


def test_metal_is_said_and_values_beyond_any_scale_are_refused() -> None:
    array = chest()
    array[5, 20:22, 20:22] = 20000
    assert "metal" in require_hu(array.astype(np.int16), stated=True, why=WHY)[0]
    array[5, 20, 20] = 64000
    with pytest.raises(NotCT, match="64,000"):
        require_hu(array.astype(np.float32), stated=True, why=WHY)


def test_noise_of_air_is_no_padding_and_constants_below_air_are() -> None:
    array = np.random.default_rng(2).normal(-1020, 30, (5, 40, 40)).astype(np.int16)
    assert not padding_mask(array).any()
    array[:, :3] = -3024
    assert np.array_equal(padding_mask(array), array == -3024)


def test_stated_padding_among_tissue_is_set_aside_at_the_border_only(tmp_path: Path) -> None:
    array = chest()
    array[:, :8] = 1000
    array[:, 24, 24] = 1000
    volume = read_series(files_of(tmp_path, array, PixelPaddingValue=2024))
    assert (volume.array[:, :8] == -2048).all()
    assert np.array_equal(volume.array[:, 8:], np.maximum(array, -1024)[:, 8:])


def test_padding_takes_no_part_in_straightening() -> None:
    _, _, x = np.indices(SHAPE)
    plain = 40 + x.astype(np.float64)
    padded = plain.copy()
    padded[:, :6] = -3024
    lean = np.radians(15)
    axis = ((1.0, 0.0, 0.0), (0.0, 1.0, float(np.sin(lean))), (0.0, 0.0, float(np.cos(lean))))
    grid = replace(Grid(SHAPE, (2.5, 1.0, 1.0)), direction=axis)
    one, other = (straighten(Volume(a.astype(np.int16), grid))[0].array for a in (plain, padded))
    seen = (other > -1000) & (one > -1000)
    assert np.abs(one[seen].astype(int) - other[seen]).max() <= 1
    assert np.count_nonzero(other == -3024) == np.count_nonzero(padded == -3024)


def test_without_padding_takes_the_nearest_voxel() -> None:
    image = np.array([[-3024, -3024, 5, 7]])
    assert without_padding(image, image < -2000).tolist() == [[5, 5, 5, 7]]


@pytest.mark.parametrize("kind", ["MIP", "MINIP", "IODINE", "ZEFF", "PERFUSION", "ELECTRON_DENSITY"])
def test_maps_and_projections_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(NotCT, match="The images are"):
        read_series(files_of(tmp_path, chest(), ImageType=["DERIVED", "SECONDARY", "AXIAL", kind]))


@pytest.mark.parametrize(("words", "name"), [("Thorax VNC", "non-contrast"), ("Mono 70 keV", "of 70 keV")])
def test_virtual_images_are_named_by_their_description(tmp_path: Path, words: str, name: str) -> None:
    files = files_of(tmp_path, chest(), ImageType=["DERIVED", "SECONDARY"], SeriesDescription=words)
    (note,) = read_corrected(files, corrections=NO_CORRECTIONS).notes
    assert name in note


def test_derived_alone_says_nothing(tmp_path: Path) -> None:
    files = files_of(tmp_path, chest(), ImageType=["DERIVED", "PRIMARY", "AXIAL"], SeriesDescription="Thorax 1.0 B30")
    assert read_corrected(files, corrections=NO_CORRECTIONS).notes == ()


def test_originals_and_projections_in_one_series_are_counted(tmp_path: Path) -> None:
    files = files_of(tmp_path, chest())
    for file in files[:5]:
        edit(file, ImageType=["DERIVED", "SECONDARY", "AXIAL", "MIP"])
    with pytest.raises(MixedImages, match="7 original images, 5 maximum"):
        read_series(files)


@pytest.mark.parametrize(("step", "unit"), [(1.25, 1), (2.5, 1), (0.625, 0.5), (0.75, 0.1), (3.27, 1)])
def test_rounded_positions_are_one_line(tmp_path: Path, step: float, unit: float) -> None:
    files = files_of(tmp_path, chest())
    for index, file in enumerate(files):
        edit(file, ImagePositionPatient=[0, 0, float(f"{np.floor(index * step / unit + 0.5) * unit:.3f}")])
    found = read_corrected(files, corrections=NO_CORRECTIONS)
    assert found.volume.grid.spacing_zyx_mm[0] == pytest.approx(step, abs=0.05)


def test_a_missing_slice_on_whole_millimetres_stays_missing(tmp_path: Path) -> None:
    files = files_of(tmp_path, chest())
    for index, file in enumerate(files):
        edit(file, ImagePositionPatient=[0, 0, index])
    with pytest.raises(MissingSlice):
        read_series(files[:5] + files[6:])


def test_a_slope_of_zero_means_no_scaling(tmp_path: Path) -> None:
    scan = small_scan()
    file = write_raster(tmp_path / "ct.nii", scan)
    content = bytearray(file.read_bytes())
    content[112:120] = struct.pack("<2f", 0.0, -1024.0)
    file.write_bytes(content)
    assert np.array_equal(read_volume_file(file).array, scan.volume.array)


def test_foreign_files_are_passed_over_and_damaged_slices_are_counted(tmp_path: Path) -> None:
    files_of(tmp_path, chest())
    (tmp_path / "DICOMDIR").write_bytes(bytes(200))
    (tmp_path / "empty").touch()
    (tmp_path / "report.dcm").write_bytes(b"%PDF-1.7 ...")
    found = take_inventory(sorted(tmp_path.iterdir()), on_file=lambda: None)
    assert [path.name for path, _ in found.passed_over] == ["DICOMDIR", "empty", "report.dcm"]
    assert [series.damaged for series in found.series] == [0]
    (tmp_path / "torn.dcm").write_bytes(bytes(60))
    found = take_inventory(sorted(tmp_path.iterdir()), on_file=lambda: None)
    assert [series.damaged for series in found.series] == [1]
