"""The voxels of a region in an array with a border of one, where every neighbour has an address."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from imaging.core.geometry import Shape, Slices, bounding_box

Offset = tuple[int, int, int]

#: One of each opposite pair of the 26 neighbours, in (z, y, x): the one that lies ahead in memory.
DIRECTIONS: tuple[Offset, ...] = tuple(
    (z, y, x) for z, y, x in product((-1, 0, 1), repeat=3) if (z, y, x) > (0, 0, 0)
)


@dataclass(frozen=True, eq=False)
class PaddedRegion:
    """Where the voxels of a region lie in its bounding box with a border of one voxel.

    Parameters
    ----------
    box : tuple of slice
        Bounding box in the array that the mask came from.
    shape : tuple of int
        Shape (z, y, x) of the padded box.
    inside : ndarray of bool, shape of the unpadded box
        The mask, cropped.
    positions : ndarray of int64, shape (n,)
        Flat addresses of the region's voxels in the padded box, ascending.
    """

    box: Slices
    shape: Shape
    inside: NDArray[np.bool_]
    positions: NDArray[np.int64]

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> PaddedRegion:
        """Index the True voxels of a mask of shape (z, y, x).

        Raises
        ------
        EmptyMask
            If no voxel is True.
        """
        box = bounding_box(mask)
        inside = np.ascontiguousarray(mask[box])
        padded = np.pad(inside, 1)
        return cls(box, padded.shape, inside, np.flatnonzero(padded))

    @property
    def voxels(self) -> int:
        """Number of voxels in the region."""
        return len(self.positions)

    def values(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Give the region's values of an array on the mask's grid, in the order of `positions`."""
        return np.asarray(array[self.box][self.inside])

    def scatter(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        """Put a value per voxel into a flat padded array that is 0 elsewhere."""
        padded = np.zeros(self.shape[0] * self.shape[1] * self.shape[2], dtype=np.int32)
        padded[self.positions] = values
        return padded

    @property
    def directions(self) -> tuple[Offset, ...]:
        """Directions in which the bounding box is thick enough to have neighbours."""
        thick = [n > 1 for n in self.inside.shape]
        return tuple(d for d in DIRECTIONS if all(wide or not step for wide, step in zip(thick, d, strict=True)))

    def strides(self, directions: tuple[Offset, ...]) -> NDArray[np.int64]:
        """Give the distance in flat addresses for each direction."""
        _, height, width = self.shape
        return np.array([(z * height + y) * width + x for z, y, x in directions], dtype=np.int64)
