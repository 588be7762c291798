"""Ribs, sternum, shoulder blades and spine of the synthetic chest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.core.phantom.anatomy import HU_CORTEX, HU_MARROW, Axes, Build
from imaging.core.phantom.fields import Float, coverage, paint

_RIB_SPACING_MM = 25.0
_DISC_SPACING_MM = 26.0

#: An index into an image: integer arrays, or a box of slices.
Where = tuple[Any, ...]


def paint_bones(image: Float, near: dict[str, Float], build: Build, axes: Axes, *, texture: Float) -> None:
    """Paint all bones into an image of HU in place.

    Parameters
    ----------
    image : ndarray of float32
        HU, changed in place.
    near : dict of ndarray
        Surfaces on the image's grid.
    texture : ndarray of float32
        A smooth random field of unit variance, for the marrow.
    """
    _paint_ribs(image, near, build, axes)
    _paint_plates(image, near, build, axes)
    _paint_spine(image, build, axes, texture=texture)


def _bone(
    image: Float, where: Where, distance: NDArray[np.floating], *, cortex_mm: float, marrow: float | Float
) -> None:
    """Paint a shell of cortex around marrow at the voxels that an index selects."""
    part = image[where]
    paint(part, coverage(distance, width_mm=1.6), HU_CORTEX)
    paint(part, coverage(distance + cortex_mm, width_mm=1.6), marrow)
    image[where] = part


def _paint_ribs(image: Float, near: dict[str, Float], build: Build, axes: Axes) -> None:
    """Paint ribs as oblique bands in the chest wall: they fall from back to front."""
    z, y, x = axes
    where = np.nonzero((near["cage"] > 0.5) & (near["cage"] < 11))
    depth, height = near["cage"][where] - 5.5, z[where[0]]
    side, front = x[where[2]], np.arctan2(np.abs(x[where[2]]), y[where[1]])  # 0 at the back, pi at the front
    phase = height + 44 * front - 2.5 * front**2 + build.rib_phase_mm + 2.0 * np.sign(side)
    offset = np.mod(phase, _RIB_SPACING_MM) - _RIB_SPACING_MM / 2
    distance = (np.hypot(depth / 3.4, offset / 5.6) - 1) * 3.4
    cartilage = np.clip((front - 2.45) / 0.15, 0, 1)
    part = image[where]
    shown = np.clip((2.95 - front) / 0.05, 0, 1) * np.clip((front - 0.30) / 0.05, 0, 1)
    shell = HU_CORTEX + cartilage * (110 - HU_CORTEX)
    paint(part, coverage(distance, width_mm=1.6) * shown, shell)
    paint(part, coverage(distance + 1.7, width_mm=1.6) * shown, HU_MARROW + cartilage * (95 - HU_MARROW))
    image[where] = part


def _paint_plates(image: Float, near: dict[str, Float], build: Build, axes: Axes) -> None:
    """Paint the sternum and the shoulder blades, which are flat."""
    z, y, x = axes
    front = -build.half_depth_mm
    where = np.nonzero((near["cage"] > -3) & (near["cage"] < 34) & (near["body"] < -5))
    zz, yy, xx = z[where[0]], y[where[1]], x[where[2]]
    sternum = (np.hypot(xx / 17, (yy - (front + 0.45 * build.fat_mm + 8)) / 5.5) - 1) * 5.5
    _bone(image, where, sternum, cortex_mm=1.6, marrow=150.0)
    angle = np.arctan2(np.abs(xx), yy)
    centre, reach = 0.93, 0.26 + 0.0032 * np.clip(zz, -60, 60)
    along = np.abs(angle - centre) * 100 - 100 * np.maximum(reach, 0.0)
    across = np.abs(near["cage"][where] - 15.0 - 1.2 * np.cos(9 * (angle - centre))) - 2.4
    blade = np.maximum(along, across) + 3 * np.clip((-20 - zz) / 5, 0, 4)
    _bone(image, where, blade, cortex_mm=1.4, marrow=HU_MARROW)


def _paint_spine(image: Float, build: Build, axes: Axes, *, texture: Float) -> None:
    """Paint vertebral bodies with discs between them, the arch with its processes, and the canal."""
    z, y, x = axes
    back = build.half_depth_mm - 55
    rows, columns = np.flatnonzero(np.abs(y - back - 18) < 46), np.flatnonzero(np.abs(x) < 46)
    box = (slice(None), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    xx, yy = x[None, None, box[2]], y[None, box[1], None] - back
    level = np.mod(z[:, None, None] + build.disc_phase_mm, _DISC_SPACING_MM)
    in_disc = np.clip(3.5 - np.abs(level - _DISC_SPACING_MM / 2), 0, 1)
    body = (((np.abs(xx) / 18.5) ** 2.4 + (np.abs(yy) / 14.5) ** 2.4) ** (1 / 2.4) - 1) * 14.5
    body = np.maximum(body, -((np.hypot(xx, yy - 19)) - 9.5)) + 0 * level
    canal = np.hypot(xx / 1.15, yy - 21) - 7.5 + 0 * level
    arch = np.abs(np.hypot(xx / 1.15, yy - 21) - 11.5) - 3.0 + 3 * in_disc
    spinous = np.maximum(np.abs(xx) - 2.8, np.abs(yy - 36) - 9) + 0 * level
    slope = 0.35 * np.abs(xx)
    transverse = np.maximum(np.abs(np.abs(xx) - 26) - 12, np.abs(yy - 18 - slope) - 4.2) + 5 * in_disc
    marrow = (HU_MARROW + 28 * texture[box]).astype(np.float32)
    for part, cortex_mm in ((transverse, 1.5), (spinous, 1.2), (arch, 1.2)):
        _bone(image, box, part, cortex_mm=cortex_mm, marrow=marrow)
    _bone(image, box, body, cortex_mm=1.6, marrow=marrow + in_disc * (85 - marrow))
    inner = image[box]
    paint(inner, coverage(canal, width_mm=1.6), 22.0)
    paint(inner, coverage(canal + 3, width_mm=1.6), 42.0)
