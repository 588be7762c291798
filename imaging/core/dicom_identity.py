"""Headers of written DICOM objects: made-up identity, UIDs that follow from it, CT slice attributes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from imaging.core.geometry import Grid

MANUFACTURER = "Ecotone"
MODEL = "Ecotone phantom"
RESCALE_INTERCEPT = -1024
#: Time of day of everything that is written.
TIME = "120000"


@dataclass(frozen=True)
class DicomIdentity:
    """Who and what a written series is; all of it made up.

    Parameters
    ----------
    code : str
        Pseudonym; becomes Patient ID and, after ``Synthetic^``, Patient's Name.
    key : str
        Text that UIDs are made from; equal keys give equal UIDs.
    acquired_on : date
        Study, series and acquisition date.
    description : str
        Series description.
    kernel : str
        Convolution kernel.
    sex : str
        ``M``, ``F`` or ``O``.
    age_years : int
        Age at the scan.
    """

    code: str
    key: str
    acquired_on: date
    description: str
    kernel: str
    sex: str = "O"
    age_years: int = 60

    def uid(self, *parts: object) -> str:
        """Give a UID (``2.25.`` and 128 bits, PS3.5 B.2) for a part of what is written."""
        digest = hashlib.sha256("/".join([self.key, *map(str, parts)]).encode()).digest()
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"

    @property
    def date_text(self) -> str:
        """The acquisition date as a DICOM DA value."""
        return self.acquired_on.strftime("%Y%m%d")


def header(identity: DicomIdentity, sop_class: str, modality: str, instance_uid: str) -> Dataset:
    """Give what every written object has: file meta, patient, study, equipment and the synthetic label."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(instance_uid)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, instance_uid
    dataset.StudyDate = dataset.SeriesDate = dataset.InstanceCreationDate = identity.date_text
    dataset.StudyTime = dataset.SeriesTime = dataset.InstanceCreationTime = TIME
    dataset.AccessionNumber = dataset.ReferringPhysicianName = dataset.PatientBirthDate = ""
    dataset.Modality = modality
    dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, MODEL
    dataset.SoftwareVersions = "1"
    dataset.StudyDescription = "Synthetic chest CT"
    dataset.PatientName, dataset.PatientID = f"Synthetic^{identity.code}", identity.code
    dataset.PatientSex, dataset.PatientAge = identity.sex, f"{identity.age_years:03d}Y"
    dataset.StudyInstanceUID = identity.uid("study")
    dataset.StudyID = "1"
    dataset.SeriesInstanceUID = identity.uid(modality, "series")
    dataset.SeriesNumber, dataset.InstanceNumber = (1 if modality == "CT" else 2), 1
    dataset.SeriesDescription = identity.description
    return dataset


def ct_header(grid: Grid, identity: DicomIdentity, index: int) -> Dataset:
    """Give one CT slice without pixels."""
    dataset = header(identity, CTImageStorage, "CT", identity.uid("CT", index))
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.AcquisitionDate = dataset.ContentDate = identity.date_text
    dataset.AcquisitionTime = dataset.ContentTime = TIME
    dataset.BodyPartExamined, dataset.PatientPosition = "CHEST", "HFS"
    dataset.KVP, dataset.ConvolutionKernel = 120, identity.kernel
    dataset.ContrastBolusAgent = "SYNTHETIC"
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = identity.uid("frame of reference"), ""
    dataset.InstanceNumber, dataset.AcquisitionNumber = index + 1, 1
    dataset.ImageComments, dataset.BurnedInAnnotation = "SYNTHETIC", "NO"
    _add_geometry(dataset, grid, index)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = RESCALE_INTERCEPT, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = [-600, 50], [1500, 350]
    return dataset


def _add_geometry(dataset: Dataset, grid: Grid, index: int) -> None:
    slice_mm, row_mm, column_mm = grid.spacing_zyx_mm
    position = [_ds(v) for v in grid.position((index, 0, 0))]
    columns = np.asarray(grid.direction)
    dataset.Rows, dataset.Columns = grid.shape_zyx[1], grid.shape_zyx[2]
    dataset.PixelSpacing = [_ds(row_mm), _ds(column_mm)]
    dataset.SliceThickness = dataset.SpacingBetweenSlices = _ds(slice_mm)
    dataset.ImageOrientationPatient = [_ds(v) for v in (*columns[:, 0], *columns[:, 1])]
    dataset.ImagePositionPatient = position
    dataset.SliceLocation = position[2]


def _ds(value: float) -> float:
    """Round a length in mm to what 16 characters of a DICOM decimal string can hold."""
    return float(f"{float(value):.6f}")
