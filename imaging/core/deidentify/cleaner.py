"""De-identification of DICOM: PS3.15 Basic Profile by allow-list, dates moved by whole weeks.

What stays is named in `imaging.core.deidentify.profile`; whatever is not named goes. Equal inputs with
one key give equal outputs, so a CT, its structure set and its segmentation stay linked whenever each
of them is cleaned. Dates move by a number of days of the patient, so intervals stay exact; times of
day stay, as the move is by whole days.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import get_expected_length
from pydicom.sequence import Sequence
from pydicom.uid import (
    PYDICOM_IMPLEMENTATION_UID,
    UID,
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from imaging.core.dataset import open_dataset, reading, text
from imaging.core.deidentify import profile
from imaging.core.deidentify.values import (
    clean_code,
    contrast_text,
    defined_term,
    each,
    has_usual_vr,
    readable_element,
    region_text,
)
from imaging.core.errors import BurnedInText, NotCT, UnreadableFile

_STANDARD_UID = r"1\.2\.840\.10008(\.\d+)+"
_FIRST_WEEK, _LAST_WEEK = 53, 521  # 371 to 3647 days


@dataclass(frozen=True)
class Deidentifier:
    """Removes the identity of one patient from DICOM data sets.

    Parameters
    ----------
    key : bytes
        Secret of the installation; who has it can link cleaned to original UIDs.
    patient_code : str
        The pseudonym that replaces name and number.
    secret : str
        The patient's raw number; it enters the keyed hash of UIDs and nothing else.
    shift_days : int
        Days by which all dates of the patient move; whole weeks. 0, the default, lets it follow from the
        key and the code alone (between one and ten years back), so both timepoints move alike.
    """

    key: bytes = field(repr=False)
    patient_code: str
    secret: str = field(repr=False)
    shift_days: int = 0

    def __post_init__(self) -> None:
        if self.shift_days == 0:
            weeks = int.from_bytes(self._hash("shift", self.patient_code)[:8], "big")
            shift = -7 * (_FIRST_WEEK + weeks % (_LAST_WEEK - _FIRST_WEEK + 1))
            object.__setattr__(self, "shift_days", shift)  # the dataclass is frozen for others
        if self.shift_days % 7:
            raise ValueError("Dates move by whole weeks only: the day of the week and the times of day stay.")

    def uid(self, uid: str) -> str:
        """Give the UID ("2.25...") that replaces one; UIDs of the standard itself stay, "" stays ""."""
        plain = uid.strip().rstrip("\0")
        if not plain or re.fullmatch(_STANDARD_UID, plain):
            return plain
        return f"2.25.{int.from_bytes(self._hash('uid', self.secret, plain)[:16], 'big')}"

    def clean(self, dataset: Dataset) -> Dataset:
        """Give a new data set without identity, with new file meta information.

        Parameters
        ----------
        dataset : Dataset
            A CT image, structure set or segmentation, as read from a file.

        Raises
        ------
        BurnedInText, NotCT
            When pixels may show a name: stated as burned in, or a capture or report instead of a CT.
        UnreadableFile
            When the data set is damaged.
        """
        _require_cleanable(dataset)
        with reading("A data set to be de-identified"):
            cleaned = self._clean_level(dataset)
            self._stamp(cleaned, dataset)
            _cut_pixels(cleaned)
            cleaned.file_meta = _file_meta(cleaned, dataset)
            return cleaned

    def _hash(self, *parts: str) -> bytes:
        return hmac.new(self.key, "\0".join(parts).encode(), hashlib.sha256).digest()

    def _clean_level(self, dataset: Dataset) -> Dataset:
        """Clean one level of nesting: keep what the profile names, changed as its kind demands."""
        cleaned = Dataset()
        for tag in list(dataset.keys()):
            element = readable_element(dataset, tag)
            if element is None or element.keyword not in profile.KEPT or not has_usual_vr(element):
                continue
            if element.VR == "SQ":
                items = Sequence([self._clean_level(item) for item in element.value or []])
                cleaned.add(DataElement(element.tag, "SQ", items))
            elif (value := self._clean_value(element)) is not None:
                kept = DataElement(element.tag, element.VR, value)
                kept.is_undefined_length = element.is_undefined_length
                cleaned.add(kept)
        clean_code(cleaned)
        return cleaned

    def _clean_value(self, element: DataElement) -> Any:
        """Give the value that stays, or None when the attribute goes."""
        if element.value is None:
            return ""
        if element.VR == "UI":
            return each(element.value, self.uid)
        if element.VR in ("DA", "DT"):
            return each(element.value, self._shift)
        if element.keyword in profile.REGION_NAMES:
            return region_text(str(element.value))
        if element.keyword == "ContrastBolusAgent":
            return contrast_text(str(element.value))
        if element.VR == "CS" or element.keyword == "RescaleType":
            return each(element.value, defined_term(element.keyword))
        if pattern := profile.PATTERNS.get(element.VR):
            return each(element.value, lambda part: part if re.fullmatch(pattern, part) else None)
        return element.value

    def _shift(self, value: str) -> str | None:
        """Move a DA or DT value; what is no full date goes."""
        match = re.fullmatch(r"(\d{4})\.?(\d{2})\.?(\d{2})(\d{0,6}(\.\d{1,6})?([+-]\d{4})?)", value.strip())
        if match is None:
            return None
        try:
            moved = date(int(match[1]), int(match[2]), int(match[3])) + timedelta(days=self.shift_days)
        except (ValueError, OverflowError):
            return None
        return f"{moved:%Y%m%d}{match[4]}"

    def _stamp(self, cleaned: Dataset, dataset: Dataset) -> None:
        """Write the pseudonym, what was done, and the attributes that must be present."""
        cleaned.SpecificCharacterSet = "ISO_IR 192"
        cleaned.PatientName = self.patient_code
        cleaned.PatientID = self.patient_code
        for keyword in profile.EMPTIED:
            setattr(cleaned, keyword, "")
        cleaned.PatientIdentityRemoved = "YES"
        cleaned.DeidentificationMethod = profile.METHOD
        cleaned.DeidentificationMethodCodeSequence = Sequence([_code(*code) for code in profile.METHOD_CODES])
        cleaned.LongitudinalTemporalInformationModified = "MODIFIED"
        if not text(cleaned, "SOPClassUID"):
            cleaned.SOPClassUID = CTImageStorage
        if not text(cleaned, "SOPInstanceUID"):
            content = hashlib.sha256(str(dataset.get("ImagePositionPatient")).encode() + _pixel_bytes(dataset))
            cleaned.SOPInstanceUID = self.uid(content.hexdigest())


def clean_files(files: Iterable[Path], deidentifier: Deidentifier) -> Iterator[tuple[str, bytes]]:
    """De-identify files of one patient.

    Parameters
    ----------
    files : iterable of Path
        DICOM files; their names are not kept.
    deidentifier : Deidentifier
        Of that patient.

    Yields
    ------
    name : str
        "000001.dcm", "000002.dcm" ... in the order given.
    content : bytes
        A DICOM file with a zeroed preamble and new file meta information.

    Raises
    ------
    ImagingError
        See `Deidentifier.clean`; nothing of a refused file is yielded.
    """
    for position, file in enumerate(files, start=1):
        what = f"File {position}"
        cleaned = deidentifier.clean(open_dataset(file, what=what))
        buffer = BytesIO()
        with reading(what):
            pydicom.dcmwrite(buffer, cleaned, enforce_file_format=True)
        yield f"{position:06d}.dcm", buffer.getvalue()


def _require_cleanable(dataset: Dataset) -> None:
    with reading("A data set to be de-identified"):
        if text(dataset, "BurnedInAnnotation").upper() == "YES":
            raise BurnedInText("The images state that text is burned into their pixels; it may name the patient.")
        storage, modality = text(dataset, "SOPClassUID"), text(dataset, "Modality")
        if storage not in profile.CLEANABLE_STORAGE and (storage or modality != "CT"):
            raise NotCT(
                "Only CT images, structure sets and segmentations are de-identified: other objects, such as "
                f"{UID(storage).name or 'this one'}, may show a name in their pixels."
            )


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _pixel_bytes(dataset: Dataset) -> bytes:
    value = dataset.get("PixelData")
    return value if isinstance(value, bytes) else b""


def _cut_pixels(cleaned: Dataset) -> None:
    """Drop bytes behind the last pixel: they show nothing and may hold anything."""
    if "PixelData" not in cleaned or cleaned["PixelData"].is_undefined_length:
        return
    expected = get_expected_length(cleaned)
    cleaned.PixelData = cleaned.PixelData[:expected] + b"\0" * (expected % 2)


def _file_meta(cleaned: Dataset, dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = cleaned.SOPClassUID
    meta.MediaStorageSOPInstanceUID = cleaned.SOPInstanceUID
    meta.TransferSyntaxUID = _transfer_syntax(dataset)
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    return meta


def _transfer_syntax(dataset: Dataset) -> UID:
    """Give the stated transfer syntax, else the one in which the reader found the data set."""
    stated = getattr(dataset, "file_meta", Dataset()).get("TransferSyntaxUID")
    if stated:
        if not UID(stated).is_transfer_syntax:
            raise UnreadableFile("The file states a transfer syntax that is not a standard one.")
        return UID(stated)
    implicit, little = dataset.original_encoding
    if implicit or implicit is None:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian
