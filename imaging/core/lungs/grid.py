"""A coarser, upright copy of a scan: slices from foot to head, rows from front to back, columns from right to left.

Whatever way the voxels of a file run, index order ``(z, y, x)`` then grows along LPS z, y and x (nearly, for an
oblique scan), and distances of some millimetres need no more voxels than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from imaging.core.geometry import Direction, Grid, Shape, bounding_box

T = TypeVar("T")


@dataclass(frozen=True)
class Reduction:
    """How voxels of a scan are turned upright and averaged in blocks.

    Parameters
    ----------
    order : tuple of int
        Which array axis runs most nearly along patient z, y and x.
    flipped : tuple of bool
        Whether that axis runs against it.
    factors : tuple of int
        Voxels of the scan along z, y and x that make one voxel of the copy; what is left over at the end is dropped.
    grid : Grid
        Where the voxels of the copy lie.
    """

    order: Shape
    flipped: tuple[bool, bool, bool]
    factors: Shape
    grid: Grid

    @classmethod
    def of(cls, grid: Grid, *, spacing_mm: float) -> Reduction:
        """Plan a copy whose spacing is as wide as whole voxels allow without exceeding a limit.

        Parameters
        ----------
        grid : Grid
            The scan's grid.
        spacing_mm : float
            Widest spacing along each axis; a scan that is coarser already keeps its own.
        """
        order = _order(np.asarray(grid.direction))
        flipped = _three([grid.direction[2 - p][2 - axis] < 0 for p, axis in enumerate(order)])
        spacing = [grid.spacing_zyx_mm[axis] for axis in order]
        most = [grid.shape_zyx[axis] for axis in order]
        factors = _three([min(n, max(1, int(spacing_mm / s + 1e-6))) for n, s in zip(most, spacing, strict=True)])
        shape = _three([n // factor for n, factor in zip(most, factors, strict=True)])
        first = [0.0, 0.0, 0.0]  # the scan's index of the centre of the copy's first voxel
        for axis, back, factor in zip(order, flipped, factors, strict=True):
            inset = (factor - 1) / 2
            first[axis] = grid.shape_zyx[axis] - 1 - inset if back else inset
        x, y, z = grid.position(first)
        upright = Grid(
            shape_zyx=shape,
            spacing_zyx_mm=_three([step * factor for step, factor in zip(spacing, factors, strict=True)]),
            origin_lps_mm=(float(x), float(y), float(z)),
            direction=_direction(np.asarray(grid.direction), order, flipped),
        )
        return cls(order, flipped, factors, upright)

    def mean(self, array: NDArray[np.generic]) -> NDArray[np.float32]:
        """Average an array of the scan's shape in blocks.

        Parameters
        ----------
        array : ndarray of a number or bool, shape (z, y, x) of the scan

        Returns
        -------
        ndarray of float32, shape ``grid.shape_zyx``
        """
        turned = array.transpose(self.order)[tuple(slice(None, None, -1 if back else 1) for back in self.flipped)]
        total: NDArray[Any] = turned[
            tuple(slice(n * k) for n, k in zip(self.grid.shape_zyx, self.factors, strict=True))
        ]
        for axis, factor in enumerate(self.factors):
            every = [total[(slice(None),) * axis + (slice(start, None, factor),)] for start in range(factor)]
            total = every[0].astype(np.float32)
            for part in every[1:]:
                total += part
        total /= np.float32(np.prod(self.factors))
        return total

    def filled(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which voxels of the copy a mask of the scan fills at least by half.

        Parameters
        ----------
        mask : ndarray of bool, shape (z, y, x) of the scan
            Not empty; small against the scan, of which only its box is read.

        Returns
        -------
        ndarray of bool, shape ``grid.shape_zyx``
        """
        box = bounding_box(mask)
        voxels = np.argwhere(mask[box]) + [part.start for part in box]
        last = np.array(mask.shape) - 1
        upright = np.where(self.flipped, (last - voxels)[:, self.order], voxels[:, self.order]) // self.factors
        upright = upright[(upright < self.grid.shape_zyx).all(axis=1)]
        counts = np.zeros(self.grid.shape_zyx, dtype=np.int64)
        np.add.at(counts, tuple(upright.T), 1)
        return np.asarray(2 * counts >= np.prod(self.factors))


def _order(direction: NDArray[np.float64]) -> Shape:
    """Give the array axes (0 slice, 1 row, 2 column) along patient z, y and x, by the largest cosines."""

    def agreement(order: Sequence[int]) -> float:
        return float(sum(abs(direction[2 - p, 2 - axis]) for p, axis in enumerate(order)))

    return _three(max(permutations(range(3)), key=agreement))


def _direction(direction: NDArray[np.float64], order: Shape, flipped: tuple[bool, bool, bool]) -> Direction:
    columns = [(-1 if back else 1) * direction[:, 2 - axis] for axis, back in zip(order, flipped, strict=True)]
    rows = np.stack(columns[::-1], axis=1) + 0.0  # no negative zeros
    x, y, z = (_three(row) for row in rows.tolist())
    return (x, y, z)


def _three(values: Sequence[T]) -> tuple[T, T, T]:
    a, b, c = values
    return (a, b, c)
