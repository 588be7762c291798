"""One mask for one volume, whatever file it comes in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.corrections import AS_SCANNED, DrawnOn
from imaging.core.dataset import open_dataset, text
from imaging.core.errors import EmptyMask, GridMismatch, MaskRefused
from imaging.core.filetype import kind_of
from imaging.core.geometry import GRID_TOLERANCE_MM, Grid, TumorMask, Volume, require_same_grid
from imaging.core.label_extent import on_whole_grid
from imaging.core.mask_checks import require_whole_regions, slice_notes
from imaging.core.nifti import Labels, read_label_layers
from imaging.core.regions import CodedTypes, NamedMask, best, select_one, tumour_rank
from imaging.core.rtstruct import read_rtstruct, region_names
from imaging.core.seg import read_seg, segment_names, segment_types
from imaging.core.seg_nrrd import segments_of

__all__ = [
    "LabelRegions",
    "NamedMask",
    "label_names",
    "largest_component",
    "mean_hu",
    "read_labels",
    "read_mask",
    "reorient",
    "reorient_grid",
    "tumour_rank",
]

_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".seg")


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
    found = _read_mask(path, volume, roi=roi, drawn_on=drawn_on)
    return replace(found, notes=(*found.notes, *slice_notes(found.mask, name=found.name)))


def _read_mask(path: Path, volume: Volume, *, roi: str | int | None, drawn_on: DrawnOn) -> NamedMask:
    if kind_of(path) != "dicom":
        regions = read_labels(path, volume, drawn_on=drawn_on)
        return regions.region(_chosen(regions.names, roi), volume.grid)
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


@dataclass(frozen=True, eq=False)
class LabelRegions:
    """Regions of a label file on a volume's grid.

    Parameters
    ----------
    layers : tuple of ndarray of uint8 or int32, shape (z, y, x)
        One, except where regions overlap.
    names : dict of int to str
        Number and name of each region.
    places : dict of int to (int, int)
        Layer and value of each region.
    """

    layers: tuple[Labels, ...]
    names: dict[int, str]
    places: dict[int, tuple[int, int]]

    def region(self, number: int, grid: Grid) -> NamedMask:
        """Return one region as a mask."""
        layer, value = self.places[number]
        return NamedMask(self.names[number], number, "mask", TumorMask(self.layers[layer] == value, grid))


def read_labels(path: Path, volume: Volume, *, drawn_on: DrawnOn = AS_SCANNED) -> LabelRegions:
    """Read a label file onto a volume.

    Axes are flipped and exchanged where that is exact, and a file that covers a part of the image's grid is
    placed in it, unless the image was straightened: a label file of the tilted slices would look like a part. All
    non-zero voxels are one region, number 1, unless several values occur. A region has the name that the header of a
    3D Slicer segmentation gives it.

    Raises
    ------
    GridMismatch
        If it does not lie on the volume's grid.
    EmptyMask
        If no voxel is labelled.
    MaskRefused
        If its values are grey values.
    """
    layers, found = [], []
    for index, (stored, stored_grid, values) in enumerate(read_label_layers(path)):
        labels, grid = reorient(stored, stored_grid, like=volume.grid)
        if drawn_on.leaning is None:
            labels, grid = on_whole_grid(labels, grid, volume.grid)
        _require_grid(grid, volume.grid)
        layers.append(labels)
        found += [(index, value) for value in values]
    if not found:
        raise EmptyMask("The mask is empty: no voxel is inside it.")
    named = {(segment.layer, segment.value): segment.name for segment in segments_of(path)}
    if not named:
        for labels in layers:
            require_whole_regions(labels)
    if len(found) == 1:
        layer, value = found[0]
        names = label_names(path, [1])
        return LabelRegions(tuple(layers), {1: named.get(found[0], names[1])}, {1: (layer, value)})
    several = len({value for _, value in found}) < len(found)
    numbers = list(range(1, len(found) + 1)) if several else [value for _, value in found]
    names = label_names(path, numbers)
    return LabelRegions(
        tuple(layers),
        {number: named.get(place, names[number]) for number, place in zip(numbers, found, strict=True)},
        dict(zip(numbers, found, strict=True)),
    )


def label_names(path: Path, values: list[int]) -> dict[int, str]:
    """Name the regions of a label file: its stem, followed by the value when there are several."""
    stem = path.name
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    return {value: stem if len(values) == 1 else f"{stem} {value}" for value in values}


def reorient(labels: Labels, grid: Grid, *, like: Grid) -> tuple[Labels, Grid]:
    """Flip and exchange axes so that a label map runs like another grid, where the voxels are the same.

    Programs store one and the same grid in different directions. This changes the order of voxels only,
    never their values; grids that differ in any other way come back as they are.
    """
    turned = _turn(grid, like)
    if turned is None:
        return labels, grid
    order, backwards = turned
    moved = np.flip(labels.transpose(order), axis=tuple(backwards)).copy()
    return moved, _grid_of_turned(grid, like, order=order, backwards=backwards)


def reorient_grid(grid: Grid, *, like: Grid) -> Grid:
    """Return the grid that `reorient` gives a label map."""
    turned = _turn(grid, like)
    return grid if turned is None else _grid_of_turned(grid, like, order=turned[0], backwards=turned[1])


def _turn(grid: Grid, like: Grid) -> tuple[NDArray[np.intp], list[int]] | None:
    """Return the order of a grid's axes and those that run backwards, None where voxels are not alike."""
    turn = np.linalg.inv(like.affine_lps[:3, :3]) @ grid.affine_lps[:3, :3]
    whole = np.rint(turn)
    if np.abs(turn - whole).max() > 1e-3 or not np.array_equal(np.abs(whole).sum(axis=0), [1, 1, 1]):
        return None
    # Columns of `whole` are the source's x, y, z axes in the target's; arrays count z, y, x.
    signed = whole[::-1, ::-1]
    order = np.argmax(np.abs(signed), axis=1)
    return order, [axis for axis in range(3) if signed[axis, order[axis]] < 0]


def _grid_of_turned(grid: Grid, like: Grid, *, order: NDArray[np.intp], backwards: list[int]) -> Grid:
    shape = [grid.shape_zyx[axis] for axis in order]
    corner = [0, 0, 0]
    for axis in backwards:
        corner[order[axis]] = grid.shape_zyx[order[axis]] - 1
    x, y, z = grid.position(corner).tolist()
    spacing = tuple(grid.spacing_zyx_mm[axis] for axis in order)
    return Grid((shape[0], shape[1], shape[2]), (spacing[0], spacing[1], spacing[2]), (x, y, z), like.direction)


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


def _require_grid(own: Grid, image: Grid) -> None:
    """Refuse a mask whose voxels are not those of the image, with both geometries and what differs."""
    if own.matches(image):
        return
    if own.shape_zyx == image.shape_zyx:
        apart = (
            f"corners lie up to {image.corner_distance_mm(own):.4g} mm apart, at most {GRID_TOLERANCE_MM:g} are taken"
        )
    else:
        apart = "their sizes differ"
    raise GridMismatch(
        f"The mask does not lie on the image's grid ({apart}): image {_geometry(image)}; mask {_geometry(own)}."
    )


def _geometry(grid: Grid) -> str:
    axes = " ".join("(" + ", ".join(f"{v:.4g}" for v in axis) + ")" for axis in np.asarray(grid.direction).T + 0.0)
    return f"{grid.describe()}, axes x, y, z along {axes}"
