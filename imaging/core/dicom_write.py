"""Writing CT series, contours (RTSTRUCT) and segments (DICOM SEG) of synthetic patients.

Everything in the files follows from the volume and a `DicomIdentity`: no clock and no random UID, so
that equal input gives equal files. UIDs are made from the identity, so that contours and segments
refer to the right images without reading them.
"""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, RTStructureSetStorage
from skimage import measure

from imaging.core.dicom_identity import MANUFACTURER, MODEL, RESCALE_INTERCEPT, TIME, DicomIdentity, ct_header, header
from imaging.core.errors import EmptyMask
from imaging.core.geometry import Grid, TumorMask, Volume

REGION_NAME = "GTV-1"


def write_ct(volume: Volume, folder: Path, *, identity: DicomIdentity) -> None:
    """Write a volume as a CT series, one file a slice.

    Parameters
    ----------
    volume : Volume
        HU on an axial grid. Values are stored as whole numbers with rescale intercept -1024.
    folder : Path
        Where to write ``0001.dcm`` and so on, foot to head; it is made if it is absent.
    identity : DicomIdentity
        What to write into the headers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored = np.clip(np.rint(volume.array) - RESCALE_INTERCEPT, 0, 65535).astype("<u2")
    for index, pixels in enumerate(stored):
        image = ct_header(volume.grid, identity, index)
        image.PixelData = pixels.tobytes()
        image.save_as(folder / f"{index + 1:04d}.dcm", enforce_file_format=True)


def write_rtstruct(mask: TumorMask, file: Path, *, identity: DicomIdentity, name: str = REGION_NAME) -> None:
    """Write a mask as the closed planar contours of one region.

    The contours run half-way between voxel centres in and out of the mask, so filling them by the
    even-odd rule at pixel centres gives the mask back exactly, holes included.

    Raises
    ------
    EmptyMask
        If no voxel is inside.
    """
    if not mask.voxels:
        raise EmptyMask("The mask is empty: there is no contour to write.")
    dataset = header(identity, RTStructureSetStorage, "RTSTRUCT", identity.uid("rtstruct"))
    dataset.StructureSetLabel = "Tumour"
    dataset.StructureSetDate, dataset.StructureSetTime = identity.date_text, TIME
    dataset.ReferencedFrameOfReferenceSequence = Sequence([_frame_of_reference(mask.grid, identity)])
    region = Dataset()
    region.ROINumber = 1
    region.ReferencedFrameOfReferenceUID = identity.uid("frame of reference")
    region.ROIName = name
    region.ROIGenerationAlgorithm = "AUTOMATIC"
    dataset.StructureSetROISequence = Sequence([region])
    dataset.ROIContourSequence = Sequence([_roi_contours(mask, identity)])
    dataset.RTROIObservationsSequence = Sequence([_observation()])
    dataset.ApprovalStatus = "UNAPPROVED"
    file.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(file, enforce_file_format=True)


def write_seg(mask: TumorMask, file: Path, *, identity: DicomIdentity, name: str = REGION_NAME) -> None:
    """Write a mask as a binary DICOM segmentation with one segment.

    Raises
    ------
    EmptyMask
        If no voxel is inside.
    """
    if not mask.voxels:
        raise EmptyMask("The mask is empty: there is no segment to write.")
    segmentation = hd.seg.Segmentation(
        source_images=[ct_header(mask.grid, identity, index) for index in range(mask.grid.shape_zyx[0])],
        pixel_array=mask.array.astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(name, identity)],
        series_instance_uid=identity.uid("seg series"),
        series_number=2,
        sop_instance_uid=identity.uid("seg"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions="1",
        device_serial_number="SYNTHETIC",
        content_label="TUMOUR",
        content_description="Synthetic tumour",
        series_description=f"{identity.description} tumour",
    )
    _fix_moment(segmentation, identity)
    file.parent.mkdir(parents=True, exist_ok=True)
    segmentation.save_as(file)


def _reference(identity: DicomIdentity, index: int) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = CTImageStorage
    reference.ReferencedSOPInstanceUID = identity.uid("CT", index)
    return reference


def _frame_of_reference(grid: Grid, identity: DicomIdentity) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = identity.uid("CT", "series")
    series.ContourImageSequence = Sequence([_reference(identity, i) for i in range(grid.shape_zyx[0])])
    study = Dataset()
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
    study.ReferencedSOPInstanceUID = identity.uid("study")
    study.RTReferencedSeriesSequence = Sequence([series])
    frame = Dataset()
    frame.FrameOfReferenceUID = identity.uid("frame of reference")
    frame.RTReferencedStudySequence = Sequence([study])
    return frame


def _roi_contours(mask: TumorMask, identity: DicomIdentity) -> Dataset:
    contours = []
    for index in np.flatnonzero(mask.array.any(axis=(1, 2))):
        for points in _outlines(mask.array[index]):
            contour = Dataset()
            contour.ContourImageSequence = Sequence([_reference(identity, int(index))])
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(points)
            at = [mask.grid.position((float(index), row, column)) for row, column in points]
            contour.ContourData = [f"{value:.3f}" for position in at for value in position]
            contours.append(contour)
    region = Dataset()
    region.ReferencedROINumber = 1
    region.ROIDisplayColor = [255, 96, 64]
    region.ContourSequence = Sequence(contours)
    return region


def _outlines(inside: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Trace a slice at level one half; the last point of an outline is not the first again."""
    padded = np.pad(inside, 1).astype(np.float64)
    return [outline[:-1] - 1 for outline in measure.find_contours(padded, 0.5)]


def _observation() -> Dataset:
    observation = Dataset()
    observation.ObservationNumber = observation.ReferencedROINumber = 1
    observation.RTROIInterpretedType = "GTV"
    observation.ROIInterpreter = ""
    return observation


def _segment(name: str, identity: DicomIdentity) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=1,
        segment_label=name,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=MODEL, family=codes.DCM.ArtificialIntelligence, version="1"
        ),
        tracking_uid=identity.uid("tumour"),
        tracking_id=name,
    )


def _fix_moment(segmentation: Dataset, identity: DicomIdentity) -> None:
    """Replace the moment of writing and the random dimension UID by what follows from the identity."""
    segmentation.InstanceCreationDate = segmentation.ContentDate = segmentation.SeriesDate = identity.date_text
    segmentation.InstanceCreationTime = segmentation.ContentTime = segmentation.SeriesTime = TIME
    for equipment in segmentation.ContributingEquipmentSequence:
        equipment.ContributionDateTime = identity.date_text + TIME
    organisation = identity.uid("dimensions")
    for item in (*segmentation.DimensionOrganizationSequence, *segmentation.DimensionIndexSequence):
        item.DimensionOrganizationUID = organisation
