"""Opening DICOM data sets: one guard for everything a damaged file can do to the reader."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial

from imaging.core.errors import ImagingError, UnreadableFile

# pydicom quotes attribute values and file names in its log lines, and both may be a person's name.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

_SERIES_UID_TAG = 0x0020000E


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever a damaged file makes a reader raise into `UnreadableFile`.

    Decoders raise more than a dozen exception types for damaged input, and their messages quote
    attribute values; so the type is named and the message and its traceback are dropped.

    Parameters
    ----------
    what : str
        The subject of the sentence, free of identity, such as "Image 3 of 20".
    """
    try:
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="(?s).*end of file")
            yield
    except ImagingError:
        raise
    except Exception as error:
        raise UnreadableFile(
            f"{what} cannot be read ({type(error).__name__}): it is truncated, damaged or in an encoding "
            "that no decoder here handles."
        ) from None


def open_dataset(path: Path, *, pixels: bool = True, what: str = "A DICOM file") -> Dataset:
    """Read a DICOM file, with or without its preamble and file meta information.

    Parameters
    ----------
    path : Path
        The file.
    pixels : bool
        False stops before the pixel data, which is enough to sort files into series.
    what : str
        How an error names the file without identity.

    Raises
    ------
    UnreadableFile
        If the file is damaged, truncated before its pixels, or no DICOM.
    """
    with reading(what):
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=not pixels)
        tags = dataset.keys()
        if not any(tag.group >= 0x0008 or tag.group == 0x0004 for tag in tags):
            raise UnreadableFile(f"{what} holds no DICOM attributes: it is truncated or no DICOM file.")
        return dataset


def open_head(path: Path) -> Dataset:
    """Read only the first attributes of a DICOM file, up to its series UID, however damaged the rest is.

    Raises
    ------
    UnreadableFile
        If not even those can be read.
    """
    with reading("A DICOM file"), path.open("rb") as file:
        return read_partial(file, stop_when=lambda tag, _vr, _length: tag > _SERIES_UID_TAG, force=True)


def text(dataset: Dataset, keyword: str) -> str:
    """Give an attribute as stripped text, "" when absent; several values are joined by "/"."""
    value = dataset.get(keyword)
    if value is None:
        return ""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return "/".join(str(part).strip() for part in value if str(part).strip())
    return str(value).strip()


def number(dataset: Dataset, keyword: str) -> float | None:
    """Give an attribute as a number, None when absent, empty, infinite or no number."""
    try:
        value = float(str(dataset.get(keyword)))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Give the items of a sequence, [] when it is absent or empty."""
    return list(dataset.get(keyword) or [])


def numbers(value: Any, *, count: int) -> tuple[float, ...] | None:
    """Give exactly `count` finite numbers, or None for anything else."""
    try:
        found = tuple(float(part) for part in value)
    except (TypeError, ValueError):
        return None
    finite = all(map(math.isfinite, found))
    return found if len(found) == count and finite else None
