"""CT series become volumes, or are refused with the reason; nothing is repaired in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from imaging.core.acquisition import acquisition_of
from imaging.core.dicom import read_series
from imaging.core.dicom_write import write_ct
from imaging.core.errors import (
    BurnedInText,
    DuplicateSlice,
    Localizer,
    MissingGeometry,
    MissingSlice,
    MixedOrientation,
    MixedPixelSpacing,
    NotCT,
    SeriesRefused,
    SliceTooThick,
    TiltedGantry,
    TooFewSlices,
    UnevenSpacing,
    UnreadableFile,
)
from imaging.core.geometry import IDENTITY, Grid, Volume

Edit = Callable[..., None]
DEFLATED = DeflatedExplicitVRLittleEndian


def position(file: Path) -> list[float]:
    return [float(v) for v in pydicom.dcmread(file).ImagePositionPatient]


def test_a_series_reads_voxel_for_voxel_whatever_the_order_of_its_files(chest: Any) -> None:
    volume = read_series(chest.slices[::-1])
    assert np.array_equal(volume.array, chest.volume.array)
    assert volume.array.dtype == np.int16
    assert volume.grid == chest.volume.grid


def test_spacing_comes_from_positions_and_not_from_slice_thickness(chest: Any, edit: Edit) -> None:
    for file in chest.slices:
        edit(file, SliceThickness=5.0, SpacingBetweenSlices=4.0)
    assert read_series(chest.slices).grid.spacing_zyx_mm[0] == 2.5


def test_each_slice_has_its_own_rescale(chest: Any, edit: Edit) -> None:
    # Stored values are HU + 1024; with slope 2 and intercept -2048, HU doubles on that slice alone.
    edit(chest.slices[2], RescaleSlope=2, RescaleIntercept=-2048)
    volume = read_series(chest.slices)
    assert np.array_equal(volume.array[2], 2 * chest.volume.array[2])
    assert np.array_equal(volume.array[3], chest.volume.array[3])


def test_fractional_hu_are_kept_as_float32(chest: Any, edit: Edit) -> None:
    edit(chest.slices[0], RescaleIntercept=-1024.25)
    volume = read_series(chest.slices)
    assert volume.array.dtype == np.float32
    assert volume.array[0, 0, 0] == -900.25


def test_a_series_whose_rows_run_to_the_front_is_turned_towards_back_and_head(chest: Any, edit: Edit) -> None:
    stored = read_series(chest.slices)
    for file in chest.slices:
        edit(file, ImageOrientationPatient=[1, 0, 0, 0, -1, 0])
    volume = read_series(chest.slices)
    assert volume.grid.direction == IDENTITY
    # The first stored row is now the last: its centre stays at y = -20.25 mm.
    rows, spacing = stored.grid.shape_zyx[1], stored.grid.spacing_zyx_mm[1]
    assert volume.grid.origin_lps_mm == pytest.approx(
        (-12.5, -20.25 - (rows - 1) * spacing, stored.grid.origin_lps_mm[2])
    )
    assert np.array_equal(volume.array, stored.array[:, ::-1])


def test_it_refuses_a_missing_slice_with_positions_and_gap(chest: Any) -> None:
    with pytest.raises(
        MissingSlice, match=r"1 slice is missing.*2\.5 mm apart.*-97\.5 and -92\.5 mm \(a gap of 5 mm\)"
    ):
        read_series([file for index, file in enumerate(chest.slices) if index != 2])


def test_it_counts_all_missing_slices(tmp_path: Path, chest: Any) -> None:
    array = np.full((12, 4, 4), -900, dtype=np.int16)
    write_ct(Volume(array, Grid((12, 4, 4), (1, 1, 1))), tmp_path / "long", identity=chest.identity)
    files = sorted((tmp_path / "long").glob("*.dcm"))
    with pytest.raises(MissingSlice, match="3 slices are missing"):
        read_series([file for index, file in enumerate(files) if index not in (3, 7, 8)])


def test_it_refuses_a_duplicate_slice(chest: Any) -> None:
    with pytest.raises(
        DuplicateSlice,
        match=r"2 images lie at one position, -95 mm .* \(images 3 and 3\); 1 of 6 positions are taken twice",
    ):
        read_series([*chest.slices, chest.slices[2]])


def test_it_refuses_slice_spacing_that_changes(chest: Any, edit: Edit) -> None:
    for index, file in enumerate(chest.slices):
        edit(file, ImagePositionPatient=[-12.5, -20.25, -100 + 2 * index + (index > 2) * (index - 2)])
    with pytest.raises(
        UnevenSpacing, match=r"from 2 mm to 3 mm; 2 of 5 gaps .* 3 mm: between -100 and -98 mm \(a gap of 2 mm\)"
    ):
        read_series(chest.slices)


def test_it_accepts_positions_that_were_rounded(chest: Any, edit: Edit) -> None:
    for index, file in enumerate(chest.slices):
        edit(file, ImagePositionPatient=[-12.5, -20.25, round(-100 + 1.25 * index, 1)])
    assert read_series(chest.slices).grid.spacing_zyx_mm[0] == pytest.approx(1.25, abs=0.02)


def test_it_refuses_a_tilted_gantry_with_the_angle(chest: Any, edit: Edit) -> None:
    cos, sin = float(np.cos(np.radians(10))), float(np.sin(np.radians(10)))
    for file in chest.slices:
        edit(file, ImageOrientationPatient=[1, 0, 0, 0, cos, -sin])
    with pytest.raises(
        TiltedGantry, match=r"stack of 6 slices leans 10\.0 degrees .* \(2\.171 mm sideways over 12\.31 mm\)"
    ):
        read_series(chest.slices)


def test_it_accepts_oblique_slices_that_stand_upright_on_their_normal(chest: Any, edit: Edit) -> None:
    cos, sin = np.cos(np.radians(10)), np.sin(np.radians(10))
    normal = np.cross([1, 0, 0], [0, cos, -sin])
    for index, file in enumerate(chest.slices):
        where = [float(f"{v:.8g}") for v in np.array([-12.5, -20.25, -100]) + 2.5 * index * normal]
        edit(
            file,
            ImageOrientationPatient=[1, 0, 0, 0, float(f"{cos:.8g}"), float(f"{-sin:.8g}")],
            ImagePositionPatient=where,
        )
    grid = read_series(chest.slices).grid
    assert grid.spacing_zyx_mm[0] == pytest.approx(2.5, abs=1e-6)
    assert np.linalg.det(np.array(grid.direction)) == pytest.approx(1)
    assert np.array(grid.direction)[:, 2] == pytest.approx(normal, abs=1e-6)


def test_it_refuses_slices_shifted_sideways(chest: Any, edit: Edit) -> None:
    edit(chest.slices[3], ImagePositionPatient=[-9.5, -20.25, -92.5])
    with pytest.raises(
        UnevenSpacing, match=r"sideways against each other by up to 3 mm \(image 4 against the first\)"
    ):
        read_series(chest.slices)


def test_it_refuses_mixed_orientation(chest: Any, edit: Edit) -> None:
    edit(chest.slices[4], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    with pytest.raises(
        MixedOrientation,
        match=r"1 of 6 slices \(image 5\) points in another direction .*\(0, 1, 0, 0, 0, -1\) .* 120 degrees",
    ):
        read_series(chest.slices)


def test_it_refuses_two_pixel_spacings(chest: Any, edit: Edit) -> None:
    edit(chest.slices[5], PixelSpacing=[0.9, 0.7])
    with pytest.raises(
        MixedPixelSpacing, match=r"0\.8 x 0\.7 \(5 slices\), 0\.9 x 0\.7 \(1 slices\) mm; image 6 differs"
    ):
        read_series(chest.slices)


def test_it_refuses_two_sizes(chest: Any, edit: Edit) -> None:
    edit(chest.slices[5], Rows=12, PixelData=bytes(2 * 12 * 32))
    with pytest.raises(MixedPixelSpacing, match=r"2 different sizes .* image 6 differs"):
        read_series(chest.slices)


def test_it_refuses_another_modality(chest: Any, edit: Edit) -> None:
    edit(chest.slices[0], Modality="PT")
    with pytest.raises(NotCT, match="PT, not CT"):
        read_series(chest.slices)


@pytest.mark.parametrize(
    ("attributes", "error", "reason"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, NotCT, "Secondary Capture"),
        (
            {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
            Localizer,
            r"1 of 6 images .* \(image 1\) is a localiser",
        ),
        ({"RescaleSlope": 0}, NotCT, "slope 0, intercept -1024"),
        ({"RescaleSlope": "1e300"}, NotCT, "does not give HU"),
        ({"ModalityLUTSequence": [Dataset()]}, NotCT, "lookup table"),
        ({"RescaleType": "US"}, NotCT, "rescale type is US"),
        ({"BurnedInAnnotation": "YES"}, BurnedInText, "burned into"),
        ({"SamplesPerPixel": 3}, NotCT, "colour"),
        ({"ImagePositionPatient": None}, MissingGeometry, "no usable position"),
        ({"PixelSpacing": [0, 0]}, MissingGeometry, "no usable pixel spacing"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, SeriesRefused, "perpendicular|direction"),
        ({"PixelData": None}, UnreadableFile, "Image 1 of 6 in the series cannot be read"),
        ({"Rows": 60000, "Columns": 60000}, SeriesRefused, "more than a CT can have"),
        ({"Rows": 4097, "Columns": 4096}, SeriesRefused, "4097 x 4096 x 1 voxels, more than a CT can have"),
    ],
)
def test_it_refuses_what_is_no_slice_of_a_ct(
    chest: Any, edit: Edit, attributes: dict[str, object], error: type[Exception], reason: str
) -> None:
    edit(chest.slices[0], **attributes)
    with pytest.raises(error, match=reason):
        read_series(chest.slices)


def test_cosines_that_are_not_perpendicular_are_refused(chest: Any, edit: Edit) -> None:
    for file in chest.slices:
        edit(file, ImageOrientationPatient=[1, 0, 0, 0.5, 0.5, 0])
    with pytest.raises(MissingGeometry, match="not perpendicular"):
        read_series(chest.slices)


def test_without_rescale_values_count_as_hu_only_when_air_is_among_them(chest: Any, edit: Edit) -> None:
    for file in chest.slices:
        edit(file, RescaleSlope=None, RescaleIntercept=None)
    with pytest.raises(NotCT, match=r"does not say how stored values become HU.*lowest is 124"):
        read_series(chest.slices)  # stored: HU + 1024
    for file in chest.slices:
        stored = (np.frombuffer(pydicom.dcmread(file).PixelData, "<u2").astype(int) - 1024).astype("<i2")
        edit(file, PixelRepresentation=1, PixelData=stored.tobytes())
    assert np.array_equal(read_series(chest.slices).array, chest.volume.array)


def test_it_refuses_fewer_than_three_slices(chest: Any) -> None:
    with pytest.raises(TooFewSlices, match="only 2 slices"):
        read_series(chest.slices[:2])
    with pytest.raises(TooFewSlices, match="only 1 slice;"):
        read_series(chest.slices[:1])
    with pytest.raises(SeriesRefused, match="no images"):
        read_series([])


def test_it_refuses_slices_further_apart_than_five_millimetres(chest: Any, tmp_path: Path) -> None:
    for spacing, name in ((5.0, "thick"), (5.5, "thicker")):
        volume = Volume(chest.volume.array, replace(chest.volume.grid, spacing_zyx_mm=(spacing, 0.8, 0.7)))
        write_ct(volume, tmp_path / name, identity=chest.identity)
    assert read_series(sorted((tmp_path / "thick").iterdir())).grid.spacing_zyx_mm[0] == 5.0
    with pytest.raises(SliceTooThick, match=r"5\.5 mm apart"):
        read_series(sorted((tmp_path / "thicker").iterdir()))


@pytest.mark.parametrize("left", [0.1, 0.5, 0.97, 0.999])
def test_it_refuses_a_truncated_file_wherever_it_is_cut(chest: Any, left: float) -> None:
    content = chest.slices[3].read_bytes()
    chest.slices[3].write_bytes(content[: int(left * len(content))])
    with pytest.raises(UnreadableFile, match="Image 4 of 6"):
        read_series(chest.slices)


def test_errors_name_nobody(chest: Any, edit: Edit) -> None:
    for file in chest.slices:
        edit(file, PatientName="Doe^Jane", PatientID="4711")
    content = chest.slices[3].read_bytes()
    chest.slices[3].write_bytes(content[:-100])
    with pytest.raises(UnreadableFile) as caught:
        read_series(chest.slices)
    assert "Doe" not in str(caught.value)
    assert str(chest.root) not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "syntax",
    [RLELossless, JPEGLSLossless, JPEG2000Lossless, ImplicitVRLittleEndian, ExplicitVRBigEndian, DEFLATED],
    ids=lambda syntax: UID(syntax).name,
)
def test_every_transfer_syntax_gives_the_same_hu(chest: Any, tmp_path: Path, syntax: str) -> None:
    noise = np.random.default_rng(5).integers(-1000, 500, (3, 64, 64)).astype(np.int16)  # JPEG 2000 wants some pixels
    write_ct(Volume(noise, Grid((3, 64, 64), (2, 0.7, 0.7))), tmp_path / "ct", identity=chest.identity)
    for file in (tmp_path / "ct").iterdir():
        written = pydicom.dcmread(file)
        dataset = Dataset()
        dataset.file_meta = written.file_meta
        dataset.update({element.tag: element for element in written})
        if UID(syntax).is_encapsulated:
            dataset.compress(syntax, generate_instance_uid=False)
        elif not UID(syntax).is_little_endian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        dataset["PixelData"].VR = "OB" if UID(syntax).is_encapsulated else "OW"
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(file, enforce_file_format=True)
        assert pydicom.dcmread(file).file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(read_series(sorted((tmp_path / "ct").iterdir())).array, noise)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless], ids=lambda syntax: UID(syntax).name)
@pytest.mark.parametrize("attributes", [{"Rows": 128}, {"Columns": 32}, {"BitsAllocated": 8, "BitsStored": 8}])
def test_a_compressed_slice_whose_header_states_another_size_is_refused_before_it_is_decoded(
    chest: Any, edit: Edit, tmp_path: Path, syntax: str, attributes: dict[str, int]
) -> None:
    # GDCM ends the process for such a file, which no exception handler could stop.
    noise = np.random.default_rng(5).integers(-1000, 500, (3, 64, 64)).astype(np.int16)
    write_ct(Volume(noise, Grid((3, 64, 64), (2, 0.7, 0.7))), tmp_path / "ct", identity=chest.identity)
    files = sorted((tmp_path / "ct").iterdir())
    for file in files:
        dataset = pydicom.dcmread(file)
        dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(file)
        edit(file, **attributes)
    with pytest.raises(UnreadableFile, match=r"frame holds 64 x 64 x 1 values of 16 bits, but the header says"):
        read_series(files)


def test_a_panic_of_a_decoder_is_an_unreadable_file(chest: Any, tmp_path: Path) -> None:
    # For these bytes the RLE decoder panics, which is no Exception in Python.
    ramp = np.broadcast_to(np.arange(256, dtype=np.int16).reshape(16, 16) - 1024, (3, 16, 16))
    write_ct(Volume(ramp, Grid((3, 16, 16), (2, 0.7, 0.7))), tmp_path / "ct", identity=chest.identity)
    files = sorted((tmp_path / "ct").iterdir())
    dataset = pydicom.dcmread(files[0])
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.PixelData = dataset.PixelData[:28] + b"\x80" + dataset.PixelData[29:]
    dataset.save_as(files[0])
    with pytest.raises(UnreadableFile, match="compressed pixels cannot be decoded"):
        read_series(files)


def enhanced(chest: Any) -> Dataset:
    """The chest as one enhanced CT whose frames run head to foot, with a rescale of their own."""
    images = [pydicom.dcmread(file) for file in chest.slices][::-1]
    whole = images[0]
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    orientation, measures = Dataset(), Dataset()
    orientation.ImageOrientationPatient = whole.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = whole.PixelSpacing, 9.0
    shared = Dataset()
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Sequence([orientation]), Sequence([measures])
    whole.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for image in images:
        frame, place, values = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = image.ImagePositionPatient
        values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, -1024, "HU"
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = Sequence([place]), Sequence([values])
        frames.append(frame)
    whole.PerFrameFunctionalGroupsSequence = Sequence(frames)
    whole.NumberOfFrames = len(frames)
    whole.PixelData = b"".join(image.PixelData for image in images)
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        del whole[keyword]
    return whole


def test_an_enhanced_multi_frame_ct_reads_like_single_slices(chest: Any, tmp_path: Path) -> None:
    enhanced(chest).save_as(tmp_path / "enhanced.dcm")
    volume = read_series([tmp_path / "enhanced.dcm"])
    assert np.array_equal(volume.array, chest.volume.array)
    assert volume.grid == chest.volume.grid


def test_an_enhanced_ct_with_fewer_frames_than_it_describes_is_unreadable(chest: Any, tmp_path: Path) -> None:
    whole = enhanced(chest)
    whole.PerFrameFunctionalGroupsSequence = whole.PerFrameFunctionalGroupsSequence[:4]
    whole.save_as(tmp_path / "enhanced.dcm")
    with pytest.raises(UnreadableFile, match="describes 4 planes but holds 6"):
        read_series([tmp_path / "enhanced.dcm"])


def test_acquisition_facts_are_read_without_identity(chest: Any) -> None:
    dataset = pydicom.dcmread(chest.slices[0])
    dataset.update({"KVP": "120", "SliceThickness": "2.0", "ConvolutionKernel": ["B31f", "3"]})
    dataset.ContrastBolusAgent = "OMNI 300"
    found = acquisition_of(dataset)
    assert (found.kvp, found.slice_thickness_mm, found.kernel, found.contrast) == (120.0, 2.0, "B31f/3", True)
    assert found.acquired_on == date(2024, 2, 29)


@pytest.mark.parametrize(("agent", "contrast"), [("", None), ("None", False), ("iohexol", True)])
def test_contrast_is_true_false_or_unknown(agent: str, contrast: bool | None) -> None:
    dataset = Dataset()
    dataset.ContrastBolusAgent = agent
    assert acquisition_of(dataset).contrast is contrast


def test_unusable_acquisition_facts_become_none() -> None:
    dataset = Dataset()
    with disable_value_validation():
        dataset.add_new("AcquisitionDate", "DA", "20241399")
    found = acquisition_of(dataset)
    assert (found.acquired_on, found.kvp, found.kernel, found.contrast) == (None, None, "", None)
