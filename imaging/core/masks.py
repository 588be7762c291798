"""One mask for one volume, whatever file it comes in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from imaging.core.corrections import AS_SCANNED, DrawnOn
from imaging.core.dataset import open_dataset, text
from imaging.core.errors import EmptyMask, MaskRefused
from imaging.core.filetype import kind_of
from imaging.core.geometry import TumorMask, Volume, require_same_grid
from imaging.core.label_map import read_label_map
from imaging.core.regions import CodedTypes, NamedMask, best, select_one, tumour_rank
from imaging.core.rtstruct import read_rtstruct, region_names
from imaging.core.seg import read_seg, segment_names, segment_types

__all__ = [
    "NamedMask",
    "largest_component",
    "mean_hu",
    "read_mask",
    "tumour_rank",
]


def read_mask(
    path: Path, volume: Volume, *, roi: str | int | None = None, drawn_on: DrawnOn = AS_SCANNED
) -> NamedMask:
    """Read one region of a mask file onto a volume.

    Parameters
    ----------
    path : Path
        NIfTI, NRRD, DICOM segmentation or RT structure set; its content decides which.
    volume : Volume
        The image on which it was drawn.
    roi : str, int or None
        Name or number of the region; of a segment also its coded type, as a code such as ``SCT:4147007`` or
        its meaning. None takes the only region, or the one whose name means tumour.
    drawn_on : DrawnOn
        Of a volume that was corrected: how the slices lay on which the mask was drawn.

    Returns
    -------
    NamedMask
        With at least one voxel, on exactly the volume's grid.

    Raises
    ------
    RegionNotFound
        If the region is absent, or none is named and several could be meant; with the names present.
    MaskRefused
        EmptyMask, GridMismatch, MaskOutsideImage or another kind, when it does not fit the image.
    UnreadableFile
        If the file is damaged or of another kind.
    """
    if kind_of(path) != "dicom":
        labels = read_label_map(path, volume.grid, drawn_on=drawn_on)
        return labels.region(_chosen(labels.names, roi))
    dataset = open_dataset(path, what="The mask file")
    modality = text(dataset, "Modality")
    if modality == "RTSTRUCT":
        number = _chosen(region_names(dataset), roi)
        return _onto(read_rtstruct(dataset, drawn_on.slices_of(volume), roi=number, drawn_on=drawn_on)[0], drawn_on)
    if modality == "SEG":
        number = _chosen(segment_names(dataset), roi, types=segment_types(dataset))
        return _onto(read_seg(dataset, drawn_on.slices_of(volume), segment=number, drawn_on=drawn_on)[0], drawn_on)
    raise MaskRefused(f"The file is a DICOM object of modality {modality or 'not stated'}, not a segmentation.")


def _onto(region: NamedMask, drawn_on: DrawnOn) -> NamedMask:
    return replace(region, mask=drawn_on.onto_volume(region.mask))


def largest_component(mask: TumorMask) -> tuple[TumorMask, int]:
    """Keep the largest connected part of a mask.

    Voxels that touch by a face, edge or corner (26 neighbours) are connected; of equal parts the first
    in memory order is kept.

    Returns
    -------
    mask : TumorMask
        The largest part.
    components : int
        How many parts there were; 0 when the mask is empty.
    """
    labels, count = ndimage.label(mask.array, structure=np.ones((3, 3, 3), dtype=bool))
    if count <= 1:
        return mask, int(count)
    sizes = np.bincount(labels.ravel())[1:]
    return TumorMask(labels == 1 + int(np.argmax(sizes)), mask.grid), int(count)


def mean_hu(volume: Volume, mask: TumorMask) -> float:
    """Give the mean HU inside a mask.

    Raises
    ------
    GridMismatch
        If mask and image do not share a grid.
    EmptyMask
        If no voxel is inside.
    """
    require_same_grid(volume, mask)
    if not mask.voxels:
        raise EmptyMask("The mask is empty: no voxel is inside it.")
    return float(volume.array[mask.array].mean(dtype=np.float64))


def _chosen(present: dict[int, str], roi: str | int | None, *, types: CodedTypes | None = None) -> int:
    return best(present) if roi is None else select_one(present, roi, types=types)
