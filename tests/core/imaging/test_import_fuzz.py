"""Whatever bytes of a header are changed or cut off, reading ends in a result or in one of our own errors.

A file that was cut off and is accepted all the same must hold every voxel of the whole one. The faults are drawn by
hypothesis with fixed settings, so each run tries the same ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.uid import JPEGLSLossless, RLELossless

from imaging.core.codec import to_nifti
from imaging.core.corrections import Corrections
from imaging.core.dicom import read_corrected
from imaging.core.dicom_identity import DicomIdentity
from imaging.core.dicom_write import write_ct, write_rtstruct, write_seg
from imaging.core.errors import ImagingError
from imaging.core.geometry import Grid, TumorMask, Volume, to_sitk
from imaging.core.masks import read_mask
from imaging.core.nifti import read_label_layers, read_volume_file
from imaging.core.scan import scan

# Odd values are the point of these files; pydicom warns of each.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

GRID = Grid((3, 6, 7), (2.0, 0.8, 0.7), (-10.0, -20.0, 50.0))
KINDS = ("ct", "rle", "jpeg-ls", "rtstruct", "seg", "nifti", "nifti.gz", "nrrd", "label")

bounded = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

#: Bytes that readers stumble over: limits of lengths, undefined length, letters of other value representations.
_BYTES = st.one_of(
    st.sampled_from([b"\0", b"\x01", b"\x7f", b"\x80", b"\xff", b" ", b"\\", b"-", b"9", b"\n"]),
    st.sampled_from(
        [b"\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x10\x27\0\0"]
    ),
    st.sampled_from([b"SQ", b"UN", b"OB", b"OW", b"DS", b"IS", b"US", b"FD", b"UI", b"PN", b"AT", b"UT", b"ZZ"]),
    st.sampled_from(
        [b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0", b"\xfe\xff\0\xe0", b"nan ", b"1e99", b"-1  ", b"1\\2\\"]
    ),
    st.binary(min_size=1, max_size=4),
)

#: Elements that decide how the rest is read: (group, element) and the bytes of their value.
_TAGS = {
    "transfer syntax": (0x0002, 0x0010),
    "meta length": (0x0002, 0x0000),
    "class": (0x0008, 0x0016),
    "frames": (0x0028, 0x0008),
    "rows": (0x0028, 0x0010),
    "columns": (0x0028, 0x0011),
    "samples": (0x0028, 0x0002),
    "photometric": (0x0028, 0x0004),
    "bits allocated": (0x0028, 0x0100),
    "bits stored": (0x0028, 0x0101),
    "high bit": (0x0028, 0x0102),
    "sign": (0x0028, 0x0103),
    "spacing": (0x0028, 0x0030),
    "slope": (0x0028, 0x1053),
    "intercept": (0x0028, 0x1052),
    "position": (0x0020, 0x0032),
    "orientation": (0x0020, 0x0037),
    "number": (0x0020, 0x0013),
    "character set": (0x0008, 0x0005),
    "regions": (0x3006, 0x0020),
    "contours": (0x3006, 0x0039),
    "contour data": (0x3006, 0x0050),
    "segments": (0x0062, 0x0002),
    "segment number": (0x0062, 0x0004),
    "segmentation type": (0x0062, 0x0001),
    "shared groups": (0x5200, 0x9229),
    "frame groups": (0x5200, 0x9230),
    "pixels": (0x7FE0, 0x0010),
}


@dataclass(frozen=True)
class Whole:
    """An undamaged file of each kind, what it holds, and the folder in which copies are damaged."""

    folder: Path
    content: dict[str, bytes]
    volume: Volume
    mask: TumorMask


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("fuzz")
    identity = DicomIdentity("EC-0001", "fuzz", date(2024, 2, 29), "Chest", "B31f")
    array = np.random.default_rng(11).integers(-1000, 400, GRID.shape_zyx).astype(np.int16)
    inside = np.zeros(GRID.shape_zyx, dtype=bool)
    inside[:, 2:5, 2:6] = True
    volume, mask = Volume(array, GRID), TumorMask(inside, GRID)
    write_ct(volume, folder / "ct", identity=identity)
    write_rtstruct(mask, folder / "rs.dcm", identity=identity)
    write_seg(mask, folder / "seg.dcm", identity=identity)
    sitk.WriteImage(to_sitk(volume), str(folder / "ct.nrrd"))
    sitk.WriteImage(to_sitk(volume), str(folder / "ct.nii"))
    content = {
        "ct": (folder / "ct" / "0002.dcm").read_bytes(),
        "rtstruct": (folder / "rs.dcm").read_bytes(),
        "seg": (folder / "seg.dcm").read_bytes(),
        "nifti": (folder / "ct.nii").read_bytes(),
        "nifti.gz": to_nifti(array, GRID),
        "nrrd": (folder / "ct.nrrd").read_bytes(),
        "label": to_nifti(inside.astype(np.uint8), GRID),
    }
    for name, syntax in (("rle", RLELossless), ("jpeg-ls", JPEGLSLossless)):
        dataset = pydicom.dcmread(folder / "ct" / "0002.dcm")
        dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(folder / f"{name}.dcm")
        content[name] = (folder / f"{name}.dcm").read_bytes()
    return Whole(folder, content, volume, mask)


def read(whole: Whole, kind: str, content: bytes) -> NDArray[np.generic] | None:
    """Read a damaged file by every way that leads to it; None when it was refused."""
    hurt = whole.folder / "hurt"
    shutil.rmtree(hurt, ignore_errors=True)
    hurt.mkdir()
    ways: dict[str, tuple[str, Callable[[Path], NDArray[np.generic]]]] = {
        "ct": ("0002.dcm", lambda file: _series(whole, file)),
        "rle": ("0002.dcm", lambda file: _series(whole, file)),
        "jpeg-ls": ("0002.dcm", lambda file: _series(whole, file)),
        "rtstruct": ("rs.dcm", lambda file: read_mask(file, whole.volume).mask.array),
        "seg": ("seg.dcm", lambda file: read_mask(file, whole.volume).mask.array),
        "nifti": ("a.nii", lambda file: read_volume_file(file).array),
        "nifti.gz": ("a.nii.gz", lambda file: read_volume_file(file).array),
        "nrrd": ("a.nrrd", lambda file: read_volume_file(file).array),
        "label": ("a_mask.nii.gz", lambda file: read_label_layers(file)[0][0]),
    }
    name, way = ways[kind]
    file = hurt / name
    file.write_bytes(content)
    rows = scan(hurt)  # a scan raises nothing at all
    assert all((row.code == "ok") == (row.verdict == "accepted") for row in rows.series)
    try:
        return way(file)
    except ImagingError as error:
        said = error.message
    assert said
    assert str(whole.folder) not in said
    return None


def _series(whole: Whole, file: Path) -> NDArray[np.generic]:
    others = [whole.folder / "ct" / name for name in ("0001.dcm", "0003.dcm")]
    everything = Corrections(tilt=True, repeated="last", localizers=True)
    return read_corrected([others[0], file, others[1]], corrections=everything).volume.array


def test_the_undamaged_files_are_read(whole: Whole) -> None:
    for kind, content in whole.content.items():
        expected = whole.mask.array if kind in ("rtstruct", "seg", "label") else whole.volume.array
        found = read(whole, kind, content)
        assert found is not None, kind
        assert np.array_equal(found, expected), kind


@pytest.mark.parametrize("kind", KINDS)
@bounded
@given(data=st.data())
def test_any_bytes_of_a_header_may_be_wrong(whole: Whole, kind: str, data: st.DataObject) -> None:
    content = bytearray(whole.content[kind])
    for _ in range(data.draw(st.integers(1, 4), label="faults")):
        at = data.draw(st.integers(0, min(len(content), 6000) - 1), label="at")
        by = data.draw(_BYTES, label="bytes")
        content[at : at + len(by)] = by
    read(whole, kind, bytes(content))


@pytest.mark.parametrize("kind", ["ct", "jpeg-ls", "rtstruct", "seg"])
@bounded
@given(data=st.data())
def test_any_element_may_have_a_wrong_type_length_or_value(whole: Whole, kind: str, data: st.DataObject) -> None:
    content = bytearray(whole.content[kind])
    places = {}
    for name, (group, element) in _TAGS.items():
        tag = group.to_bytes(2, "little") + element.to_bytes(2, "little")
        if (found := content.find(tag, 128)) > 0:
            places[name] = found
    at = places[data.draw(st.sampled_from(sorted(places)), label="element")]
    field = data.draw(st.sampled_from([4, 6, 8, 8, 8, 12]), label="field")  # VR, length, value (short and long form)
    by = data.draw(_BYTES, label="bytes")
    content[at + field : at + field + len(by)] = by
    read(whole, kind, bytes(content))


@pytest.mark.parametrize("kind", ["rle", "jpeg-ls"])
@bounded
@given(data=st.data())
def test_any_bytes_of_compressed_pixels_may_be_wrong(whole: Whole, kind: str, data: st.DataObject) -> None:
    content = bytearray(whole.content[kind])
    pixels = content.rindex(b"\xe0\x7f\x10\x00")
    for _ in range(data.draw(st.integers(1, 4), label="faults")):
        at = data.draw(st.integers(pixels, len(content) - 1), label="at")
        by = data.draw(_BYTES, label="bytes")
        content[at : at + len(by)] = by
    read(whole, kind, bytes(content))


@pytest.mark.parametrize("kind", KINDS)
@bounded
@given(data=st.data())
def test_a_file_cut_off_anywhere_is_refused_or_complete(whole: Whole, kind: str, data: st.DataObject) -> None:
    content = whole.content[kind]
    end = data.draw(st.one_of(st.integers(0, len(content) - 1), st.integers(len(content) - 40, len(content) - 1)))
    found = read(whole, kind, content[:end])
    if found is not None:
        expected = whole.mask.array if kind in ("rtstruct", "seg", "label") else whole.volume.array
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("kind", KINDS)
@bounded
@given(data=st.data())
def test_bytes_may_be_lost_or_doubled_in_the_middle(whole: Whole, kind: str, data: st.DataObject) -> None:
    content = whole.content[kind]
    start = data.draw(st.integers(0, min(len(content), 4000) - 1))
    length = data.draw(st.integers(1, 64))
    part = content[start : start + length] * data.draw(st.sampled_from([0, 2]))
    read(whole, kind, content[:start] + part + content[start + length :])
