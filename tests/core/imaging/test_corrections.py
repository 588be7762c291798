"""Corrections are made only when asked for, are right in closed form, and say with numbers what was done."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.core.case import read_case
from imaging.core.codec import to_nifti
from imaging.core.corrections import AS_SCANNED, Corrected, Corrections
from imaging.core.dataset import open_dataset
from imaging.core.dicom import read_corrected, read_series
from imaging.core.dicom_identity import DicomIdentity
from imaging.core.dicom_write import write_ct, write_seg
from imaging.core.errors import (
    DuplicateSlice,
    GridMismatch,
    Localizer,
    MissingSlice,
    SeriesRefused,
    TiltedGantry,
    TooFewSlices,
    UnevenSpacing,
)
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.masks import read_mask
from imaging.core.scan import as_json, scan
from imaging.core.straighten import OUTSIDE_HU

Edit = Callable[..., None]

IDENTITY = DicomIdentity("EC-0001", "tilted", date(2024, 2, 29), "Chest", "B31f")
TILT = Corrections(tilt=True)
CENTRE = np.array([3.3, -18.6, 31.7])
RADIUS_MM = 15.0


def leaning_grid(degrees: float, *, sideways: float = 0.0, slices: int = 26) -> Grid:
    """The grid of a gantry that leans back: the table moves along z, the planes are turned about x (and a little y)."""
    tilt, turn = np.radians(degrees), np.radians(sideways)
    row = np.array([np.cos(turn), 0, -np.sin(turn)])
    column = np.array([np.sin(tilt) * np.sin(turn), np.cos(tilt), np.sin(tilt) * np.cos(turn)])
    axes = np.column_stack([row, column, [0.0, 0.0, 1.0]])
    a, b, c = (tuple(line) for line in axes.tolist())
    origin = CENTRE - axes @ np.array([28.0, 26.0, 25.0])
    x, y, z = np.round(origin, 3).tolist()
    return Grid((slices, 66, 80), (2.0, 0.8, 0.7), (x, y, z), (a, b, c))


def positions(grid: Grid) -> NDArray[np.float64]:
    """LPS position of every voxel centre, shape (z, y, x, 3)."""
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)[..., ::-1]
    return index @ grid.affine_lps[:3, :3].T + grid.affine_lps[:3, 3]


def bump(grid: Grid) -> NDArray[np.float64]:
    """HU that fall smoothly from 0 in the centre to -1000."""
    distance = np.linalg.norm(positions(grid) - CENTRE, axis=-1)
    return np.asarray(-1000 + 1000 * np.exp(-0.5 * (distance / 7.0) ** 2))


def sphere(grid: Grid) -> NDArray[np.bool_]:
    return np.asarray(np.linalg.norm(positions(grid) - CENTRE, axis=-1) < RADIUS_MM)


def written(folder: Path, grid: Grid, array: NDArray[Any]) -> list[Path]:
    write_ct(Volume(array.astype(np.int16), grid), folder, identity=IDENTITY)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def tilted(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    grid = leaning_grid(14.0, sideways=3.0)
    return written(tmp_path_factory.mktemp("tilted"), grid, np.rint(bump(grid)))


@pytest.fixture(scope="module")
def straightened(tilted: list[Path]) -> Corrected:
    return read_corrected(tilted, corrections=TILT)


def test_without_being_asked_a_tilted_series_is_refused_with_angle_and_shift(tilted: list[Path]) -> None:
    with pytest.raises(TiltedGantry, match=r"stack of 26 slices leans 14\.3 degrees .* sideways over 48\.\d+ mm"):
        read_series(tilted)


def test_a_straightened_series_stands_upright_and_says_what_was_done(straightened: Corrected) -> None:
    grid = straightened.volume.grid
    assert np.array(grid.direction).T @ np.array(grid.direction) == pytest.approx(np.eye(3), abs=1e-9)
    assert grid.spacing_zyx_mm[0] == pytest.approx(2 * np.cos(np.radians(14)) * np.cos(np.radians(3)), abs=1e-6)
    (sentence,) = straightened.sentences
    # The table moves 50 mm, of which the sine of the tilt lies in the planes.
    assert "tilt of 14.3 degrees" in sentence
    assert "26 slices" in sentence
    assert "by up to 12.36 mm" in sentence
    assert f"{OUTSIDE_HU} HU" in sentence


def test_every_voxel_of_a_straightened_series_shows_what_is_at_its_place(straightened: Corrected) -> None:
    volume = straightened.volume
    shown = volume.array != OUTSIDE_HU
    assert shown.sum() == 26 * 66 * 80  # no voxel of the slices is lost, and none is invented
    assert np.abs(volume.array - bump(volume.grid))[shown].max() <= 1.5  # rounded twice, and cubic
    assert volume.array.dtype == np.int16


def test_a_sheared_sphere_comes_back_as_a_sphere(tmp_path: Path) -> None:
    leaning = leaning_grid(20.0)
    hu = np.where(sphere(leaning), 50, -900)
    volume = read_corrected(written(tmp_path / "ct", leaning, hu), corrections=TILT).volume
    inside = volume.array > -425
    assert inside.sum() * volume.grid.voxel_volume_mm3 == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3, rel=0.01)
    where = positions(volume.grid)[inside]
    assert where.mean(axis=0) == pytest.approx(CENTRE, abs=0.1)
    # The three main axes of a ball are equally long; sheared by 20 degrees they would differ by 43 %.
    lengths = np.sqrt(np.linalg.eigvalsh(np.cov(where.T)))
    assert lengths == pytest.approx(np.full(3, RADIUS_MM / np.sqrt(5)), rel=0.01)


def circle(centre: NDArray[np.float64], row: Any, column: Any, radius: float) -> list[float]:
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    points = centre + radius * (np.outer(np.cos(angles), row) + np.outer(np.sin(angles), column))
    return [float(f"{v:.4f}") for v in points.ravel()]


def contoured(grid: Grid, file: Path) -> Path:
    """The sphere as it is contoured on the planes of a leaning stack."""
    row, column, _ = np.array(grid.direction).T
    normal = np.cross(row, column)
    contours = []
    for z in range(grid.shape_zyx[0]):
        height = float((grid.position((z, 0, 0)) - CENTRE) @ normal)
        if abs(height) < RADIUS_MM:
            item = Dataset()
            item.ContourGeometricType = "CLOSED_PLANAR"
            item.ContourData = circle(CENTRE + height * normal, row, column, float(np.sqrt(RADIUS_MM**2 - height**2)))
            contours.append(item)
    return structure_set(contours, file)


def structure_set(contours: Sequence[Dataset], file: Path) -> Path:
    region, outline = Dataset(), Dataset()
    region.ROINumber, region.ROIName = 1, "GTV"
    outline.ReferencedROINumber, outline.ContourSequence = 1, list(contours)
    dataset = pydicom.dcmread(file) if file.exists() else Dataset()
    dataset.Modality, dataset.SOPClassUID, dataset.SOPInstanceUID = (
        "RTSTRUCT",
        "1.2.840.10008.5.1.4.1.1.481.3",
        "1.2.3",
    )
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [region], [outline]
    dataset.save_as(file, implicit_vr=False, little_endian=True)
    return file


def test_contours_of_tilted_slices_enclose_the_sphere_of_the_straightened_series(
    tilted: list[Path], straightened: Corrected, tmp_path: Path
) -> None:
    file = contoured(leaning_grid(14.0, sideways=3.0), tmp_path / "rs.dcm")
    found = read_mask(file, straightened.volume, drawn_on=straightened.drawn_on).mask
    expected = sphere(straightened.volume.grid)
    # The pixel-centre rule on the planes that were scanned: only centres on the outline itself may differ.
    assert (found.array ^ expected).sum() <= 5
    assert found.voxels > 9000
    assert positions(found.grid)[found.array].mean(axis=0) == pytest.approx(CENTRE, abs=0.05)


def test_segments_of_tilted_slices_follow_them_by_whole_pixels(
    tilted: list[Path], straightened: Corrected, tmp_path: Path
) -> None:
    leaning = leaning_grid(14.0, sideways=3.0)
    drawn = TumorMask(sphere(leaning), leaning)
    write_seg(drawn, tmp_path / "seg.dcm", identity=IDENTITY)
    found = read_mask(tmp_path / "seg.dcm", straightened.volume, drawn_on=straightened.drawn_on).mask
    assert found.grid == straightened.volume.grid
    assert found.voxels == drawn.voxels
    assert positions(found.grid)[found.array].mean(axis=0) == pytest.approx(CENTRE, abs=0.15)
    # Off by at most half a pixel, so only the rind of the sphere may differ.
    expected = sphere(found.grid)
    rind = np.abs(np.linalg.norm(positions(found.grid) - CENTRE, axis=-1) - RADIUS_MM) < 0.55
    assert not (found.array ^ expected)[~rind].any()


def test_segments_of_tilted_slices_are_refused_where_nobody_says_that_they_were_tilted(
    straightened: Corrected, tmp_path: Path
) -> None:
    leaning = leaning_grid(14.0, sideways=3.0)
    write_seg(TumorMask(sphere(leaning), leaning), tmp_path / "seg.dcm", identity=IDENTITY)
    with pytest.raises(GridMismatch):
        read_mask(tmp_path / "seg.dcm", straightened.volume)


def test_a_label_file_drawn_on_the_straightened_volume_fits_and_one_of_the_tilted_slices_does_not(
    straightened: Corrected, tmp_path: Path
) -> None:
    grid = straightened.volume.grid
    (tmp_path / "mask.nii.gz").write_bytes(to_nifti(sphere(grid).astype(np.uint8), grid))
    found = read_mask(tmp_path / "mask.nii.gz", straightened.volume, drawn_on=straightened.drawn_on)
    assert np.array_equal(found.mask.array, sphere(grid))
    tower = replace(grid, shape_zyx=(26, 66, 80))
    (tmp_path / "off.nii.gz").write_bytes(to_nifti(sphere(tower).astype(np.uint8), tower))
    with pytest.raises(GridMismatch, match="their sizes differ"):
        read_mask(tmp_path / "off.nii.gz", straightened.volume, drawn_on=straightened.drawn_on)


def test_a_scan_says_what_it_straightened_and_accepts_the_masks(tilted: list[Path], tmp_path: Path) -> None:
    shutil.copytree(tilted[0].parent, tmp_path / "in" / "ct")
    leaning = leaning_grid(14.0, sideways=3.0)
    write_seg(TumorMask(sphere(leaning), leaning), tmp_path / "in" / "seg.dcm", identity=IDENTITY)
    (plain,) = scan(tmp_path / "in").series
    assert (plain.code, plain.corrections) == ("tilted_gantry", ())
    report = scan(tmp_path / "in", corrections=TILT)
    (series,), (region,) = report.series, report.segmentations
    assert (series.code, region.code, region.voxels) == ("ok", "ok", sphere(leaning).sum())
    assert as_json(report)["series"][0]["corrections"] == list(series.corrections)
    assert "14.3 degrees" in series.corrections[0]
    read, _ = read_case(tmp_path / "in", tmp_path / "in" / "seg.dcm", corrections=TILT)
    assert read.sentences == series.corrections


def test_an_upright_series_is_left_as_it_is_whatever_may_be_corrected(chest: Any) -> None:
    everything = Corrections(tilt=True, repeated="first", localizers=True)
    found = read_corrected(chest.slices, corrections=everything)
    assert (found.sentences, found.drawn_on) == ((), AS_SCANNED)
    assert np.array_equal(found.volume.array, chest.volume.array)
    assert found.volume.grid == chest.volume.grid


def test_a_stack_that_leans_more_than_any_gantry_is_refused_all_the_same(tmp_path: Path) -> None:
    grid = leaning_grid(40.0, slices=6)
    files = written(tmp_path / "ct", grid, np.full(grid.shape_zyx, -900))
    with pytest.raises(TiltedGantry, match=r"40\.0 degrees .* at most 35 degrees are straightened"):
        read_corrected(files, corrections=TILT)


def test_a_slice_off_the_line_of_a_tilted_stack_is_refused_and_named(
    tilted: list[Path], edit: Edit, tmp_path: Path
) -> None:
    files = [Path(shutil.copy(file, tmp_path)) for file in tilted]
    x, y, z = map(float, pydicom.dcmread(files[7]).ImagePositionPatient)
    edit(files[7], ImagePositionPatient=[x + 3, y, z])
    with pytest.raises(UnevenSpacing, match=r"sideways .* by up to 3 mm \(image 8 against the first\)"):
        read_corrected(files, corrections=TILT)


def test_straightening_fills_no_gap(tilted: list[Path]) -> None:
    with pytest.raises(MissingSlice, match="1 slice is missing"):
        read_corrected([*tilted[:9], *tilted[10:]], corrections=TILT)


# Several images at one position.


def second_pass(chest: Any, edit: Edit, *, files: Sequence[Path] | None = None, **attributes: object) -> list[Path]:
    """A second pass over the same places, 100 HU brighter."""
    made = []
    (chest.root / "second").mkdir(exist_ok=True)
    for file in files or chest.slices:
        dataset = pydicom.dcmread(file)
        copy = chest.root / "second" / file.name
        bright = np.frombuffer(dataset.PixelData, "<u2") + 100
        dataset.PixelData = bright.astype("<u2").tobytes()
        dataset.SOPInstanceUID += ".2"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.InstanceNumber = int(dataset.InstanceNumber) + 100
        dataset.save_as(copy)
        edit(copy, **attributes)
        made.append(copy)
    return made


@pytest.mark.parametrize(("which", "brighter"), [("first", 0), ("last", 100)])
@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}, "temporal position"),
        ({"AcquisitionNumber": 4}, {"AcquisitionNumber": 11}, "acquisition number"),
        ({"AcquisitionTime": "115959.9"}, {"AcquisitionTime": "120003"}, "acquisition time"),
        ({"AcquisitionDateTime": "20240229235959"}, {"AcquisitionDateTime": "20240301000001.5"}, "acquisition time"),
        ({}, {}, "instance number"),
    ],
)
def test_one_of_two_passes_is_chosen_on_request_by_what_tells_them_apart(
    chest: Any, edit: Edit, which: Any, brighter: int, first: dict[str, Any], second: dict[str, Any], word: str
) -> None:
    both = [*second_pass(chest, edit, **second), *chest.slices]
    for file in chest.slices:
        edit(file, **first)
    with pytest.raises(DuplicateSlice, match="6 of 6 positions are taken twice"):
        read_series(both)
    found = read_corrected(both, corrections=Corrections(repeated=which))
    assert np.array_equal(found.volume.array, chest.volume.array + brighter)
    (sentence,) = found.sentences
    assert f"6 of 6 positions were taken up to 2 times; the {which} image of each was kept by its {word}" in sentence
    assert "6 of 12 images were left out" in sentence
    assert len(found.drawn_on.left_out) == 6


def test_images_that_nothing_tells_apart_stay_refused(chest: Any, edit: Edit) -> None:
    both = [*chest.slices, *second_pass(chest, edit)]
    for file in both:
        edit(file, InstanceNumber=None)
    with pytest.raises(DuplicateSlice, match=r"none of temporal position, .* tells their images apart"):
        read_corrected(both, corrections=Corrections(repeated="first"))


def test_a_time_of_day_is_not_compared_with_a_date(chest: Any, edit: Edit) -> None:
    second = second_pass(chest, edit, AcquisitionTime="090000")
    for file in second:
        edit(file, AcquisitionDate=None)
    for file in chest.slices:
        edit(file, AcquisitionTime="100000")
    found = read_corrected([*chest.slices, *second], corrections=Corrections(repeated="first"))
    assert "kept by its instance number" in found.sentences[0]


def test_exact_copies_are_left_out_on_request_and_counted(chest: Any) -> None:
    copy = shutil.copy(chest.slices[2], chest.root / "copy.dcm")
    with pytest.raises(DuplicateSlice, match=r"2 images lie at one position, -95 mm .* 1 of 6 positions"):
        read_series([*chest.slices, Path(copy)])
    found = read_corrected([*chest.slices, Path(copy)], corrections=Corrections(repeated="last"))
    assert found.sentences == ("1 of 7 images were exact copies of others and were left out.",)
    assert np.array_equal(found.volume.array, chest.volume.array)
    assert found.drawn_on == AS_SCANNED  # the same image under the same UID is still there


def test_passes_that_cover_different_places_are_not_mixed(chest: Any, edit: Edit) -> None:
    part = second_pass(chest, edit, files=chest.slices[:3], AcquisitionNumber=2)
    whole = Corrections(repeated="first"), Corrections(repeated="last")
    kept = read_corrected([*chest.slices, *part], corrections=whole[0])
    assert np.array_equal(kept.volume.array, chest.volume.array)  # the first pass covers every place
    with pytest.raises(
        DuplicateSlice, match=r"Only 3 of 6 positions .* acquisition numbers differ .* would mix passes"
    ):
        read_corrected([*chest.slices, *part], corrections=whole[1])


def test_temporal_positions_that_differ_from_place_to_place_are_not_mixed(chest: Any, edit: Edit) -> None:
    both = [*chest.slices, *second_pass(chest, edit)]
    for number, file in enumerate(both):
        edit(file, TemporalPositionIdentifier=number + 1)
    with pytest.raises(DuplicateSlice, match="temporal positions differ from place to place"):
        read_corrected(both, corrections=Corrections(repeated="first"))


def test_a_moving_table_that_counts_its_acquisitions_on_is_no_mixture(chest: Any, edit: Edit) -> None:
    second = second_pass(chest, edit)
    for place, (one, other) in enumerate(zip(chest.slices, second, strict=True)):
        edit(one, AcquisitionNumber=2 * place + 1)
        edit(other, AcquisitionNumber=2 * place + 2)
    found = read_corrected([*chest.slices, *second], corrections=Corrections(repeated="last"))
    assert np.array_equal(found.volume.array, chest.volume.array + 100)


def test_four_images_at_one_place_are_chosen_from_and_still_no_volume(chest: Any, edit: Edit) -> None:
    alone = chest.slices[0]
    others = []
    for number in (2, 3, 4):
        (made,) = second_pass(chest, edit, files=[alone], AcquisitionNumber=number, RescaleIntercept=-number)
        others.append(made.rename(chest.root / f"{number}.dcm"))
    with pytest.raises(TooFewSlices, match="only 1 slice;"):
        read_corrected([alone, *others], corrections=Corrections(repeated="last"))


def test_contours_of_images_that_were_left_out_are_refused(chest: Any, edit: Edit) -> None:
    both = [*chest.slices, *second_pass(chest, edit, AcquisitionNumber=2)]
    kept = read_corrected(both, corrections=Corrections(repeated="first"))
    for file in (chest.rtstruct, chest.seg):  # drawn on the first pass
        found = read_mask(file, kept.volume, drawn_on=kept.drawn_on)
        assert np.array_equal(found.mask.array, chest.mask.array)
    other = read_corrected(both, corrections=Corrections(repeated="last"))
    for file, part in (
        (chest.rtstruct, "2 of 2 contours of region 'GTV-1'"),
        (chest.seg, "2 of 2 frames of segment"),
    ):
        with pytest.raises(GridMismatch, match=f"{part}.* were drawn on images that were left out"):
            read_mask(file, other.volume, drawn_on=other.drawn_on)


def test_one_temporal_position_of_an_enhanced_ct_is_chosen_by_its_frames(chest: Any) -> None:
    images = [pydicom.dcmread(file) for file in chest.slices]
    whole = pydicom.dcmread(chest.slices[0])
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    frames, pixels = [], []
    for moment in (2, 1):
        for image in images:
            frame, place, content = Dataset(), Dataset(), Dataset()
            place.ImagePositionPatient = image.ImagePositionPatient
            content.TemporalPositionIndex = moment
            frame.PlanePositionSequence, frame.FrameContentSequence = [place], [content]
            frame.PlaneOrientationSequence = frame.PixelMeasuresSequence = [image]
            frame.PixelValueTransformationSequence = [image]
            frames.append(frame)
            pixels.append((np.frombuffer(image.PixelData, "<u2") + 100 * moment).astype("<u2").tobytes())
    for frame in frames:  # whole images as groups would nest; keep what a plane needs
        orientation, measures, values = Dataset(), Dataset(), Dataset()
        orientation.ImageOrientationPatient = whole.ImageOrientationPatient
        measures.PixelSpacing = whole.PixelSpacing
        values.RescaleSlope, values.RescaleIntercept = 1, -1024
        frame.PlaneOrientationSequence, frame.PixelMeasuresSequence = [orientation], [measures]
        frame.PixelValueTransformationSequence = [values]
    whole.PerFrameFunctionalGroupsSequence, whole.NumberOfFrames = frames, len(frames)
    whole.PixelData = b"".join(pixels)
    file = chest.root / "enhanced.dcm"
    whole.save_as(file)
    with pytest.raises(DuplicateSlice):
        read_series([file])
    found = read_corrected([file], corrections=Corrections(repeated="first"))
    assert np.array_equal(found.volume.array, chest.volume.array + 100)
    assert "temporal position" in found.sentences[0]
    assert {frame for _, frame in found.drawn_on.left_out} == {1, 2, 3, 4, 5, 6}


# Localisers.


def scouts(chest: Any, edit: Edit) -> list[Path]:
    made = []
    for number in (91, 92):
        made.append(Path(shutil.copy(chest.slices[0], chest.root / f"scout{number}.dcm")))
        edit(
            made[-1],
            ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
            ImageOrientationPatient=[0, 1, 0, 0, 0, -1],
            InstanceNumber=number,
            SOPInstanceUID=f"1.2.3.{number}",
        )
    return made


def test_localisers_within_a_series_are_refused_by_number_and_left_out_on_request(chest: Any, edit: Edit) -> None:
    files = [*scouts(chest, edit), *chest.slices]
    with pytest.raises(Localizer, match=r"2 of 8 images of the series \(images 91 and 92\) are localisers"):
        read_series(files)
    found = read_corrected(files, corrections=Corrections(localizers=True))
    assert np.array_equal(found.volume.array, chest.volume.array)
    assert found.sentences == ("2 of 8 images of the series (images 91 and 92) were localisers and were left out.",)


def test_a_series_of_localisers_only_is_refused_whatever_may_be_left_out(chest: Any, edit: Edit) -> None:
    with pytest.raises(Localizer, match="The images are localisers"):
        read_corrected(scouts(chest, edit), corrections=Corrections(localizers=True))


def test_a_scan_refuses_or_leaves_out_localisers_with_their_masks_in_step(chest: Any, edit: Edit) -> None:
    scouts(chest, edit)
    refused = scan(chest.root)
    assert [(len(row.files), row.code) for row in refused.series] == [(8, "localizer")]
    assert {row.code for row in refused.segmentations} == {"no_matching_series"}
    accepted = scan(chest.root, corrections=Corrections(localizers=True))
    assert [(row.code, len(row.corrections)) for row in accepted.series] == [("ok", 1)]
    assert {(row.code, row.voxels) for row in accepted.segmentations} == {("ok", 96)}


def test_corrections_do_not_hide_another_fault(chest: Any, edit: Edit) -> None:
    files = [*chest.slices, *second_pass(chest, edit, AcquisitionNumber=2)]
    with pytest.raises(MissingSlice):
        read_corrected(
            [f for f in files if "0003" not in f.name], corrections=Corrections(tilt=True, repeated="first")
        )
    with pytest.raises(SeriesRefused):
        read_corrected([], corrections=TILT)
    assert open_dataset(chest.slices[0]).InstanceNumber == 1
