"""Segmentation files that were found: to which image they belong, and a verdict on each region."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydicom.dataset import Dataset

from imaging.core.corrections import Corrected
from imaging.core.dataset import open_dataset
from imaging.core.dicom import SeriesReport
from imaging.core.errors import FrameOfReferenceMismatch, ImagingError, NoMatchingSeries
from imaging.core.inventory import SegmentationFile
from imaging.core.label_map import read_label_map
from imaging.core.masks import mean_hu
from imaging.core.pairing import stem_of
from imaging.core.regions import CodedTypes, NamedMask, RegionKind, select, tumour_rank
from imaging.core.reports import SegmentationReport
from imaging.core.rtstruct import read_rtstruct, region_names
from imaging.core.seg import read_seg, segment_names, segment_types
from imaging.core.subjects import Subject


@dataclass(frozen=True)
class Outline:
    """A segmentation file to be judged: an RT structure set, a DICOM segmentation or a label file."""

    file: Path
    path: str
    kind: RegionKind

    def row(self, name: str, number: int, *, series_uid: str) -> SegmentationReport:
        """Give the provisional row of one region."""
        return SegmentationReport(
            path=self.path,
            name=name,
            kind=self.kind,
            verdict="accepted",
            code="ok",
            reason="",
            voxels=None,
            mean_hu=None,
            series_uid=series_uid,
            number=number,
            file=self.file,
            tumour_rank=tumour_rank(name),
        )


def series_of(segmentation: SegmentationFile, subjects: Sequence[Subject]) -> int:
    """Give the index of the DICOM series on which a segmentation was drawn.

    The series it names decides. Where that is absent, the only CT in its frame of reference is taken:
    series that were exported anew keep their place in space but not always their UID.

    Raises
    ------
    NoMatchingSeries, FrameOfReferenceMismatch
        If none fits, or several could be meant.
    """
    named = [i for i, s in enumerate(subjects) if not s.localizer and s.stated_uid in segmentation.series_uids]
    scans = [i for i, s in enumerate(subjects) if s.is_ct]
    frames = segmentation.frames_of_reference
    near = [i for i in scans if subjects[i].report.frame_of_reference_uid in frames]
    for candidates in (named, [i for i in named if i in scans], near):
        if len(candidates) == 1:
            return candidates[0]
    if near:
        raise NoMatchingSeries(
            f"{len(near)} CT series share the segmentation's frame of reference and could be meant."
        )
    if scans and frames and not segmentation.series_uids:
        raise FrameOfReferenceMismatch("The segmentation lies in a frame of reference that no CT series here has.")
    raise NoMatchingSeries("The CT series on which the segmentation was drawn is not here.")


def judge_outline(
    outline: Outline, series: SeriesReport, image: Corrected | None, *, roi: str | None
) -> Iterator[SegmentationReport]:
    """Give the rows of a segmentation file on its image; `image` is None when that was refused."""
    nobody = outline.row(roi or _default_name(outline), 0, series_uid=series.series_uid)
    try:
        names, types, read = _regions(outline, image, series)
        numbers = select(names, roi, types=types)
    except ImagingError as error:
        yield refused(nobody, error)
        return
    for number in numbers:
        row = outline.row(names[number], number, series_uid=series.series_uid)
        # What a person names is meant, whatever it is called.
        row = row if roi is None else replace(row, tumour_rank=0)
        try:
            if image is None:
                raise _image_refused(series)
            named = read(number, image)
        except ImagingError as error:
            yield refused(row, error)
        else:
            yield replace(
                row,
                voxels=named.mask.voxels,
                mean_hu=mean_hu(image.volume, named.mask),
                volume_mm3=named.mask.volume_mm3,
                notes=(*row.notes, *named.notes),
            )


def refused_outline(outline: Outline, error: ImagingError, *, roi: str | None) -> SegmentationReport:
    """Give the row of a segmentation file that belongs to no image or cannot be read."""
    return refused(outline.row(roi or _default_name(outline), 0, series_uid=""), error)


def refused(row: SegmentationReport, error: ImagingError) -> SegmentationReport:
    """Give a row with the verdict that follows from an error."""
    return replace(row, verdict="refused", code=error.code, reason=error.message)


def _default_name(outline: Outline) -> str:
    return stem_of(outline.file) if outline.kind == "mask" else ""


def _image_refused(series: SeriesReport) -> NoMatchingSeries:
    return NoMatchingSeries(f"The image on which it was drawn was refused ({series.code}).")


def _regions(
    outline: Outline, image: Corrected | None, series: SeriesReport
) -> tuple[dict[int, str], CodedTypes, Callable[[int, Corrected], NamedMask]]:
    """Return the names and coded types of a file's regions, and how to read one of them."""
    if outline.kind == "mask":
        if image is None:
            raise _image_refused(series)
        labels = read_label_map(outline.file, image.volume.grid, drawn_on=image.drawn_on)
        return labels.names, {}, lambda number, _image: labels.region(number)
    dataset = open_dataset(outline.file, what="The segmentation")
    frame = series.frame_of_reference_uid
    if outline.kind == "rtstruct":
        return region_names(dataset), {}, partial(_contoured, dataset, frame)
    return segment_names(dataset), segment_types(dataset), partial(_segmented, dataset, frame)


def _contoured(dataset: Dataset, frame: str, number: int, image: Corrected) -> NamedMask:
    drawn_on = image.drawn_on
    grid = drawn_on.slices_of(image.volume)
    found = read_rtstruct(dataset, grid, roi=number, frame_of_reference_uid=frame, drawn_on=drawn_on)[0]
    return replace(found, mask=drawn_on.onto_volume(found.mask))


def _segmented(dataset: Dataset, frame: str, number: int, image: Corrected) -> NamedMask:
    drawn_on = image.drawn_on
    grid = drawn_on.slices_of(image.volume)
    found = read_seg(dataset, grid, segment=number, frame_of_reference_uid=frame, drawn_on=drawn_on)[0]
    return replace(found, mask=drawn_on.onto_volume(found.mask))
