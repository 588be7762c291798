"""Which kind of file something is, judged by its content and not by its name.

Names count in one case only: a file that calls itself an image but does not begin like one is
damaged, while a README is none of our business.
"""

from __future__ import annotations

import gzip
import zlib
from io import BufferedReader
from pathlib import Path
from typing import Literal

RasterKind = Literal["nifti", "nrrd"]
FileKind = Literal["dicom", "nifti", "nrrd", "damaged", "other"]

#: Names of files that hold one array, not DICOM.
RASTER_SUFFIXES = (".nii", ".nii.gz", ".nrrd")

#: Names that promise an image; what bears one and does not begin like an image is damaged.
IMAGE_SUFFIXES = (".dcm", ".dicom", ".ima", *RASTER_SUFFIXES)

#: What operating systems leave in archives; "._name" copies bear the suffix of the real file.
LITTER = (".DS_Store", "Thumbs.db", "desktop.ini")

_HEAD_BYTES = 400
_FOREIGN_BYTES = 16
#: How files of other kinds begin, in lower case.
_FOREIGN = (
    (b"%pdf", "a PDF"),
    (b"pk\x03\x04", "a zip archive or office document"),
    (b"\x89png", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"<?xml", "XML"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
)
_GZIP_MAGIC = b"\x1f\x8b"
_NIFTI_MAGIC_OFFSET = 344
_NIFTI_MAGIC = (b"n+1\0",)
_NIFTI_HEADER_LENGTHS = (b"\x5c\x01\0\0", b"\0\0\x01\x5c")
_DICOM_FIRST_GROUPS = (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08")


def kind_of(path: Path) -> FileKind:
    """Tell what a file holds from its first bytes.

    Parameters
    ----------
    path : Path
        A file. It is read by at most 400 bytes, gzip included.

    Returns
    -------
    {"dicom", "nifti", "nrrd", "damaged", "other"}
        "damaged" is a file whose name promises an image and whose content is none; "other" is none of
        our business. DICOM is known with and without its preamble, in both byte orders.
    """
    if path.name in LITTER or path.name.startswith("._") or "__MACOSX" in path.parts:
        return "other"
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        content = _unpacked(path) if head.startswith(_GZIP_MAGIC) else head
    except (OSError, EOFError, zlib.error):
        head = content = b""
    if head[128:132] == b"DICM" or _begins_like_bare_dicom(head):
        return "dicom"
    if head.startswith(b"NRRD"):
        return "nrrd"
    magic = content[_NIFTI_MAGIC_OFFSET : _NIFTI_MAGIC_OFFSET + 4]
    if content[:4] in _NIFTI_HEADER_LENGTHS and magic in _NIFTI_MAGIC:
        return "nifti"
    return "damaged" if path.name.lower().endswith(IMAGE_SUFFIXES) else "other"


def foreign(path: Path) -> str:
    """Return why a file is no image whatever its name says: a DICOMDIR, empty, or of a known other kind; else ""."""
    if path.name.upper() == "DICOMDIR":
        return "The file is a DICOMDIR, a table of contents."
    try:
        with path.open("rb") as file:
            head = file.read(_FOREIGN_BYTES)
    except OSError:
        return ""
    if not head:
        return "The file is empty."
    return next((f"The file is {what}." for magic, what in _FOREIGN if head.lower().startswith(magic)), "")


def open_unpacked(path: Path) -> gzip.GzipFile | BufferedReader:
    """Open a file for reading, through gzip where its content is gzipped."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
    return gzip.open(path) if packed else path.open("rb")


def _unpacked(path: Path) -> bytes:
    with open_unpacked(path) as file:
        return file.read(_HEAD_BYTES)


def _begins_like_bare_dicom(head: bytes) -> bool:
    """Recognise a data set without preamble: a first tag of group 0002 or 0008 with a small element."""
    group, element, rest = head[:2], head[2:4], head[4:8]
    if group not in _DICOM_FIRST_GROUPS or len(rest) < 4:
        return False
    order: Literal["little", "big"] = "little" if group[1] == 0 else "big"
    explicit = rest[:2].isalpha() and rest[:2].isupper()
    return int.from_bytes(element, order) < 0x0100 and (explicit or int.from_bytes(rest, order) < 4096)
