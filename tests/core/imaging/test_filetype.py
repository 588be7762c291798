"""What a file is, by its content."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.core.codec import to_nifti
from imaging.core.filetype import kind_of
from imaging.core.geometry import Grid

NIFTI = to_nifti(np.zeros((2, 2, 2), dtype=np.uint8), Grid((2, 2, 2), (1.0, 1.0, 1.0)))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("anything", NIFTI, "nifti"),
        ("anything.dcm", gzip.decompress(NIFTI), "nifti"),
        ("ct.nii.gz", NIFTI[:60], "damaged"),
        ("ct.nii.gz", gzip.compress(b"text", mtime=0), "damaged"),
        ("ct.nii", b"", "damaged"),
        ("1.DCM", b"half a file", "damaged"),
        ("seg.nrrd", b"NRRD0004\n", "nrrd"),
        ("seg.nrrd", b"nrrd", "damaged"),
        ("README", b"text", "other"),
        ("notes.gz", gzip.compress(b"text", mtime=0), "other"),
        ("empty", b"", "other"),
        ("._0001.dcm", b"\0\5\x16\7", "other"),
        (".DS_Store", b"\0\0\0\1Bud1", "other"),
    ],
)
def test_content_decides_and_the_name_only_tells_damage(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert kind_of(tmp_path / name) == kind


def test_the_shadow_files_of_an_archive_are_other(chest: Any) -> None:
    folder = chest.root / "__MACOSX"
    folder.mkdir()
    assert kind_of(chest.slices[0].rename(folder / "0001.dcm")) == "other"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_dicom_is_known_without_preamble_in_every_byte_order(tmp_path: Path, syntax: str) -> None:
    dataset = pydicom.Dataset()
    dataset.SOPClassUID, dataset.Modality = "1.2.840.10008.5.1.4.1.1.2", "CT"
    little = syntax != ExplicitVRBigEndian
    dataset.save_as(tmp_path / "bare", implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=little)
    assert kind_of(tmp_path / "bare") == "dicom"
