"""What a folder, zip or file holds, with a verdict and a reason for each part.

Nothing here raises for a bad item: an item that cannot be used becomes a refused row. How NIfTI and
NRRD masks find their image is written in `imaging.core.pairing`; how DICOM segmentations do, in
`imaging.core.outlines.series_of`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from imaging.core.archive import open_source
from imaging.core.corrections import NO_CORRECTIONS, Corrections
from imaging.core.cut_off import CutOff, is_cut_off
from imaging.core.cut_series import cut_notes
from imaging.core.dicom import SeriesReport
from imaging.core.errors import AnotherPerson, ImagingError, MaskRefused, UnreadableFile
from imaging.core.filetype import RASTER_SUFFIXES
from imaging.core.geometry import Grid
from imaging.core.inventory import (
    SEGMENTATION_MODALITIES,
    DamagedFile,
    Inventory,
    SegmentationFile,
    take_inventory,
)
from imaging.core.label_content import label_files
from imaging.core.outlines import Outline, judge_outline, later_told, refused_outline, series_of
from imaging.core.pairing import image_of, is_mask
from imaging.core.person import differences
from imaging.core.reports import PassedOver, ScanReport, SegmentationReport, as_json
from imaging.core.subjects import Subject, damaged_report, dicom_subject, judge, raster_subject
from imaging.core.verdicts import settled_region, settled_series

__all__ = ["ScanReport", "SegmentationReport", "as_json", "files_in", "open_source", "scan"]

Progress = Callable[[int, int], None]


def scan(
    root: Path,
    *,
    roi: str | None = None,
    corrections: Corrections = NO_CORRECTIONS,
    on_progress: Progress | None = None,
) -> ScanReport:
    """Read everything under a folder (or one file) and judge each series and each region.

    Parameters
    ----------
    root : Path
        What `open_source` gave.
    roi : str or None
        Judge only the region of this name; a segmentation without it becomes a refused row that lists
        the names it has.
    corrections : Corrections
        What may be corrected in DICOM series; the default allows nothing.
    on_progress : callable or None
        Called with (done, total); every file counts twice, once when it is sorted and once when its
        pixels have been read.

    Returns
    -------
    ScanReport
    """
    base = root if root.is_dir() else root.parent
    files = files_in(root)
    steps = _Steps(2 * len(files), on_progress)
    inventory = take_inventory(files, on_file=lambda: steps.advance(1))
    masks = masks_of(inventory, base=base)
    subjects = subjects_of(inventory, masks, base=base)
    paired, orphans = _pair(inventory, masks, subjects, base=base)
    damaged = [damaged_report(part, base=base) for part in inventory.damaged if not _is_outline(part, base=base)]
    lost = _cut_off(inventory, subjects, orphans) if corrections.match_by_geometry else []
    sought = {part.outline.file for part in lost}
    regions = [refused_outline(outline, error, roi=roi) for outline, error in orphans if outline.file not in sought]
    series: list[SeriesReport] = []
    grids: dict[int, Grid] = {}
    for index, subject in enumerate(subjects):
        report, image = judge(subject, corrections=corrections)
        series.append(report)
        if image is not None:
            grids[index] = image.volume.grid
        for outline in paired[index]:
            regions += judge_outline(outline, report, image, roi=roi)
        for part in lost:
            part.try_on(report, image, roi=roi)
        steps.advance(len(report.files) + len(paired[index]))
    steps.finish()
    regions += [row for part in lost for row in part.rows(roi=roi)]
    for index, note in cut_notes(series, grids).items():
        series[index] = replace(series[index], notes=(*series[index].notes, note))
    rows = [*damaged, *series]
    return ScanReport(
        series=tuple(
            sorted(map(partial(settled_series, found=rows), rows), key=lambda row: (row.path, row.series_uid))
        ),
        segmentations=tuple(sorted(map(settled_region, later_told(regions)), key=lambda row: (row.path, row.number))),
        ignored=inventory.ignored,
        root=root,
        passed_over=tuple(PassedOver(file.relative_to(base).as_posix(), why) for file, why in inventory.passed_over),
    )


def files_in(root: Path) -> list[Path]:
    """Return the files of a folder and all its folders in the order of their paths, or the one file."""
    return sorted(file for file in root.rglob("*") if file.is_file()) if root.is_dir() else [root]


class _Steps:
    """Counts finished steps and reports them."""

    def __init__(self, total: int, report: Progress | None) -> None:
        self.done, self.total, self.report = 0, total, report

    def advance(self, count: int) -> None:
        self.done = min(self.total, self.done + count)
        if self.report is not None:
            self.report(self.done, self.total)

    def finish(self) -> None:
        self.advance(self.total)


def _is_outline(damaged: DamagedFile, *, base: Path) -> bool:
    """Tell whether a damaged file was meant to outline regions."""
    if damaged.file.name.lower().endswith(RASTER_SUFFIXES):
        return is_mask(damaged.file, root=base)
    return damaged.modality in SEGMENTATION_MODALITIES


def masks_of(inventory: Inventory, *, base: Path) -> list[Path]:
    """Return the NIfTI and NRRD files that outline regions: by their names, else by what they hold."""
    named = {file for file, _ in inventory.rasters if is_mask(file, root=base)}
    others = [file for file, _ in inventory.rasters if file not in named]
    held = set(label_files(others, others=bool(inventory.series)))
    return [file for file, _ in inventory.rasters if file in named or file in held]


def subjects_of(inventory: Inventory, masks: Sequence[Path], *, base: Path) -> list[Subject]:
    """Return the images of an inventory: DICOM series, and image files that are no masks."""
    dicom = [dicom_subject(series, base=base, empty=inventory.empty_beside(series)) for series in inventory.series]
    rasters = [raster_subject(file, kind, base=base) for file, kind in inventory.rasters if file not in masks]
    return dicom + rasters


def _pair(
    inventory: Inventory, masks: Sequence[Path], subjects: Sequence[Subject], *, base: Path
) -> tuple[dict[int, list[Outline]], list[tuple[Outline, ImagingError]]]:
    """Give the segmentation files of each subject, and those that belong to none with the reason."""
    places = [subject.place(index) for index, subject in enumerate(subjects) if not subject.was_converted_again]
    finders: list[tuple[Outline, Callable[[], int]]] = [
        (_outline(part.file, part.modality, base=base), partial(drawn_on_series, part, subjects))
        for part in inventory.segmentations
    ]
    finders += [(_outline(mask, "", base=base), partial(image_of, mask, places, root=base)) for mask in masks]
    stated = {part.file: part.series_uids for part in inventory.segmentations}
    paired: dict[int, list[Outline]] = defaultdict(list)
    orphans: list[tuple[Outline, ImagingError]] = [
        (_outline(damaged.file, damaged.modality, base=base), UnreadableFile(damaged.reason))
        for damaged in inventory.damaged
        if _is_outline(damaged, base=base)
    ]
    for outline, find in finders:
        try:
            index = find()
        except ImagingError as error:
            orphans.append((outline, error))
            continue
        named = stated.get(outline.file, frozenset())
        is_laid_anew = bool(named) and subjects[index].stated_uid not in named
        paired[index].append(replace(outline, is_laid_anew=is_laid_anew))
    return paired, orphans


def drawn_on_series(segmentation: SegmentationFile, subjects: Sequence[Subject]) -> int:
    """Return the index of the series on which a segmentation was drawn, which must show the same person.

    Raises
    ------
    AnotherPerson, NoMatchingSeries, FrameOfReferenceMismatch
        If the series states another person, is not here, or cannot be told.
    """
    fitting = [index for index, subject in enumerate(subjects) if _may_show(subject, segmentation)]
    try:
        return fitting[series_of(segmentation, [subjects[index] for index in fitting])]
    except MaskRefused:
        # With those left out that show somebody else nothing fits: is that the reason?
        other = subjects[series_of(segmentation, subjects)]
        differing = differences([segmentation.person, other.report.person])
        if not differing:
            raise
    raise AnotherPerson(
        f"The segmentation and the images that it refers to state different persons: {', '.join(differing)} differ."
    )


def _may_show(subject: Subject, segmentation: SegmentationFile) -> bool:
    """Return whether an image may be the one of a segmentation: one person, and one study where a UID is shared."""
    same_study = subject.sharing == 1 or subject.report.study_uid in segmentation.study_uids
    return same_study and not differences([segmentation.person, subject.report.person])


def _cut_off(
    inventory: Inventory, subjects: Sequence[Subject], orphans: Sequence[tuple[Outline, ImagingError]]
) -> list[CutOff]:
    """Return the segmentation files without an image of which nothing that they name is there."""
    files = {part.file for part in inventory.segmentations if is_cut_off(part, subjects)}
    return [CutOff(outline, error) for outline, error in orphans if outline.file in files]


def _outline(file: Path, modality: str, *, base: Path) -> Outline:
    path = file.relative_to(base).as_posix()
    if modality == "RTSTRUCT":
        return Outline(file, path, "rtstruct")
    return Outline(file, path, "seg" if modality == "SEG" else "mask")
