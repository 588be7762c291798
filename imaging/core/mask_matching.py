"""To which image each segmentation file belongs, and which of its regions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from imaging.core.cut_off import CutOff, is_cut_off
from imaging.core.errors import AnotherPerson, ImagingError, MaskRefused, NoMatchingSeries, UnreadableFile
from imaging.core.filetype import RASTER_SUFFIXES
from imaging.core.inventory import SEGMENTATION_MODALITIES, DamagedFile, Inventory, SegmentationFile
from imaging.core.outlines import Outline, series_of
from imaging.core.pairing import image_of, is_mask
from imaging.core.person import differences
from imaging.core.region_series import series_of_regions
from imaging.core.subjects import Subject


@dataclass
class MatchedMasks:
    """The segmentation files of each image, and those that belong to none.

    Parameters
    ----------
    paired : dict of int to list of Outline
        Index of the image → its segmentation files.
    orphans : list of (Outline, ImagingError)
        Files without an image, with the reason.
    cut_off : list of CutOff
        Those of them of which nothing that they name is here.
    """

    paired: dict[int, list[Outline]] = field(default_factory=lambda: defaultdict(list))
    orphans: list[tuple[Outline, ImagingError]] = field(default_factory=list)
    cut_off: list[CutOff] = field(default_factory=list)


def match_masks(
    inventory: Inventory, masks: Sequence[Path], subjects: Sequence[Subject], *, base: Path
) -> MatchedMasks:
    """Match segmentation files with images.

    Parameters
    ----------
    inventory : Inventory
        What was found.
    masks : sequence of Path
        The NIfTI and NRRD files that are masks.
    subjects : sequence of Subject
        The images.
    base : Path
        Folder to which paths are relative.
    """
    matched = MatchedMasks()
    for damaged in inventory.damaged:
        if is_outline(damaged, base=base):
            outline = _outline(damaged.file, damaged.modality, base=base)
            matched.orphans.append((outline, UnreadableFile(damaged.reason)))
    for part in inventory.segmentations:
        _match_dicom(part, subjects, matched, base=base)
    places = [subject.place(index) for index, subject in enumerate(subjects) if not subject.was_converted_again]
    for mask in masks:
        outline = _outline(mask, "", base=base)
        try:
            matched.paired[image_of(mask, places, root=base)].append(outline)
        except ImagingError as error:
            matched.orphans.append((outline, error))
    return matched


def is_outline(damaged: DamagedFile, *, base: Path) -> bool:
    """Return whether a damaged file was meant to outline regions."""
    if damaged.file.name.lower().endswith(RASTER_SUFFIXES):
        return is_mask(damaged.file, root=base)
    return damaged.modality in SEGMENTATION_MODALITIES


def _match_dicom(part: SegmentationFile, subjects: Sequence[Subject], matched: MatchedMasks, *, base: Path) -> None:
    outline = _outline(part.file, part.modality, base=base)
    try:
        index = drawn_on_series(part, subjects)
    except ImagingError as error:
        lost = is_cut_off(part, subjects)
        several = isinstance(error, NoMatchingSeries) and not lost
        if several and _match_regions(part, outline, error, subjects, matched):
            return
        matched.orphans.append((outline, error))
        if lost:
            matched.cut_off.append(CutOff(outline, error))
    else:
        is_laid_anew = bool(part.series_uids) and subjects[index].stated_uid not in part.series_uids
        matched.paired[index].append(replace(outline, is_laid_anew=is_laid_anew))


def _match_regions(
    part: SegmentationFile,
    outline: Outline,
    error: ImagingError,
    subjects: Sequence[Subject],
    matched: MatchedMasks,
) -> bool:
    """Match each region of a structure set by itself; returns whether any found its images."""
    by_series = series_of_regions(part, subjects)
    if not set(by_series) - {None}:
        return False
    for index, numbers in by_series.items():
        own = replace(outline, numbers=numbers)
        if index is None:
            matched.orphans.append((own, error))
        else:
            matched.paired[index].append(own)
    return True


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


def _outline(file: Path, modality: str, *, base: Path) -> Outline:
    path = file.relative_to(base).as_posix()
    if modality == "RTSTRUCT":
        return Outline(file, path, "rtstruct")
    return Outline(file, path, "seg" if modality == "SEG" else "mask")
