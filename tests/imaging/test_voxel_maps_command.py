"""Voxel maps by command: what is written, and what is refused in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from django.core.management import CommandError, call_command

from imaging.core.engine.voxel_maps import FIRST_ORDER_FEATURES, GLCM_FEATURES, first_order_maps, glcm_maps
from imaging.core.geometry import TumorMask, Volume, bounding_box, grid_of
from imaging.core.provenance import digest_of
from imaging.core.resample import resample_around
from tests.scans import GRID, Scan, small_scan, write_raster, write_scan


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    image = write_raster(tmp_path / "in" / "image.nrrd", small_scan(0))
    return image, write_raster(tmp_path / "in" / "mask.nrrd", small_scan(0), mask=True)


def report_of(capsys: Any, *arguments: Any, refused: bool = False, **options: Any) -> Any:
    capsys.readouterr()
    if refused:
        with pytest.raises(CommandError):
            call_command("voxel_maps", *map(str, arguments), as_json=True, **options)
    else:
        call_command("voxel_maps", *map(str, arguments), as_json=True, **options)
    return json.loads(capsys.readouterr().out)


def resampled(spacing_mm: float = 1.0) -> tuple[Volume, TumorMask]:
    scan = small_scan(0)
    return resample_around(scan.volume, scan.mask, spacing_mm=spacing_mm, pad_voxels=10)


def test_every_map_becomes_a_file_named_by_its_feature(files: tuple[Path, Path], tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "maps" / "new"
    report = report_of(capsys, *files, out=out)
    names = [f"original_firstorder_{name}.nrrd" for name in FIRST_ORDER_FEATURES]
    names += [f"original_glcm_{name}.nrrd" for name in GLCM_FEATURES]
    assert sorted(file.name for file in out.iterdir()) == sorted(names)
    assert [row["file"] for row in report["maps"]] == names
    assert {key for row in report["maps"] for key in row} == {
        "class",
        "feature",
        "file",
        "minimum",
        "mean",
        "maximum",
        "undefined_voxels",
    }


def test_files_hold_the_maps_of_the_tumour_at_one_millimetre_where_it_lies(
    files: tuple[Path, Path], tmp_path: Path, capsys: Any
) -> None:
    report = report_of(capsys, *files, out=tmp_path / "maps", features=["Energy", "Contrast"])
    image, region = resampled()
    expected = {
        "original_firstorder_Energy.nrrd": first_order_maps(
            image, region, voxel_array_shift=1000, features=["Energy"]
        ),
        "original_glcm_Contrast.nrrd": glcm_maps(image, region, features=["Contrast"]),
    }
    assert {row["file"] for row in report["maps"]} == set(expected)
    for row in report["maps"]:
        maps, read = expected[row["file"]], sitk.ReadImage(str(tmp_path / "maps" / row["file"]))
        values = sitk.GetArrayFromImage(read)
        np.testing.assert_array_equal(values, maps.arrays[0])
        assert grid_of(read).matches(region.grid.crop(bounding_box(region.array)))
        assert (row["minimum"], row["maximum"]) == (np.nanmin(values), np.nanmax(values))
        assert row["mean"] == pytest.approx(np.nanmean(values))
        assert row["undefined_voxels"] == 0


def test_the_report_says_from_what_and_how(files: tuple[Path, Path], tmp_path: Path, capsys: Any) -> None:
    stated = report_of(capsys, *files, out=tmp_path / "maps", features=["Entropy"], spacing_mm=2.0)["provenance"]
    _, region = resampled(2.0)
    assert (stated["spacing_mm"], stated["bin_width_hu"], stated["kernel_radius_voxels"]) == (2.0, 25.0, 1)
    assert (stated["voxels"], stated["padding_voxels"]) == (region.voxels, 0)
    assert stated["map_grid"]["spacing_zyx_mm"] == pytest.approx([2.0, 2.0, 2.0])
    assert stated["mask_sha256"] == digest_of(small_scan(0).mask)
    assert {"ecotone", "numba", "numpy"} <= set(stated["versions"])


def test_padding_that_resampling_reaches_is_counted(tmp_path: Path, capsys: Any) -> None:
    scan = small_scan(0)
    array = scan.volume.array.copy()
    beside = scan.mask.array.any(axis=(0, 1)).nonzero()[0].max() + 1
    array[:, :, beside:] = -2048
    image = write_raster(tmp_path / "in" / "image.nrrd", replace(scan, volume=Volume(array, scan.volume.grid)))
    mask = write_raster(tmp_path / "in" / "mask.nrrd", scan, mask=True)
    stated = report_of(capsys, image, mask, out=tmp_path / "maps", features=["Entropy"])["provenance"]
    assert stated["padding_voxels"] > 100
    call_command("voxel_maps", str(image), str(mask), out=tmp_path / "maps", features=["Entropy"])
    assert f"{stated['padding_voxels']} voxels of padding" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["--class", "glcm", "--feature", "Contrast", "MCC"], ["glcm_Contrast", "glcm_MCC"]),
        (["--class", "firstorder", "--feature", "Mean"], ["firstorder_Mean"]),
        (["--feature", "Entropy", "--feature", "Id"], ["firstorder_Entropy", "glcm_Id"]),
    ],
)
def test_classes_and_features_are_chosen(
    files: tuple[Path, Path], tmp_path: Path, capsys: Any, chosen: list[str], expected: list[str]
) -> None:
    call_command("voxel_maps", *map(str, files), "--out", str(tmp_path / "maps"), *chosen)
    assert sorted(file.stem for file in (tmp_path / "maps").iterdir()) == [f"original_{name}" for name in expected]
    assert capsys.readouterr().out.count("mean") == len(expected)


def test_a_dicom_study_with_contours_is_mapped_and_nobody_is_named(tmp_path: Path, capsys: Any) -> None:
    study = write_scan(tmp_path / "in", small_scan(0), code="MILLER-4711")
    out = tmp_path / "maps"
    report = report_of(capsys, study / "ct", study / "tumour.dcm", out=out, roi="GTV-1", features=["Entropy"])
    content = (out / "original_firstorder_Entropy.nrrd").read_bytes() + json.dumps(report).encode()
    assert report["provenance"]["voxels"] > 1000
    assert [word for word in (b"MILLER", b"4711", str(tmp_path).encode()) if word in content] == []


def test_a_tumour_of_one_voxel_has_no_co_occurrence_and_it_is_said(tmp_path: Path, capsys: Any) -> None:
    mask = np.zeros(GRID.shape_zyx, dtype=bool)
    mask[5, 15, 16] = True
    scan = Scan(small_scan(0).volume, TumorMask(mask, GRID))
    image, one = write_raster(tmp_path / "i.nrrd", scan), write_raster(tmp_path / "m.nrrd", scan, mask=True)
    report = report_of(capsys, image, one, out=tmp_path / "maps", features=["Mean", "Contrast"])
    first, glcm = report["maps"]
    assert (first["minimum"], first["undefined_voxels"]) == (small_scan(0).volume.array[5, 15, 16], 0)
    assert (glcm["minimum"], glcm["mean"], glcm["undefined_voxels"]) == (None, None, 1)


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        ({"kinds": ["glrlm"]}, "unknown_setting", "There are no voxel maps of glrlm; there are firstorder, glcm."),
        ({"features": ["Beauty"]}, "unknown_setting", "There is no map of Beauty; there are 10Percentile, "),
        (
            {"kinds": ["glcm"], "features": ["Entropy"]},
            "unknown_setting",
            "There is no map of Entropy; there are Auto",
        ),
        ({"spacing_mm": 0.0}, "unknown_setting", "must be a positive number of mm, not 0."),
        ({"spacing_mm": float("nan")}, "unknown_setting", "must be a positive number of mm, not nan."),
        ({"roi": "GTV-9"}, "region_not_found", "GTV-9"),
    ],
)
def test_what_cannot_be_mapped_is_refused_before_anything_is_written(
    files: tuple[Path, Path], tmp_path: Path, capsys: Any, spoil: dict[str, Any], code: str, said: str
) -> None:
    report = report_of(capsys, *files, out=tmp_path / "maps", refused=True, **spoil)
    assert report["error"]["code"] == code
    assert said in report["error"]["message"]
    assert report["error"]["remedy"]
    assert not (tmp_path / "maps").exists()


def test_files_that_do_not_fit_are_refused(files: tuple[Path, Path], tmp_path: Path, capsys: Any) -> None:
    image, mask = files
    absent = report_of(capsys, image, tmp_path / "absent.nii.gz", out=tmp_path / "maps", refused=True)
    empty = write_raster(tmp_path / "empty.nii.gz", small_scan(0, tumour=False), mask=True)
    nothing = report_of(capsys, image, empty, out=tmp_path / "maps", refused=True)
    blocked = report_of(capsys, image, mask, out=image, refused=True, features=["Mean"])
    codes = [report["error"]["code"] for report in (absent, nothing, blocked)]
    assert codes == ["unreadable_file", "empty_mask", "unknown_setting"]
    assert "--out names a file" in blocked["error"]["message"]
