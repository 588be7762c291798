"""Where the frames of a DICOM segmentation lie among the voxels of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.core.dataset import number, numbers
from imaging.core.errors import GridMismatch, MaskOutsideImage
from imaging.core.geometry import Grid
from imaging.core.planes import functional_group
from imaging.core.slices import slice_distance_mm

#: A frame's pixel centres may lie this part of a voxel off those of the image.
_OFF_GRID_TOLERANCE = 0.1
_SPACING_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class Frame:
    """Pixels of one segment on one plane, placed in the image's indices.

    Parameters
    ----------
    pixels : ndarray of bool, shape (rows, columns)
        True inside.
    origin : ndarray, shape (3,)
        Fractional index (z, y, x) of the first pixel's centre.
    steps : ndarray, shape (2, 3)
        Index steps (z, y, x) from a row to the next, and from a column to the next.
    """

    pixels: NDArray[np.bool_]
    origin: NDArray[np.float64]
    steps: NDArray[np.float64]


def place(inside: NDArray[np.bool_], group: Dataset, shared: Dataset, grid: Grid) -> Frame:
    """Express a frame's first pixel centre and pixel steps as fractional image indices.

    Parameters
    ----------
    inside : ndarray of bool, shape (rows, columns)
        Where the segment is.
    group, shared : Dataset
        The frame's own and the shared functional groups.
    grid : Grid
        Grid of the image; that of a leaning stack serves as well.

    Raises
    ------
    GridMismatch
        If the frame does not say where it lies, or frames are spaced unlike the image's slices.
    """
    position = numbers(functional_group(group, shared, "PlanePositionSequence").get("ImagePositionPatient"), count=3)
    cosines = functional_group(group, shared, "PlaneOrientationSequence").get("ImageOrientationPatient")
    measures = functional_group(group, shared, "PixelMeasuresSequence")
    orientation, spacing = numbers(cosines, count=6), numbers(measures.get("PixelSpacing"), count=2)
    if position is None or orientation is None or spacing is None:
        raise GridMismatch("The segmentation does not say where its frames lie.")
    along_row, along_column = np.array(orientation[:3]), np.array(orientation[3:])
    corners = np.array([position, position + along_column * spacing[0], position + along_row * spacing[1]])
    origin, *ends = grid.index(corners)
    steps = np.array(ends) - origin
    _require_same_slices(steps, measures, grid)
    return Frame(inside, origin, steps)


def _require_same_slices(steps: NDArray[np.float64], measures: Dataset, grid: Grid) -> None:
    """Refuse frames that are spaced unlike the image's slices: they would leave gaps or fall between."""
    spacing = number(measures, "SpacingBetweenSlices")
    normal_axis = int(np.argmin(np.abs(steps).sum(axis=0)))
    own = grid.spacing_zyx_mm[normal_axis]
    # Of a leaning stack writers state the way of the table or the distance of the planes.
    known = (own, slice_distance_mm(grid)) if normal_axis == 0 else (own,)
    if spacing and all(abs(abs(spacing) - distance) > _SPACING_TOLERANCE * distance for distance in known):
        raise GridMismatch(
            f"Frames of the segmentation are {abs(spacing):.4g} mm apart, slices of the image {own:.4g} mm: "
            "it was drawn on another image."
        )


def image_indices(frame: Frame, grid: Grid, *, name: str) -> NDArray[np.intp]:
    """Give the image indices (z, y, x) of the pixels inside.

    Returns
    -------
    ndarray of int, shape (n, 3)

    Raises
    ------
    GridMismatch
        If the frame's pixel centres are not those of voxels of the image, with the distance.
    MaskOutsideImage
        If they lie beyond it, with their number.
    """
    far = np.array(frame.pixels.shape) - 1
    steps = np.rint(frame.steps)
    drift = np.abs(frame.origin + far @ frame.steps - (np.rint(frame.origin) + far @ steps)).max()
    off = max(float(drift), float(np.abs(frame.origin - np.rint(frame.origin)).max()))
    if off > _OFF_GRID_TOLERANCE or not np.array_equal(np.abs(steps @ steps.T), np.eye(2)):
        raise GridMismatch(
            f"Frames of segment {name!r} do not lie on the voxels of the image (up to {off:.3g} voxels off): "
            f"image {grid.describe()}. Use the segmentation that was drawn on this image."
        )
    index = (np.rint(frame.origin) + np.argwhere(frame.pixels) @ steps).astype(np.intp)
    outside = ((index < 0) | (index >= np.array(grid.shape_zyx))).any(axis=1)
    if outside.any():
        raise MaskOutsideImage(f"{int(outside.sum())} pixels of a frame of segment {name!r} lie outside the image.")
    return index
