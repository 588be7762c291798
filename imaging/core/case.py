"""One image, or one image and one mask, found and judged as an import finds and judges them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imaging.core.corrections import NO_CORRECTIONS, Corrected, Corrections
from imaging.core.cut_off import is_cut_off
from imaging.core.errors import NothingToImport, SeveralImages, UnreadableFile
from imaging.core.geometry import Volume
from imaging.core.inventory import Inventory, take_inventory
from imaging.core.mask_matching import drawn_on_series
from imaging.core.masks import NamedMask, read_mask
from imaging.core.scan import files_in, masks_of, subjects_of
from imaging.core.subjects import Subject, load


def read_image(source: Path | Sequence[Path]) -> Volume:
    """Read the one CT that a DICOM folder, DICOM file, NIfTI or NRRD holds, or that a list of files makes up.

    Raises
    ------
    NothingToImport
        If there is no image.
    SeriesRefused, UnreadableFile
        If there are several, or the one there is cannot be used.
    """
    inventory, subjects = _found(source)
    return load(_only(subjects, inventory), corrections=NO_CORRECTIONS).volume


def read_case(
    source: Path, mask_file: Path, *, roi: str | None = None, corrections: Corrections = NO_CORRECTIONS
) -> tuple[Corrected, NamedMask]:
    """Read one mask and the CT on which it was drawn.

    Parameters
    ----------
    source : Path
        A DICOM folder or file, NIfTI or NRRD. It may hold what an export brings along, the mask too: a DICOM
        segmentation names the series that is meant, of other masks there must be one image.
    mask_file : Path
        NIfTI, NRRD, DICOM segmentation or RT structure set.
    roi : str or None
        Name or number of the region, as for `imaging.core.masks.read_mask`.
    corrections : Corrections
        What may be corrected in the image.

    Returns
    -------
    Corrected
        The image.
    NamedMask
        The region on the image's grid.

    Raises
    ------
    NothingToImport, SeriesRefused, UnreadableFile
        If the image is absent, not the only one, or cannot be used.
    MaskRefused
        If the mask does not belong to the image or cannot be used with it.
    """
    # One file may be named in two ways, within the folder and by itself.
    source, mask_file = source.resolve(), mask_file.resolve()
    inventory, subjects = _found(source, mask_file)
    drawn = next((part for part in inventory.segmentations if part.file == mask_file), None)
    is_laid_anew = bool(drawn and corrections.match_by_geometry and is_cut_off(drawn, subjects))
    named = drawn and subjects and not is_laid_anew
    subject = subjects[drawn_on_series(drawn, subjects)] if drawn and named else _only(subjects, inventory)
    image = load(subject, corrections=corrections)
    return image, read_mask(mask_file, image.volume, roi=roi, drawn_on=image.drawn_on)


def _found(source: Path | Sequence[Path], mask_file: Path | None = None) -> tuple[Inventory, list[Subject]]:
    """Return what lies in a source beside one mask file, and the images in it."""
    folder = source if isinstance(source, Path) and source.is_dir() else None
    files = files_in(source) if isinstance(source, Path) else list(source)
    if mask_file and mask_file not in files:
        files = [*files, mask_file]
    if not all(file.exists() for file in files):
        raise UnreadableFile("There is no such file or folder.")
    inventory = take_inventory(files, on_file=lambda: None)
    masks = [mask_file] if mask_file else []
    if folder:
        masks += masks_of(inventory, base=folder)
    base = Path(os.path.commonpath([file.parent for file in files])) if files else Path()
    return inventory, subjects_of(inventory, masks, base=base)


def _only(subjects: Sequence[Subject], inventory: Inventory) -> Subject:
    """Return the one image that there is; what is no CT counts only where there is none."""
    scans = [subject for subject in subjects if subject.is_ct or subject.report.kind != "dicom"] or list(subjects)
    if len(scans) > 1:
        raise SeveralImages(f"There are {len(scans)} images; name the folder or file of one.")
    if not scans:
        if damaged := len(inventory.damaged):
            raise UnreadableFile(f"{damaged} files cannot be read: truncated or damaged.")
        raise NothingToImport("There is no image: neither a DICOM series nor a NIfTI or NRRD image.")
    return scans[0]
