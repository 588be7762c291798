"""What a folder, zip or file holds, with a verdict and a reason for each part.

Nothing here raises for a bad item: an item that cannot be used becomes a refused row. How NIfTI and
NRRD masks find their image is written in `imaging.core.pairing`; how DICOM segmentations do, in
`imaging.core.mask_matching`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from imaging.core.archive import open_source
from imaging.core.corrections import NO_CORRECTIONS, Corrections
from imaging.core.cut_series import cut_notes
from imaging.core.dicom import SeriesReport
from imaging.core.geometry import Grid
from imaging.core.inventory import Inventory, take_inventory
from imaging.core.label_content import label_files
from imaging.core.mask_matching import is_outline, match_masks
from imaging.core.outlines import judge_outline, later_told, refused_outline
from imaging.core.pairing import is_mask
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
    matched = match_masks(inventory, masks, subjects, base=base)
    damaged = [damaged_report(part, base=base) for part in inventory.damaged if not is_outline(part, base=base)]
    lost = matched.cut_off if corrections.match_by_geometry else []
    sought = {part.outline.file for part in lost}
    regions = [
        refused_outline(outline, error, roi=roi) for outline, error in matched.orphans if outline.file not in sought
    ]
    series: list[SeriesReport] = []
    grids: dict[int, Grid] = {}
    for index, subject in enumerate(subjects):
        report, image = judge(subject, corrections=corrections)
        series.append(report)
        if image is not None:
            grids[index] = image.volume.grid
        for outline in matched.paired[index]:
            regions += judge_outline(outline, report, image, roi=roi)
        for part in lost:
            part.try_on(report, image, roi=roi)
        steps.advance(len(report.files) + len(matched.paired[index]))
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
