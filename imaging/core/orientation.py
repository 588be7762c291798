"""One order of voxels for every volume: columns towards left, rows towards posterior, slices towards the head.

Files store one and the same scan in 48 orders: axes exchanged and run backwards. Resampling breaks ties by
the order of voxels, and tables of directions run along it, so that features would depend on who wrote the
file. Every volume is therefore turned into LPS order where it is read, by exchanging and reversing axes
only: no value changes, and no voxel moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from imaging.core.geometry import Direction, Grid, Triple, TumorMask, Volume

Part = TypeVar("Part", Volume, TumorMask)

#: What arithmetic of doubles leaves of the position of a far corner.
EXACT_MM = 1e-11
#: What a header of single precision (NIfTI) leaves of it.
SINGLE_PRECISION_MM = 4e-5

#: Decimals beyond which equal directions need not agree.
_DECIMALS = 9


@dataclass(frozen=True)
class _Turn:
    """Which old axis (x, y, z) each new one is, and whether it runs backwards (-1)."""

    order: tuple[int, ...]
    signs: tuple[int, ...]

    @property
    def changes(self) -> bool:
        return self.order != (0, 1, 2) or self.signs != (1, 1, 1)


def is_lps(grid: Grid) -> bool:
    """Return whether the voxels of a grid run in LPS order already, as nearly as its axes allow."""
    return not _turn_of(grid).changes


def to_lps(part: Part, *, precision_mm: float = EXACT_MM) -> Part:
    """Return a volume or mask in LPS order, by exchanging and reversing axes.

    Of an oblique grid the axes that lie nearest to left, posterior and head are taken, always as a
    right-handed system. What is in this order already comes back as it is.

    Parameters
    ----------
    part : Volume or TumorMask
        In any of the 48 orders.
    precision_mm : float
        How exactly its origin is known. The new origin, the position of another corner, is the shortest
        decimal number within it, so that all orders of one scan have one origin.

    Returns
    -------
    Volume or TumorMask
        The same voxels at the same positions.
    """
    array, grid = in_lps_order(part.array, part.grid, precision_mm=precision_mm)
    return part if grid is part.grid else type(part)(array, grid)


def in_lps_order(array: NDArray[Any], grid: Grid, *, precision_mm: float = EXACT_MM) -> tuple[NDArray[Any], Grid]:
    """Return voxels and their grid in LPS order, as `to_lps` does; both as they are where they are in it."""
    turn = _turn_of(grid)
    if not turn.changes:
        return array, grid
    return _turned_array(array, turn), _turned(grid, turn, precision_mm)


def _turn_of(grid: Grid) -> _Turn:
    """Return the turn after which the trace of the direction is largest; equal ones are told apart by the result."""
    matrix = np.asarray(grid.direction)

    def nearness(turn: _Turn) -> tuple[float, ...]:
        turned = matrix[:, turn.order] * turn.signs
        return (round(float(np.trace(turned)), _DECIMALS), *np.round(turned + 0.0, _DECIMALS).ravel().tolist())

    every = [_Turn(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
    return max((turn for turn in every if np.linalg.det(matrix[:, turn.order] * turn.signs) > 0), key=nearness)


def _turned(grid: Grid, turn: _Turn, precision_mm: float) -> Grid:
    shape_xyz, spacing_xyz = grid.shape_zyx[::-1], grid.spacing_zyx_mm[::-1]
    corner = [0, 0, 0]
    for axis, sign in zip(turn.order, turn.signs, strict=True):
        corner[axis] = shape_xyz[axis] - 1 if sign < 0 else 0
    sizes = [shape_xyz[axis] for axis in reversed(turn.order)]
    spacings = [spacing_xyz[axis] for axis in reversed(turn.order)]
    return Grid(
        shape_zyx=(sizes[0], sizes[1], sizes[2]),
        spacing_zyx_mm=(spacings[0], spacings[1], spacings[2]),
        origin_lps_mm=_origin(grid, corner, precision_mm),
        direction=_direction(np.asarray(grid.direction)[:, turn.order] * turn.signs + 0.0),
    )


def _turned_array(array: NDArray[Any], turn: _Turn) -> NDArray[Any]:
    """Exchange and reverse the axes of an array (z, y, x)."""
    turned = array.transpose([2 - axis for axis in reversed(turn.order)])
    backwards = tuple(2 - new for new, sign in enumerate(turn.signs) if sign < 0)
    return np.ascontiguousarray(np.flip(turned, axis=backwards))


def _origin(grid: Grid, corner_xyz: list[int], precision_mm: float) -> Triple:
    if not any(corner_xyz):
        return grid.origin_lps_mm
    position = grid.position(corner_xyz[::-1]).tolist()
    # A coordinate that the turn does not touch stays to the last bit.
    x, y, z = (
        old if new == old else _shortest(new, precision_mm)
        for new, old in zip(position, grid.origin_lps_mm, strict=True)
    )
    return (x, y, z)


def _shortest(value: float, precision_mm: float) -> float:
    """Return the shortest decimal number within a distance, as a single where the file knew no more."""
    decimals = next((n for n in range(13) if abs(round(value, n) - value) <= precision_mm), 13)
    found = round(value, decimals) + 0.0
    return float(np.float32(found)) if precision_mm == SINGLE_PRECISION_MM else found


def _direction(matrix: NDArray[np.float64]) -> Direction:
    x, y, z = ((float(a), float(b), float(c)) for a, b, c in matrix)
    return (x, y, z)
