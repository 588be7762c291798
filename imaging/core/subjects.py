"""Images that were found: a DICOM series or an image file, before and after its pixels are read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from imaging.core.acquisition import Acquisition
from imaging.core.corrections import Corrected, Corrections
from imaging.core.dataset import open_dataset, reading
from imaging.core.dicom import SeriesReport, read_corrected, require_ct
from imaging.core.errors import ImagingError, MixedSeries, NotCT, UnevenSpacing, UnreadableFile
from imaging.core.filetype import RasterKind
from imaging.core.geometry import Volume
from imaging.core.inventory import DamagedFile, SeriesFiles
from imaging.core.label_content import values_of_labels
from imaging.core.nifti import read_volume_file, require_raster_hu
from imaging.core.pairing import Place, converted_again, is_interpolated, stem_of
from imaging.core.person import NOBODY
from imaging.core.slices import require_slice_count, require_thin_slices

_INTERPOLATED = (
    "By its name, slices of this file were interpolated by the converter where they were missing or unevenly spaced."
)

ImageKind = Literal["dicom", "nifti", "nrrd"]


@dataclass(frozen=True)
class Subject:
    """An image to be judged; `report` is provisional until `judge` has read the pixels.

    Parameters
    ----------
    damaged : int
        Files that belong to it but cannot be read.
    localizer : bool
        Whether it is a scout.
    stated_uid : str
        The SeriesInstanceUID as its files state it; that of `report` is one of its own where several scans share it.
    differing : str
        What differs among its images, so that they are no series; "" where all agree.
    sharing : int
        How many scans share its stated UID.
    instance_uids : frozenset of str
        Of its images, which contours name.
    """

    report: SeriesReport
    damaged: int = 0
    localizer: bool = False
    stated_uid: str = ""
    differing: str = ""
    sharing: int = 1
    instance_uids: frozenset[str] = frozenset()

    @property
    def is_ct(self) -> bool:
        """Whether regions may have been drawn on it: a DICOM CT that is no scout."""
        return self.report.kind == "dicom" and self.report.modality == "CT" and not self.localizer

    @property
    def was_converted_again(self) -> bool:
        """Whether a converter wrote it a second time, mended: that copy is what masks belong to."""
        return self.report.kind != "dicom" and converted_again(self.report.files[0]) is not None

    def place(self, index: int) -> Place:
        """Say where the image lies, for pairing with mask files."""
        first = self.report.files[0]
        return Place(first.parent, "" if self.report.kind == "dicom" else stem_of(first), index)


def dicom_subject(series: SeriesFiles, *, base: Path, empty: int = 0) -> Subject:
    """Return a DICOM series to be judged, described by its first header; `empty` files lie beside its images."""
    files = tuple(header.file for header in series.headers)
    first = series.first
    report = SeriesReport(
        path=_relative(Path(os.path.commonpath([file.parent for file in files])), base),
        series_uid=_series_uid(series),
        study_uid=first.study_uid,
        modality=first.modality,
        frame_of_reference_uid=first.frame_of_reference_uid,
        person=first.person,
        kind="dicom",
        files=files,
        verdict="accepted",
        code="ok",
        reason="",
        shape_zyx=None,
        spacing_zyx_mm=None,
        acquisition=first.acquisition,
        derived=first.derived,
        notes=(*_sharing_note(series), *_empty_note(empty)),
    )
    return Subject(
        report,
        series.damaged,
        first.localizer,
        stated_uid=first.series_uid,
        differing=series.differing,
        sharing=series.sharing,
        instance_uids=frozenset(header.instance_uid for header in series.headers),
    )


def _series_uid(series: SeriesFiles) -> str:
    """Return the UID of a series, or one that follows from its images where it has none of its own."""
    if series.first.series_uid and series.sharing == 1:
        return series.first.series_uid
    images = sorted(f"{h.person}{h.study_uid}{h.frame_of_reference_uid}{h.instance_uid}" for h in series.headers)
    return _stable_uid("".join(images).encode())


def _sharing_note(series: SeriesFiles) -> tuple[str, ...]:
    if series.sharing == 1:
        return ()
    return (f"{series.sharing} scans share one SeriesInstanceUID; their folders and headers tell them apart.",)


def _empty_note(count: int) -> tuple[str, ...]:
    if not count:
        return ()
    files = "1 empty file lies" if count == 1 else f"{count} empty files lie"
    return (f"{files} beside its images and was passed over: if it was a slice, the series ends without it.",)


def raster_subject(file: Path, kind: RasterKind, *, base: Path) -> Subject:
    """Return a NIfTI or NRRD image to be judged; its UID follows from its content, so equal files have equal UIDs."""
    report = _bare_report(file, base=base, kind=kind, modality="CT", series_uid=_stable_uid(file.read_bytes()))
    return Subject(report)


def damaged_report(damaged: DamagedFile, *, base: Path) -> SeriesReport:
    """Give the refused row of an image file that cannot be read and belongs to no series."""
    name = damaged.file.name.lower()
    kind: ImageKind = "nrrd" if name.endswith(".nrrd") else "nifti" if name.endswith((".nii", ".nii.gz")) else "dicom"
    report = _bare_report(
        damaged.file, base=base, kind=kind, modality=damaged.modality, series_uid=damaged.series_uid
    )
    return refused(report, UnreadableFile(damaged.reason))


def judge(subject: Subject, *, corrections: Corrections) -> tuple[SeriesReport, Corrected | None]:
    """Read an image; give its final report, and its volume when it is accepted."""
    report = subject.report
    try:
        image = load(subject, corrections=corrections)
    except ImagingError as error:
        return refused(report, error), None
    grid = image.volume.grid
    return replace(
        report,
        shape_zyx=grid.shape_zyx,
        spacing_zyx_mm=grid.spacing_zyx_mm,
        corrections=image.sentences,
        notes=(*report.notes, *image.notes),
    ), image


def load(subject: Subject, *, corrections: Corrections) -> Corrected:
    """Read an image that was found.

    Raises
    ------
    SeriesRefused, UnreadableFile
        If it cannot be used, with the reason.
    """
    report = subject.report
    if subject.damaged:
        raise UnreadableFile(
            f"{subject.damaged} of {subject.damaged + len(report.files)} files of the series cannot be read: "
            "truncated or damaged. Without them the series may lack slices."
        )
    if subject.differing:
        with reading("An image of the series"):
            require_ct(open_dataset(report.files[0], pixels=False))
        raise MixedSeries(
            f"The images share a SeriesInstanceUID but state {subject.differing}: they are no one series, and nobody "
            "can say which belong together."
        )
    if report.kind == "dicom":
        return read_corrected(report.files, corrections=corrections)
    return _read_raster(report.files[0])


def refused(report: SeriesReport, error: ImagingError) -> SeriesReport:
    """Give a report with the verdict that follows from an error."""
    return replace(report, verdict="refused", code=error.code, reason=error.message)


def _read_raster(file: Path) -> Corrected:
    if mended := converted_again(file):
        raise UnevenSpacing(
            f"The converter wrote this scan a second time, as {mended!r}: its slices are unevenly spaced or tilted, and "
            "in this file they stand as if they were not. Take the other file, or the DICOM files."
        )
    volume = read_volume_file(file)
    # Which axis was scanned is not known: none may hold fewer slices, or wider ones.
    require_slice_count(min(volume.grid.shape_zyx))
    notes = _hu_notes(volume, file)
    widest = max(volume.grid.spacing_zyx_mm)
    require_thin_slices(replace(volume.grid, spacing_zyx_mm=(widest, *volume.grid.spacing_zyx_mm[1:])))
    return Corrected(volume, notes=(*notes, _INTERPOLATED) if is_interpolated(file) else notes)


def _hu_notes(volume: Volume, file: Path) -> tuple[str, ...]:
    """Require an image file to hold HU; one that holds labels is told that it is a mask without its image."""
    try:
        return tuple(require_raster_hu(volume))
    except NotCT as error:
        if values := values_of_labels(file):
            raise NotCT(f"{error.message} {_mask_alone(values)}") from error
        raise


def _mask_alone(values: list[int]) -> str:
    held = (
        f"0 and {values[0]}" if len(values) == 1 else f"0 and {len(values)} labels from {values[0]} to {values[-1]}"
    )
    return (
        f"The file holds {held} only: it is a mask, and no image on whose grid it lies is here. Import it together with "
        "its image; a name with mask, label, seg, roi, gtv, tumour or lesion says that a file is one."
    )


def _bare_report(file: Path, *, base: Path, kind: ImageKind, modality: str, series_uid: str) -> SeriesReport:
    return SeriesReport(
        path=_relative(file, base),
        series_uid=series_uid,
        study_uid="",
        modality=modality,
        frame_of_reference_uid="",
        person=NOBODY,
        kind=kind,
        files=(file,),
        verdict="accepted",
        code="ok",
        reason="",
        shape_zyx=None,
        spacing_zyx_mm=None,
        acquisition=Acquisition(),
    )


def _relative(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix()


def _stable_uid(content: bytes) -> str:
    """Give a UID of the kind 2.25 that follows from content alone."""
    return f"2.25.{int.from_bytes(hashlib.sha256(content).digest()[:16], 'big')}"
