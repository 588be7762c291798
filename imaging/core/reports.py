"""Verdicts on what was found: one row a series, one row a region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imaging.core.dicom import SeriesReport, Verdict
from imaging.core.regions import RegionKind


@dataclass(frozen=True)
class SegmentationReport:
    """One region of one segmentation file, with a verdict.

    Parameters
    ----------
    path : str
        The file, relative to what was scanned.
    name : str
        Name of the region, "" when the file could not be opened far enough to tell.
    code, reason : str
        "ok" and "" when accepted, else a code of `imaging.core.errors` and its sentence.
    voxels, mean_hu
        Of an accepted region, else None.
    series_uid : str
        UID of the series it was drawn on, "" if none was found.
    tumour_rank : int
        How well the name fits the primary tumour; 0 is best (`imaging.core.regions.tumour_rank`), and that
        of a region which was asked for by name.
    notes : tuple of str
        What a person should know of a region that was accepted, one sentence each.
    volume_mm3 : float or None
        Of an accepted region, else None.
    dated : str
        Day and time that the file states for its outlines, as YYYYMMDDHHMMSS or its beginning, "" if none:
        of two structure sets the later sorts last.
    """

    path: str
    name: str
    kind: RegionKind
    verdict: Verdict
    code: str
    reason: str
    voxels: int | None
    mean_hu: float | None
    series_uid: str
    number: int
    file: Path
    tumour_rank: int
    notes: tuple[str, ...] = ()
    volume_mm3: float | None = None
    dated: str = ""


def told_apart(rows: Sequence[SegmentationReport]) -> list[str]:
    """Return a label for each region: its name, with file, number and voxels where others have the same name."""
    names = [row.name.strip().lower() for row in rows]
    return [
        f"{row.name.strip()} ({row.path}: number {row.number}, {row.voxels or 0:,} voxels)"
        if names.count(name) > 1
        else row.name
        for row, name in zip(rows, names, strict=True)
    ]


@dataclass(frozen=True)
class PassedOver:
    """A file that is neither image nor outline, and what it is."""

    path: str
    reason: str


@dataclass(frozen=True)
class ScanReport:
    """All series and regions found, in the order of their paths; `passed_over` are other files, `ignored` their number."""

    series: tuple[SeriesReport, ...]
    segmentations: tuple[SegmentationReport, ...]
    ignored: int
    root: Path
    passed_over: tuple[PassedOver, ...] = ()


def as_json(report: ScanReport) -> dict[str, Any]:
    """Give the rows for a machine: no file system paths beyond the scanned folder, no patient id."""
    return {
        "series": [
            {
                "path": row.path,
                "series_uid": row.series_uid,
                "modality": row.modality,
                "verdict": row.verdict,
                "code": row.code,
                "reason": row.reason,
                "shape_zyx": None if row.shape_zyx is None else list(row.shape_zyx),
                "spacing_zyx_mm": None if row.spacing_zyx_mm is None else list(row.spacing_zyx_mm),
                "corrections": list(row.corrections),
                "notes": list(row.notes),
            }
            for row in report.series
        ],
        "segmentations": [
            {
                "path": row.path,
                "name": row.name,
                "kind": row.kind,
                "number": row.number,
                "dated": row.dated,
                "verdict": row.verdict,
                "code": row.code,
                "reason": row.reason,
                "voxels": row.voxels,
                "mean_hu": row.mean_hu,
                "volume_mm3": row.volume_mm3,
                "notes": list(row.notes),
            }
            for row in report.segmentations
        ],
        "passed_over": [{"path": row.path, "reason": row.reason} for row in report.passed_over],
    }
