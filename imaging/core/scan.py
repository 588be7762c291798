"""What a folder, zip or file holds, with a verdict and a reason for each part.

Nothing here raises for a bad item: an item that cannot be used becomes a refused row. How NIfTI and
NRRD masks find their image is written in `imaging.core.pairing`; how DICOM segmentations do, in
`imaging.core.outlines.series_of`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from imaging.core.archive import open_source
from imaging.core.corrections import NO_CORRECTIONS, Corrected, Corrections
from imaging.core.dicom import read_corrected
from imaging.core.errors import ImagingError, NothingToImport, SeriesRefused, UnreadableFile
from imaging.core.filetype import RASTER_SUFFIXES
from imaging.core.geometry import Volume
from imaging.core.inventory import SEGMENTATION_MODALITIES, DamagedFile, Inventory, take_inventory
from imaging.core.nifti import read_volume_file
from imaging.core.outlines import Outline, judge_outline, refused_outline, series_of
from imaging.core.pairing import image_of, is_mask
from imaging.core.reports import ScanReport, SegmentationReport, as_json
from imaging.core.subjects import Subject, damaged_report, dicom_subject, judge, raster_subject

__all__ = ["ScanReport", "SegmentationReport", "as_json", "open_source", "read_corrected_image", "read_image", "scan"]

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
    files = _files(root)
    steps = _Steps(2 * len(files), on_progress)
    inventory = take_inventory(files, on_file=lambda: steps.advance(1))
    masks = [file for file, _ in inventory.rasters if is_mask(file, root=base)]
    subjects = _subjects(inventory, masks, base=base)
    paired, orphans = _pair(inventory, masks, subjects, base=base)
    series = [damaged_report(part, base=base) for part in inventory.damaged if not _is_outline(part, base=base)]
    regions = [refused_outline(outline, error, roi=roi) for outline, error in orphans]
    for index, subject in enumerate(subjects):
        report, image = judge(subject, corrections=corrections)
        series.append(report)
        for outline in paired[index]:
            regions += judge_outline(outline, report, image, roi=roi)
        steps.advance(len(report.files) + len(paired[index]))
    steps.finish()
    return ScanReport(
        series=tuple(sorted(series, key=lambda row: (row.path, row.series_uid))),
        segmentations=tuple(sorted(regions, key=lambda row: (row.path, row.number))),
        ignored=inventory.ignored,
        root=root,
    )


def read_image(source: Path | Sequence[Path]) -> Volume:
    """Read the one CT that a DICOM folder, DICOM file, NIfTI or NRRD holds, or that a list of files makes up.

    Raises
    ------
    NothingToImport
        If there is no image.
    SeriesRefused, UnreadableFile
        If there are several, or the one there is cannot be used.
    """
    return read_corrected_image(source, corrections=NO_CORRECTIONS).volume


def read_corrected_image(source: Path | Sequence[Path], *, corrections: Corrections) -> Corrected:
    """Read the one CT of a source as `read_image` does, and correct what a person asked for.

    Raises
    ------
    NothingToImport, SeriesRefused, UnreadableFile
        As for `read_image`.
    """
    folder = source if isinstance(source, Path) and source.is_dir() else None
    files = _files(source) if isinstance(source, Path) else list(source)
    if not all(file.exists() for file in files):
        raise UnreadableFile("There is no such file or folder.")
    inventory = take_inventory(files, on_file=lambda: None)
    images = [file for file, _ in inventory.rasters if folder is None or not is_mask(file, root=folder)]
    if (count := len(inventory.series) + len(images)) > 1:
        raise SeriesRefused(f"There are {count} images; name the folder or file of one.")
    if damaged := len(inventory.damaged) + sum(series.damaged for series in inventory.series):
        raise UnreadableFile(f"{damaged} of {len(files)} files cannot be read: truncated or damaged.")
    if images:
        return Corrected(read_volume_file(images[0]))
    if not inventory.series:
        raise NothingToImport("There is no image: neither a DICOM series nor a NIfTI or NRRD image.")
    return read_corrected([header.file for header in inventory.series[0].headers], corrections=corrections)


def _files(root: Path) -> list[Path]:
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


def _subjects(inventory: Inventory, masks: Sequence[Path], *, base: Path) -> list[Subject]:
    dicom = [dicom_subject(series, base=base) for series in inventory.series]
    rasters = [raster_subject(file, kind, base=base) for file, kind in inventory.rasters if file not in masks]
    return dicom + rasters


def _pair(
    inventory: Inventory, masks: Sequence[Path], subjects: Sequence[Subject], *, base: Path
) -> tuple[dict[int, list[Outline]], list[tuple[Outline, ImagingError]]]:
    """Give the segmentation files of each subject, and those that belong to none with the reason."""
    places = [subject.place(index) for index, subject in enumerate(subjects)]
    finders: list[tuple[Outline, Callable[[], int]]] = [
        (_outline(part.file, part.modality, base=base), partial(series_of, part, subjects))
        for part in inventory.segmentations
    ]
    finders += [(_outline(mask, "", base=base), partial(image_of, mask, places, root=base)) for mask in masks]
    paired: dict[int, list[Outline]] = defaultdict(list)
    orphans: list[tuple[Outline, ImagingError]] = [
        (_outline(damaged.file, damaged.modality, base=base), UnreadableFile(damaged.reason))
        for damaged in inventory.damaged
        if _is_outline(damaged, base=base)
    ]
    for outline, find in finders:
        try:
            paired[find()].append(outline)
        except ImagingError as error:
            orphans.append((outline, error))
    return paired, orphans


def _outline(file: Path, modality: str, *, base: Path) -> Outline:
    path = file.relative_to(base).as_posix()
    if modality == "RTSTRUCT":
        return Outline(file, path, "rtstruct")
    return Outline(file, path, "seg" if modality == "SEG" else "mask")
