"""What lies around a lung: chest wall and diaphragm on one side, mediastinum on the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]


def surroundings(lung: Mask, *, lateral_first: bool) -> tuple[Mask, Mask]:
    """Tell the chest wall around one lung from its mediastinum.

    Parameters
    ----------
    lung : ndarray of bool, shape (z, y, x)
        One lung, closed, on an upright grid.
    lateral_first : bool
        True for the right lung, whose chest wall lies towards column 0.

    Returns
    -------
    wall, mediastinum : ndarray of bool, shape (z, y, x)
        Mediastinum is what has lung to its side and none towards the middle in its row. Wall is the rest of what lies
        outside and from which some straight way along the axes, but the one to the middle, meets no lung: chest wall,
        cupula and diaphragm. What is in neither (fissures, hilar vessels) is enclosed by the lung.
    """
    rows = lung if lateral_first else lung[:, :, ::-1]
    lateral, medial = _before(rows, 2), _before(rows[:, :, ::-1], 2)[:, :, ::-1]
    mediastinum = ~rows & lateral & ~medial
    free = ~lateral
    for axis in (0, 1):
        free |= ~_before(rows, axis) | ~np.flip(_before(np.flip(rows, axis), axis), axis)
    wall = ~rows & ~mediastinum & free
    return (wall, mediastinum) if lateral_first else (wall[:, :, ::-1], mediastinum[:, :, ::-1])


def _before(mask: Mask, axis: int) -> Mask:
    """Tell where some voxel up to and with this one, along an axis, is True."""
    return np.asarray(np.logical_or.accumulate(mask, axis=axis))


def facing(around: Mask, lung: Mask) -> Mask:
    """Give the voxels of the surroundings that touch the lung by a face."""
    return np.asarray(around & ndimage.binary_dilation(lung))


def distance_mm(inside: Mask, outside: Mask, *, spacing_zyx_mm: Spacing) -> float:
    """Give the distance between the surfaces of two regions without a common voxel; 0 where they share a face.

    Parameters
    ----------
    inside, outside : ndarray of bool, shape (z, y, x)
        Both not empty.
    spacing_zyx_mm : tuple of float
        Their spacing.

    Notes
    -----
    That of the nearest two voxel centres, less half a voxel at either end; the error is about half a voxel.
    """
    tree = cKDTree(np.argwhere(outside) * spacing_zyx_mm)
    points = np.argwhere(inside) * spacing_zyx_mm
    gaps, nearest = tree.query(points)
    best = int(np.argmin(gaps))
    return _less_voxels(tree.data[nearest[best]] - points[best], spacing_zyx_mm, voxels=1.0)


def distance_from_point_mm(index: NDArray[np.float64], outside: Mask, *, spacing_zyx_mm: Spacing) -> float:
    """Give the distance of a point, a fractional index (z, y, x), from the surface of a region; 0 within it."""
    tree = cKDTree(np.argwhere(outside) * spacing_zyx_mm)
    point = index * spacing_zyx_mm
    return _less_voxels(tree.data[tree.query(point)[1]] - point, spacing_zyx_mm, voxels=0.5)


def _less_voxels(way_mm: NDArray[np.float64], spacing_zyx_mm: Spacing, *, voxels: float) -> float:
    """Give the length of a way less some voxels, taken as ellipsoids whose axes are the spacing."""
    length = float(np.linalg.norm(way_mm))
    in_voxels = float(np.linalg.norm(way_mm / spacing_zyx_mm))
    return length * max(0.0, 1 - voxels / in_voxels) if in_voxels else 0.0


def way_out_mm(
    start: NDArray[np.float64], through: NDArray[np.float64], wall: Mask, *, spacing_zyx_mm: Spacing
) -> float | None:
    """Give how far it is from one point, through another, to the wall in a straight line.

    Parameters
    ----------
    start, through : ndarray of float, shape (3,)
        Different fractional indices (z, y, x). The wall is looked for beyond the second.
    wall : ndarray of bool, shape (z, y, x)
        What ends the way; lung, vessels and mediastinum do not.
    spacing_zyx_mm : tuple of float
        Spacing of the wall.

    Returns
    -------
    float or None
        Millimetres from ``start`` to the wall's surface, in steps of a tenth of the smallest spacing; None if the way
        leaves the scan before.
    """
    way = (through - start) * spacing_zyx_mm
    length = float(np.linalg.norm(way))
    reach = length + float(np.linalg.norm(np.multiply(wall.shape, spacing_zyx_mm)))
    along = np.arange(length, reach, 0.1 * min(spacing_zyx_mm))
    voxels = np.rint(start[:, None] + np.divide(way / length, spacing_zyx_mm)[:, None] * along).astype(np.intp)
    inside = ((voxels >= 0) & (voxels < np.array(wall.shape)[:, None])).all(axis=0)
    along, voxels = along[inside], voxels[:, inside]  # the scan is convex: what is left is one stretch
    hits = np.flatnonzero(wall[tuple(voxels)])
    return float(along[hits[0]]) if hits.size else None
