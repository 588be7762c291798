"""Segmentation files that were found: to which image they belong, and a verdict on each region."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

from pydicom.dataset import Dataset

from imaging.core.corrections import Corrected
from imaging.core.dataset import open_dataset
from imaging.core.dicom import SeriesReport
from imaging.core.errors import FrameOfReferenceMismatch, ImagingError, NoMatchingSeries
from imaging.core.filetype import RASTER_SUFFIXES
from imaging.core.inventory import SegmentationFile
from imaging.core.mask_checks import slice_notes
from imaging.core.masks import mean_hu, read_labels
from imaging.core.pairing import kind_words, shared_name, stem_of
from imaging.core.regions import CodedTypes, NamedMask, RegionKind, select, tumour_rank
from imaging.core.reports import SegmentationReport
from imaging.core.rtstruct import dated, read_rtstruct, region_names
from imaging.core.seg import read_seg, segment_names, segment_types
from imaging.core.subjects import Subject

_LAID_ANEW = (
    "The series on which it was drawn is not here: it was laid on this one, the only CT in the same frame of reference. "
    "Check that both show the same moment."
)


@dataclass(frozen=True)
class Outline:
    """A segmentation file to be judged: an RT structure set, a DICOM segmentation or a label file.

    Parameters
    ----------
    is_laid_anew : bool
        Whether it names another series than the one on which it is laid.
    numbers : frozenset of int or None
        The regions that belong to the series, where a file outlines several; None for all.
    """

    file: Path
    path: str
    kind: RegionKind
    is_laid_anew: bool = False
    numbers: frozenset[int] | None = None

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
    if len(named) > 1:
        raise NoMatchingSeries(
            f"It names {len(named)} series that are here: nobody can say on which each region was drawn."
        )
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
        names, types, read, when = _regions(outline, image, series)
        if outline.numbers is not None:
            names = {number: name for number, name in names.items() if number in outline.numbers}
        numbers = _selected(names, types, outline, roi)
    except ImagingError as error:
        yield refused(nobody, error)
        return
    for number in numbers:
        row = outline.row(names[number], number, series_uid=series.series_uid)
        row = replace(row, tumour_rank=_rank(row, outline, series))
        # What a person names is meant, whatever it is called.
        row = replace(row, dated=when, tumour_rank=row.tumour_rank if roi is None else 0)
        try:
            if image is None:
                raise _image_refused(series)
            found = read(number, image)
            notes = (*found.notes, *slice_notes(found.mask, name=row.name, series_absent=outline.is_laid_anew))
        except ImagingError as error:
            yield refused(row, error)
        else:
            mask = found.mask
            row = replace(row, notes=(*notes, _LAID_ANEW) if outline.is_laid_anew else notes)
            yield replace(row, voxels=mask.voxels, mean_hu=mean_hu(image.volume, mask), volume_mm3=mask.volume_mm3)


def _rank(row: SegmentationReport, outline: Outline, series: SeriesReport) -> int:
    """Return how well a region's name fits the tumour; the name of the image itself says nothing of the region.

    A label file may be called as its image is ("lung_001" for a scan of a lung): what is left of its name counts.
    """
    stem, image = stem_of(outline.file), series.files[0]
    derived = outline.kind == "mask" and row.name.startswith(stem.removesuffix(".seg"))
    if not derived or series.kind == "dicom" or shared_name(outline.file) != shared_name(image):
        return row.tumour_rank
    return tumour_rank(" ".join(kind_words(outline.file)) or "label")


def later_told(rows: Sequence[SegmentationReport]) -> list[SegmentationReport]:
    """Return rows with a note on the regions for which a file drawn later is there, on the same series."""
    dates = {(row.series_uid, row.file): row.dated for row in rows if row.dated and row.verdict == "accepted"}
    told = []
    for row in rows:
        of_series = [day for (uid, _), day in dates.items() if uid == row.series_uid]
        latest = max(of_series, default="")
        older = row.verdict == "accepted" and row.dated and row.dated < latest
        note = f"A later file of outlines of this series is here: this one is {_older(row.dated, latest)}."
        told.append(replace(row, notes=(*row.notes, note)) if older else row)
    return told


def _older(dated: str, latest: str) -> str:
    """Return how much older one file is, as a sentence may say it: days of examinations are shifted, intervals are not."""
    try:
        days = (date.fromisoformat(latest[:8]) - date.fromisoformat(dated[:8])).days
    except ValueError:
        return "older"
    return f"{days} day{'' if days == 1 else 's'} older" if days else "of the same day, but older"


def _selected(names: dict[int, str], types: CodedTypes, outline: Outline, roi: str | None) -> list[int]:
    """Return the numbers of the regions that are asked for; "file:region" asks in the file of that name only."""
    file, _, within = (roi or "").rpartition(":")
    if file and file in (outline.file.name, outline.path):
        return select(names, within, types=types)
    if file.lower().endswith((".dcm", *RASTER_SUFFIXES)):
        return []
    return select(names, roi, types=types)


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
) -> tuple[dict[int, str], CodedTypes, Callable[[int, Corrected], NamedMask], str]:
    """Return the names and coded types of a file's regions, how to read one of them, and when they were drawn."""
    if outline.kind == "mask":
        if image is None:
            raise _image_refused(series)
        labels = read_labels(outline.file, image.volume, drawn_on=image.drawn_on)
        return labels.names, {}, lambda number, on: labels.region(number, on.volume.grid), ""
    dataset = open_dataset(outline.file, what="The segmentation")
    frame = series.frame_of_reference_uid
    if outline.kind == "rtstruct":
        return region_names(dataset), {}, partial(_contoured, dataset, frame), dated(dataset)
    return segment_names(dataset), segment_types(dataset), partial(_segmented, dataset, frame), dated(dataset)


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
