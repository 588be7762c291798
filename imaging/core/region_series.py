"""Structure sets that were drawn on several series: each region belongs to the images that its contours name."""

from __future__ import annotations

from collections.abc import Sequence

from imaging.core.dataset import items, open_dataset, reading, text
from imaging.core.inventory import SegmentationFile
from imaging.core.person import differences
from imaging.core.subjects import Subject


def series_of_regions(part: SegmentationFile, subjects: Sequence[Subject]) -> dict[int | None, frozenset[int]]:
    """Return which regions of a structure set were drawn on which series.

    The images that its contours name decide; where they name none, the only CT in the region's own frame of reference.

    Returns
    -------
    dict of int or None to frozenset of int
        Index into `subjects` → numbers of regions; None for regions of which nobody can say. Empty for other
        segmentations.

    Raises
    ------
    UnreadableFile
        If the file is damaged.
    """
    if part.modality != "RTSTRUCT":
        return {}
    found: dict[int | None, set[int]] = {}
    for number, (frame, images) in _references(part).items():
        scans = [index for index, subject in enumerate(subjects) if subject.is_ct and _one_person(part, subject)]
        named = [index for index in scans if images & subjects[index].instance_uids]
        near = [index for index in scans if frame and subjects[index].report.frame_of_reference_uid == frame]
        one = next((hits[0] for hits in (named, near) if len(hits) == 1), None)
        found.setdefault(None if len(named) > 1 else one, set()).add(number)
    return {index: frozenset(numbers) for index, numbers in found.items()}


def _one_person(part: SegmentationFile, subject: Subject) -> bool:
    return not differences([part.person, subject.report.person])


def _references(part: SegmentationFile) -> dict[int, tuple[str, frozenset[str]]]:
    """Return, of each region, its frame of reference and the UIDs of the images that its contours name."""
    dataset = open_dataset(part.file, what="The structure set")
    with reading("The references of the structure set"):
        images: dict[int, set[str]] = {}
        for item in items(dataset, "ROIContourSequence"):
            named = images.setdefault(int(item.ReferencedROINumber), set())
            for contour in items(item, "ContourSequence"):
                named |= {text(image, "ReferencedSOPInstanceUID") for image in items(contour, "ContourImageSequence")}
        return {
            int(roi.ROINumber): (
                text(roi, "ReferencedFrameOfReferenceUID"),
                frozenset(images.get(int(roi.ROINumber), set()) - {""}),
            )
            for roi in items(dataset, "StructureSetROISequence")
        }
