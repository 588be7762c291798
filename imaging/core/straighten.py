"""Slices of a tilted gantry, shifted within their planes until they stand upright on each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.hounsfield import Pixels
from imaging.core.padding import padding_mask, without_padding
from imaging.core.slices import slice_distance_mm

#: What stands where a straightened series shows nothing.
OUTSIDE_HU = -1024

#: Shifts below this part of a pixel are rounding of positions.
_NO_SHIFT = 1e-4


def straighten(volume: Volume) -> tuple[Volume, str]:
    """Shift the slices of a leaning stack within their planes, so that they stand upright on each other.

    Nothing is interpolated between slices: they stay in the planes that were scanned. Within a slice,
    values between pixels come from a cubic B-spline, cut to the slice's own range; whole numbers stay
    whole. Padding takes no part: voxels next to it see the nearest voxel that is none. The frame grows by
    as much as the stack leans, and holds `OUTSIDE_HU` where no slice reaches.

    Returns
    -------
    Volume
        On a right-angled grid.
    str
        What was done, with numbers.
    """
    upright, places = _upright(volume.grid)
    array = np.full(upright.shape_zyx, OUTSIDE_HU, dtype=volume.array.dtype)
    padding = padding_mask(volume.array)
    for index, (image, place) in enumerate(zip(volume.array, places, strict=True)):
        shifted = _shifted(without_padding(image, padding[index]), place - np.rint(place))
        # The nearest voxel of a shift by half a pixel at most is the voxel itself: padding stays where it is.
        array[index][_window(place, image.shape)] = np.where(padding[index], image, shifted)
    shift_mm = _drift_mm(volume.grid)
    degrees = np.degrees(np.arctan2(shift_mm, slice_distance_mm(volume.grid) * (len(places) - 1)))
    size = "x".join(map(str, upright.shape_zyx))
    return Volume(array, upright), (
        f"A gantry tilt of {degrees:.1f} degrees was straightened: each of {len(places)} slices was shifted within its "
        f"plane, by up to {shift_mm:.4g} mm, onto {size} voxels; where no slice reaches, the volume holds {OUTSIDE_HU} HU."
    )


def straighten_mask(mask: TumorMask) -> TumorMask:
    """Shift a mask on a leaning stack as `straighten` shifts its volume, by whole pixels.

    Each voxel goes to the nearest of the straightened volume, at most half a pixel away; none is lost.
    """
    upright, places = _upright(mask.grid)
    array = np.zeros(upright.shape_zyx, dtype=bool)
    for index, (image, place) in enumerate(zip(mask.array, places, strict=True)):
        array[index][_window(place, image.shape)] = image
    return TumorMask(array, upright)


def _upright(leaning: Grid) -> tuple[Grid, NDArray[np.float64]]:
    """Give the upright grid for a leaning stack, and where in its frame each slice begins (row, column)."""
    row, column, _ = np.asarray(leaning.direction).T
    axes = np.column_stack([row, column, np.cross(row, column)]) + 0.0
    lines = [(float(a), float(b), float(c)) for a, b, c in axes]
    spacing = (slice_distance_mm(leaning), *leaning.spacing_zyx_mm[1:])
    tower = replace(leaning, direction=(lines[0], lines[1], lines[2]), spacing_zyx_mm=spacing)
    starts = np.array([leaning.position((z, 0, 0)) for z in range(leaning.shape_zyx[0])])
    places = tower.index(starts)[:, 1:]
    whole = np.rint(places)
    low, room = whole.min(axis=0), np.ptp(whole, axis=0).astype(int)
    x, y, z = tower.position((0, *low)).tolist()
    slices, rows, columns = leaning.shape_zyx
    shape = (slices, rows + int(room[0]), columns + int(room[1]))
    return replace(tower, shape_zyx=shape, origin_lps_mm=(x, y, z)), places - low


def _window(place: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[slice, slice]:
    row, column = np.rint(place).astype(int).tolist()
    return slice(row, row + shape[0]), slice(column, column + shape[1])


def _shifted(image: Pixels, by: NDArray[np.float64]) -> Pixels:
    """Give an image as it would be if its pixel centres lay off by a part of a pixel (row, column)."""
    if np.abs(by).max() < _NO_SHIFT:
        return image
    moved: NDArray[np.float64] = ndimage.shift(image.astype(np.float64), by, order=3, mode="nearest")
    moved = np.clip(moved, image.min(), image.max())
    return np.rint(moved).astype(np.int16) if image.dtype == np.int16 else moved.astype(np.float32)


def _drift_mm(leaning: Grid) -> float:
    """Give how far the last slice of a leaning stack lies sideways of the first, in mm."""
    whole = leaning.spacing_zyx_mm[0] * (leaning.shape_zyx[0] - 1)
    upright = slice_distance_mm(leaning) * (leaning.shape_zyx[0] - 1)
    return float(np.sqrt(max(whole**2 - upright**2, 0.0)))
