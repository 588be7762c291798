"""Label files known by what they hold, whatever they are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imaging.core.errors import ImagingError
from imaging.core.geometry import Grid
from imaging.core.label_extent import covers_part_of
from imaging.core.masks import reorient_grid
from imaging.core.nifti import read_grid, read_label_layers

#: More regions than a label map of a chest has, and the largest number one is given.
_MAXIMUM_VALUES, _MAXIMUM_VALUE = 128, 1023
#: Part of a label map, at least, that no region covers: CTs without negative values have no such background.
_MINIMUM_BACKGROUND = 0.2


def values_of_labels(path: Path) -> list[int]:
    """Return the labels of a file that holds few whole numbers over a background of zeros, else nothing."""
    try:
        layers = read_label_layers(path)
    except ImagingError:
        return []
    values = sorted({value for _, _, found in layers for value in found})
    if not values or len(values) > _MAXIMUM_VALUES or values[-1] > _MAXIMUM_VALUE:
        return []
    background = min(float((labels == 0).mean()) for labels, _, _ in layers)
    # A part that was cropped to its only region may hold next to no background.
    return values if background >= _MINIMUM_BACKGROUND or values[-1] <= 1 else []


def label_files(candidates: Sequence[Path], *, others: bool) -> list[Path]:
    """Return the files that are label maps of an image that is there.

    Parameters
    ----------
    candidates : sequence of Path
        NIfTI and NRRD files whose names do not say that they are masks.
    others : bool
        Whether images of another kind (DICOM series) are there, on which they may have been drawn.

    Returns
    -------
    list of Path
        Files of few whole numbers, zero or more, on the lattice of (a part of) one of the others.
    """
    if len(candidates) + others < 2:
        return []
    likely = [file for file in candidates if values_of_labels(file)]
    images = [grid for file in candidates if file not in likely and (grid := _grid(file)) is not None]
    return [file for file in likely if others or _fits(file, images)]


def _fits(file: Path, images: Sequence[Grid]) -> bool:
    own = _grid(file)
    return own is not None and any(covers_part_of(reorient_grid(own, like=image), image) for image in images)


def _grid(file: Path) -> Grid | None:
    try:
        return read_grid(file)
    except ImagingError:
        return None
