"""Grids in patient space, and the only place where SimpleITK's ``(x, y, z)`` order is known.

Arrays are indexed ``(z, y, x)``; positions are LPS millimetres ``(x, y, z)`` as in DICOM. The
columns of `Grid.direction` are the unit vectors along which the column (x), row (y) and slice (z)
indices grow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from imaging.core.errors import EmptyMask, GridMismatch

Triple = tuple[float, float, float]
Shape = tuple[int, int, int]
Direction = tuple[Triple, Triple, Triple]
Slices = tuple[slice, slice, slice]

IDENTITY: Direction = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

#: Largest distance between corresponding voxel centres of two grids that are called the same.
GRID_TOLERANCE_MM = 0.05


@dataclass(frozen=True)
class Grid:
    """A regular grid of voxel centres in patient space.

    Parameters
    ----------
    shape_zyx : tuple of int
        Number of voxels along slice, row and column.
    spacing_zyx_mm : tuple of float
        Distance of voxel centres along slice, row and column index.
    origin_lps_mm : tuple of float
        Position ``(x, y, z)`` of the centre of voxel ``[0, 0, 0]``.
    direction : tuple of tuple of float
        Orthonormal matrix (row-major, as SimpleITK prints it); its columns are the directions of the
        column (x), row (y) and slice (z) index.
    """

    shape_zyx: Shape
    spacing_zyx_mm: Triple
    origin_lps_mm: Triple = (0.0, 0.0, 0.0)
    direction: Direction = IDENTITY

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in cubic millimetres."""
        return float(np.prod(self.spacing_zyx_mm))

    @property
    def affine_lps(self) -> NDArray[np.float64]:
        """Matrix (4, 4) from voxel index ``(x, y, z, 1)`` to position ``(x, y, z, 1)`` in LPS mm."""
        affine = np.eye(4)
        affine[:3, :3] = np.asarray(self.direction) * np.asarray(self.spacing_zyx_mm[::-1])
        affine[:3, 3] = self.origin_lps_mm
        return affine

    def position(self, index_zyx: Iterable[float]) -> NDArray[np.float64]:
        """Give the LPS position in mm of a (possibly fractional) index ``(z, y, x)``."""
        z, y, x = index_zyx
        return np.asarray((self.affine_lps @ np.array([x, y, z, 1.0]))[:3], dtype=np.float64)

    def index(self, positions_lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the fractional indices ``(..., 3)`` in ``(z, y, x)`` of LPS positions ``(..., 3)``."""
        inverse = np.linalg.inv(self.affine_lps)
        xyz = np.asarray(positions_lps_mm) @ inverse[:3, :3].T + inverse[:3, 3]
        return np.asarray(xyz[..., ::-1], dtype=np.float64)

    def crop(self, box: Slices) -> Grid:
        """Give the grid of ``array[box]``; slices must have explicit starts and stops."""
        start = tuple(part.start for part in box)
        x, y, z = self.position(start)
        shape = tuple(part.stop - part.start for part in box)
        return replace(self, shape_zyx=shape, origin_lps_mm=(float(x), float(y), float(z)))

    def matches(self, other: Grid, *, tolerance_mm: float = GRID_TOLERANCE_MM) -> bool:
        """Tell whether both grids have equal shape and every corner agrees within a tolerance."""
        return self.shape_zyx == other.shape_zyx and self.corner_distance_mm(other) <= tolerance_mm

    def corner_distance_mm(self, other: Grid) -> float:
        """Give the largest distance between corresponding corners, taken on this grid's shape."""
        corners_xyz1 = [[x, y, z, 1] for z, y, x in product(*((0, n - 1) for n in self.shape_zyx))]
        apart = np.array(corners_xyz1) @ (self.affine_lps - other.affine_lps).T
        return float(np.sqrt((apart**2).sum(axis=1).max()))

    def describe(self) -> str:
        """Describe the grid for a person, with units."""
        shape = "x".join(str(n) for n in self.shape_zyx)
        spacing = " x ".join(f"{s:.4g}" for s in self.spacing_zyx_mm)
        origin = ", ".join(f"{o:.4g}" for o in self.origin_lps_mm)
        return f"{shape} voxels (z, y, x) of {spacing} mm at ({origin}) mm"

    def as_dict(self) -> dict[str, object]:
        """Give a JSON-ready form that `from_dict` reads back exactly."""
        return {
            "shape_zyx": list(self.shape_zyx),
            "spacing_zyx_mm": list(self.spacing_zyx_mm),
            "origin_lps_mm": list(self.origin_lps_mm),
            "direction": [list(row) for row in self.direction],
        }

    @classmethod
    def from_dict(cls, data: dict[str, object]) -> Grid:
        """Read what `as_dict` wrote."""
        direction = np.asarray(data["direction"], dtype=float)
        return cls(
            shape_zyx=tuple(np.asarray(data["shape_zyx"], dtype=int).tolist()),
            spacing_zyx_mm=tuple(np.asarray(data["spacing_zyx_mm"], dtype=float).tolist()),
            origin_lps_mm=tuple(np.asarray(data["origin_lps_mm"], dtype=float).tolist()),
            direction=_direction(direction),
        )


@dataclass(frozen=True, eq=False)
class Volume:
    """A CT volume: Hounsfield units on a grid.

    Parameters
    ----------
    array : ndarray of int16 or float32, shape (z, y, x)
        Intensities in HU.
    grid : Grid
        Where the voxels lie.
    """

    array: NDArray[np.int16] | NDArray[np.float32]
    grid: Grid

    def __post_init__(self) -> None:
        _require_shape(self.array, self.grid)

    def crop(self, box: Slices) -> Volume:
        """Give the part of the volume inside a box."""
        part: NDArray[Any] = np.ascontiguousarray(self.array[box])
        return Volume(part, self.grid.crop(box))


@dataclass(frozen=True, eq=False)
class TumorMask:
    """The voxels of a tumour on a grid.

    Parameters
    ----------
    array : ndarray of bool, shape (z, y, x)
        True inside the tumour.
    grid : Grid
        Where the voxels lie.
    """

    array: NDArray[np.bool_]
    grid: Grid

    def __post_init__(self) -> None:
        _require_shape(self.array, self.grid)

    @property
    def voxels(self) -> int:
        """Number of voxels inside."""
        return int(np.count_nonzero(self.array))

    @property
    def volume_mm3(self) -> float:
        """Volume of the voxels inside, in cubic millimetres."""
        return self.voxels * self.grid.voxel_volume_mm3

    def crop(self, box: Slices) -> TumorMask:
        """Give the part of the mask inside a box."""
        return TumorMask(np.ascontiguousarray(self.array[box]), self.grid.crop(box))


def _require_shape(array: NDArray[np.generic], grid: Grid) -> None:
    if array.shape != grid.shape_zyx:
        raise GridMismatch(f"An array of shape {array.shape} cannot lie on a grid of {grid.describe()}.")


def require_same_grid(volume: Volume, mask: TumorMask) -> None:
    """Raise `GridMismatch` with both geometries unless image and mask share a grid."""
    if not volume.grid.matches(mask.grid):
        raise GridMismatch(
            f"The mask does not lie on the image's grid: image {volume.grid.describe()}; "
            f"mask {mask.grid.describe()}. Resample the mask onto the image, or choose the image it was drawn on."
        )


def bounding_box(mask: NDArray[np.bool_], *, margin: Iterable[int] = (0, 0, 0)) -> Slices:
    """Give the box around the True voxels, widened by a margin and clipped to the array.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        Where the region is.
    margin : iterable of int
        Voxels to add on both sides along z, y and x.

    Raises
    ------
    EmptyMask
        If no voxel is True.
    """
    rows: NDArray[np.bool_] = np.asarray(mask.any(axis=2))
    occupied = (rows.any(axis=1), rows.any(axis=0), mask.any(axis=(0, 1)))
    box = []
    for axis, (hit, extra) in enumerate(zip(occupied, margin, strict=True)):
        hits = np.flatnonzero(hit)
        if hits.size == 0:
            raise EmptyMask("The mask is empty: no voxel is inside it.")
        box.append(slice(max(0, int(hits[0]) - extra), min(mask.shape[axis], int(hits[-1]) + 1 + extra)))
    return (box[0], box[1], box[2])


def to_sitk(part: Volume | TumorMask) -> sitk.Image:
    """Convert to a SimpleITK image (masks become uint8 with 1 inside)."""
    array = part.array.view(np.uint8) if isinstance(part, TumorMask) else part.array
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(tuple(reversed(part.grid.spacing_zyx_mm)))
    image.SetOrigin(part.grid.origin_lps_mm)
    image.SetDirection(tuple(float(v) for row in part.grid.direction for v in row))
    return image


def grid_of(image: sitk.Image) -> Grid:
    """Read the grid of a three-dimensional SimpleITK image."""
    direction = np.asarray(image.GetDirection(), dtype=float).reshape(3, 3)
    return Grid(
        shape_zyx=tuple(reversed(image.GetSize())),
        spacing_zyx_mm=tuple(reversed(image.GetSpacing())),
        origin_lps_mm=image.GetOrigin(),
        direction=_direction(direction),
    )


def volume_from_sitk(image: sitk.Image) -> Volume:
    """Convert a SimpleITK image to a volume: int16 where that loses nothing, else float32."""
    array = sitk.GetArrayFromImage(image)
    return Volume(compact_hu(array), grid_of(image))


def mask_from_sitk(image: sitk.Image) -> TumorMask:
    """Convert a SimpleITK label image to a mask of its non-zero voxels."""
    return TumorMask(sitk.GetArrayFromImage(image) != 0, grid_of(image))


def _direction(matrix: NDArray[np.float64]) -> Direction:
    x, y, z = (tuple(row) for row in matrix.tolist())
    return (x, y, z)


def compact_hu(array: NDArray[np.generic]) -> NDArray[np.int16] | NDArray[np.float32]:
    """Store HU as int16 where every value is a whole number that fits, else as float32."""
    as_float = np.asarray(array, dtype=np.float64)
    whole = np.rint(as_float)
    fits = as_float.size == 0 or (abs(whole).max() <= np.iinfo(np.int16).max and bool((whole == as_float).all()))
    return whole.astype(np.int16) if fits else as_float.astype(np.float32)


def nearest_on(labels: NDArray[np.uint8], source: Grid, target: Grid) -> NDArray[np.uint8]:
    """Give labels on another grid, each voxel taking the label of the nearest source voxel.

    Parameters
    ----------
    labels : ndarray of uint8, shape ``source.shape_zyx``
        Label 0 means outside, as does everything beyond the source grid.
    source, target : Grid
        Where the labels lie, and where they are wanted.

    Returns
    -------
    ndarray of uint8, shape ``target.shape_zyx``
    """
    indices_xyz = np.stack(np.meshgrid(*map(np.arange, target.shape_zyx), indexing="ij"), axis=-1)[..., ::-1]
    to_source = np.linalg.inv(source.affine_lps) @ target.affine_lps
    nearest = np.rint(indices_xyz @ to_source[:3, :3].T + to_source[:3, 3]).astype(np.intp)[..., ::-1]
    inside = ((nearest >= 0) & (nearest < source.shape_zyx)).all(axis=-1)
    found = np.zeros(target.shape_zyx, dtype=np.uint8)
    found[inside] = labels[tuple(nearest[inside].T)]
    return found
