"""What a NIfTI or NRRD file is for: an image, a mask whose name does not say so, or a copy that a converter collapsed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from imaging.core.errors import ImagingError, TiltedGantry, UnevenSpacing
from imaging.core.label_map import read_labels_only
from imaging.core.pairing import is_mask, stem_of

#: Label maps of whole chests have some hundred regions; values of a CT are more, and below zero.
_MOST_LABELS = 128

_MADE_EVEN = re.compile(r"_eq(?:_?\d+)?$", re.IGNORECASE)
_MADE_STRAIGHT = re.compile(r"_tilt(?:_?\d+)?$", re.IGNORECASE)


def masks_among(rasters: Sequence[Path], *, root: Path, dicom_folders: Iterable[Path] = ()) -> list[Path]:
    """Return the files that are masks: by their names, and by what they hold where no name in their folder says so.

    Parameters
    ----------
    rasters : sequence of Path
        All NIfTI and NRRD files.
    root : Path
        Folder above which names do not count.
    dicom_folders : iterable of Path
        Folders of DICOM images, for which files beside them may be masks.
    """
    named = [file for file in rasters if is_mask(file, root=root)]
    folders = {file.parent for file in named}
    beside_dicom = set(dicom_folders)
    found = list(named)
    for folder in {file.parent for file in rasters} - folders:
        own = [file for file in rasters if file.parent == folder]
        if len(own) > 1 or {folder, folder.parent} & beside_dicom:
            labels = [file for file in own if holds_labels(file)]
            # Where all hold labels, none is the image of the others.
            found += labels if len(labels) < len(own) or {folder, folder.parent} & beside_dicom else []
    return [file for file in rasters if file in found]


def holds_labels(file: Path) -> bool:
    """Return whether a file holds labels: few whole numbers, none below zero, zero among them, in whole regions."""
    try:
        layers = read_labels_only(file)
    except ImagingError:
        return False
    values = [np.unique(layer) for layer in layers]
    return all(found.size <= _MOST_LABELS and 0 in found for found in values)


def collapsed(file: Path, rasters: Sequence[Path]) -> ImagingError | None:
    """Return why a file that dcm2niix left beside a corrected copy is no right-angled image, None for others.

    Of a series with uneven slices dcm2niix 1.0.20260724 writes the plain name, whose header states one spacing, and
    ``_Eq``, resampled to it; of a tilted gantry the plain name, sheared, and ``_Tilt``, straightened.
    """
    stem = stem_of(file).lower()
    others = [stem_of(other).lower() for other in rasters if other.parent == file.parent and other != file]
    if any(_MADE_EVEN.sub("", other) == stem != other for other in others):
        return UnevenSpacing(
            "A converter wrote an evenly spaced copy beside it (_Eq): the slices of this file lie unevenly, although its "
            "header states one distance."
        )
    if any(_MADE_STRAIGHT.sub("", other) == stem != other for other in others):
        return TiltedGantry(
            "A converter wrote a straightened copy beside it (_Tilt): the slices of this file are those of a tilted gantry."
        )
    return None
