"""What lies in a folder, sorted into series, segmentations and files that cannot be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydicom.dataset import Dataset

from imaging.core.acquisition import acquisition_of
from imaging.core.dataset import open_dataset, open_head, reading, text
from imaging.core.derived_images import derived_kind
from imaging.core.dicom import is_localizer
from imaging.core.errors import ImagingError
from imaging.core.filetype import IMAGE_SUFFIXES, RASTER_SUFFIXES, RasterKind, foreign, kind_of
from imaging.core.person import Person, person_of
from imaging.core.rtstruct import frames_of_reference, referenced_series, referenced_studies
from imaging.core.series_identity import Header, told_apart

#: Modalities of DICOM objects that outline regions.
SEGMENTATION_MODALITIES = ("RTSTRUCT", "SEG")


@dataclass(frozen=True)
class SegmentationFile:
    """A DICOM segmentation or RT structure set, and what it says it was drawn on."""

    file: Path
    modality: str
    series_uids: frozenset[str]
    frames_of_reference: frozenset[str]
    study_uids: frozenset[str]
    person: Person


@dataclass(frozen=True)
class SeriesFiles:
    """The files of one DICOM image series.

    Parameters
    ----------
    damaged : int
        Files that belong to it but cannot be read.
    differing : str
        What differs among images that share a SeriesInstanceUID and a folder; "" where all agree.
    sharing : int
        How many scans share its SeriesInstanceUID; more than one where they were told apart.
    """

    headers: tuple[Header, ...]
    damaged: int = 0
    differing: str = ""
    sharing: int = 1

    @property
    def first(self) -> Header:
        """The header that speaks for the series: that of its first image that is no localiser."""
        return next((header for header in self.headers if not header.localizer), self.headers[0])


@dataclass(frozen=True)
class DamagedFile:
    """A file that cannot be read, with what its first attributes still tell ("" when nothing)."""

    file: Path
    reason: str
    modality: str = ""
    series_uid: str = ""


@dataclass
class Inventory:
    """Everything a folder holds, before any pixel is read."""

    series: list[SeriesFiles] = field(default_factory=list)
    segmentations: list[SegmentationFile] = field(default_factory=list)
    rasters: list[tuple[Path, RasterKind]] = field(default_factory=list)
    damaged: list[DamagedFile] = field(default_factory=list)
    ignored: int = 0
    passed_over: list[tuple[Path, str]] = field(default_factory=list)

    def empty_beside(self, series: SeriesFiles) -> int:
        """Return how many empty files, named like images, lie in the folders of a series."""
        folders = {header.file.parent for header in series.headers}
        named = [file for file, _why in self.passed_over if file.name.lower().endswith(IMAGE_SUFFIXES)]
        return sum(file.parent in folders and file.stat().st_size == 0 for file in named)

    def pass_over(self, file: Path, reason: str) -> None:
        """Name a file that is neither image nor outline, with what it is."""
        self.ignored += 1
        self.passed_over.append((file, reason))


def take_inventory(files: Iterable[Path], *, on_file: Callable[[], None]) -> Inventory:
    """Sort files by what they are; a file that cannot be read is listed, never raised.

    Parameters
    ----------
    files : iterable of Path
        In the order in which they shall be reported.
    on_file : callable
        Called after each file.
    """
    found = Inventory()
    headers: list[Header] = []
    for file in files:
        kind = kind_of(file)
        if kind == "nifti" or kind == "nrrd":
            found.rasters.append((file, kind))
        elif reason := foreign(file):
            found.pass_over(file, reason)
        elif kind == "damaged":
            found.damaged.append(DamagedFile(file, "The file is named like an image but does not begin like one."))
        elif kind == "other":
            found.pass_over(file, "The file is neither an image nor an outline.")
        else:
            _sort_dicom(file, found, headers)
        on_file()
    found.series = _group(headers)
    _attribute_damage(found)
    return found


def _sort_dicom(file: Path, found: Inventory, headers: list[Header]) -> None:
    try:
        dataset = open_dataset(file, pixels=False)
        with reading("A DICOM file"):
            if (modality := text(dataset, "Modality")) in SEGMENTATION_MODALITIES:
                found.segmentations.append(_segmentation(file, dataset, modality))
            elif "Rows" in dataset or modality == "CT":
                headers.append(_header(file, dataset, modality))
            else:
                what = f"a DICOM object of modality {modality}" if modality else "a DICOM object without images"
                found.pass_over(file, f"The file is {what}: neither a CT nor an outline.")
    except ImagingError as error:
        found.damaged.append(_damaged(file, error.message))


def _damaged(file: Path, reason: str) -> DamagedFile:
    try:
        head = open_head(file)
        with reading("A DICOM file"):
            return DamagedFile(file, reason, text(head, "Modality"), text(head, "SeriesInstanceUID"))
    except ImagingError:
        return DamagedFile(file, reason)


def _header(file: Path, dataset: Dataset, modality: str) -> Header:
    return Header(
        file=file,
        modality=modality,
        series_uid=text(dataset, "SeriesInstanceUID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        instance_uid=text(dataset, "SOPInstanceUID"),
        frame_of_reference_uid=text(dataset, "FrameOfReferenceUID"),
        person=person_of(dataset),
        localizer=is_localizer(dataset),
        acquisition=acquisition_of(dataset),
        derived=derived_kind(dataset),
    )


def _segmentation(file: Path, dataset: Dataset, modality: str) -> SegmentationFile:
    return SegmentationFile(
        file=file,
        modality=modality,
        series_uids=frozenset(referenced_series(dataset)),
        frames_of_reference=frozenset(frames_of_reference(dataset)),
        study_uids=frozenset({text(dataset, "StudyInstanceUID"), *referenced_studies(dataset)} - {""}),
        person=person_of(dataset),
    )


def _group(headers: list[Header]) -> list[SeriesFiles]:
    """Group files into series by UID, by folder where there is none."""
    groups: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        # One modality per series is DICOM's rule, but not everybody's; the UID alone would mix them.
        key = f"{header.series_uid or header.file.parent} {header.modality}"
        groups[key].append(header)
    return [
        SeriesFiles(tuple(scan), differing=differing, sharing=len(scans))
        for scans in map(told_apart, groups.values())
        for scan, differing in scans
    ]


def _attribute_damage(found: Inventory) -> None:
    """Count damaged DICOM files to the series they belong to.

    A slice may be too damaged to say which series it was in; then it counts to the series of its folder
    when the folder holds exactly one. Left aside, a series would look complete while its first or last
    slice is missing.
    """
    rest = []
    for damaged in found.damaged:
        host = _host(damaged, found.series)
        if host is None:
            rest.append(damaged)
        else:
            found.series[host] = replace(found.series[host], damaged=found.series[host].damaged + 1)
    found.damaged = rest


def _host(damaged: DamagedFile, series: list[SeriesFiles]) -> int | None:
    if damaged.modality in SEGMENTATION_MODALITIES or damaged.file.name.lower().endswith(RASTER_SUFFIXES):
        return None
    if damaged.series_uid:
        hosts = [index for index, part in enumerate(series) if part.first.series_uid == damaged.series_uid]
    else:
        folder = damaged.file.parent
        hosts = [index for index, part in enumerate(series) if any(h.file.parent == folder for h in part.headers)]
    return hosts[0] if len(hosts) == 1 else None
