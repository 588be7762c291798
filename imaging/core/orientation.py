"""One order of voxels for every image: along the patient's left, back and head (LPS), by exact flips and transpositions.

The storage order of a file decides where new grids begin, how ties between two voxels break, and in which sense directions of
texture are counted; so the same scan, stored in another order, has other features, in pyradiomics 3.0.1 as well. Turned
to one order before anything is computed, a scan has one set of values, whatever program wrote it.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from imaging.core.geometry import IDENTITY, Direction, Grid, TumorMask, Volume

Voxels = TypeVar("Voxels", bound=NDArray[Any])

#: A turned grid begins at a corner that is computed; its last digits are noise, which would differ from order to order.
_ORIGIN_DECIMALS = 6


def to_lps(volume: Volume) -> Volume:
    """Return a volume whose column, row and slice indices grow towards left, back and head, as nearly as its axes run.

    Voxels change their order only. A volume that is in order already is returned as it is, to the byte; oblique axes
    take the nearest order.

    Parameters
    ----------
    volume : Volume
        On a grid in any order.
    """
    array, grid = turned(volume.array, volume.grid, towards=IDENTITY)
    return volume if grid is volume.grid else Volume(array, grid)


def mask_like(mask: TumorMask, grid: Grid) -> TumorMask:
    """Return a mask in the order of voxels of another grid, where the voxels are the same."""
    array, own = turned(mask.array, mask.grid, towards=grid.direction)
    return mask if own is mask.grid else TumorMask(array, grid if own.matches(grid) else own)


def in_lps(grid: Grid) -> bool:
    """Return whether the voxels of a grid are in the one order in which features are computed."""
    order, signs = _nearest(grid, towards=IDENTITY)
    return order == (0, 1, 2) and signs == (1, 1, 1)


def turned(array: Voxels, grid: Grid, *, towards: Direction) -> tuple[Voxels, Grid]:
    """Flip and exchange axes so that they run along given directions as nearly as they can.

    Parameters
    ----------
    array : ndarray, shape (z, y, x)
        Voxels on the grid.
    grid : Grid
        Where they lie.
    towards : tuple of tuple of float
        As `Grid.direction`: the columns along which x, y and z shall grow.

    Returns
    -------
    array : ndarray, contiguous
        The same object where nothing is turned.
    grid : Grid
        The same object where nothing is turned.
    """
    order, signs = _nearest(grid, towards=towards)
    if order == (0, 1, 2) and signs == (1, 1, 1):
        return array, grid
    # `order` names, for each new axis x, y, z, the old one; arrays count z, y, x.
    axes = tuple(2 - order[2 - axis] for axis in range(3))
    backwards = tuple(axis for axis in range(3) if signs[2 - axis] < 0)
    found = np.ascontiguousarray(np.flip(array.transpose(axes), axis=backwards))
    return found, _turned_grid(grid, order, signs)  # type: ignore[return-value]


def _nearest(grid: Grid, *, towards: Direction) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return, for each wanted axis x, y, z, the old axis that runs along it most nearly, and in which sense."""
    cosines = np.asarray(towards).T @ np.asarray(grid.direction)
    _rows, order = linear_sum_assignment(-np.abs(cosines))
    signs = np.where(cosines[np.arange(3), order] < 0, -1, 1)
    return tuple(order.tolist()), tuple(signs.tolist())


def _turned_grid(grid: Grid, order: tuple[int, ...], signs: tuple[int, ...]) -> Grid:
    columns = np.asarray(grid.direction)[:, list(order)] * np.asarray(signs) + 0.0
    a, b, c = (tuple(line) for line in columns.tolist())
    shape, spacing = grid.shape_zyx[::-1], grid.spacing_zyx_mm[::-1]
    corner = [0, 0, 0]
    for axis, sign in zip(order, signs, strict=True):
        corner[axis] = shape[axis] - 1 if sign < 0 else 0
    x, y, z = (np.round(grid.position(corner[::-1]), _ORIGIN_DECIMALS) + 0.0).tolist()
    sizes, steps = [shape[axis] for axis in order], [spacing[axis] for axis in order]
    return Grid((sizes[2], sizes[1], sizes[0]), (steps[2], steps[1], steps[0]), (x, y, z), (a, b, c))
