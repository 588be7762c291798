"""Closing gaps of a lung and parting two lungs that touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.geometry import bounding_box

Mask = NDArray[np.bool_]


def closed(mask: Mask, *, radius_mm: float, spacing_zyx_mm: tuple[float, float, float]) -> Mask:
    """Close a mask with a ball and fill the holes that are left.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        Not empty.
    radius_mm : float
        Radius of the ball.
    spacing_zyx_mm : tuple of float
        Spacing of the mask.
    """
    margin = [int(np.ceil(radius_mm / step)) + 1 for step in spacing_zyx_mm]
    box = bounding_box(mask, margin=(0, *margin[1:]))
    part = np.pad(mask[box], [(n, n) for n in margin], mode="constant")
    grown = ndimage.distance_transform_edt(~part, sampling=spacing_zyx_mm) <= radius_mm
    shrunk = ndimage.distance_transform_edt(grown, sampling=spacing_zyx_mm) > radius_mm
    inner = tuple(slice(n, -n) for n in margin)
    full = mask.copy()
    full[box] |= _filled(shrunk | part)[inner]
    return full


def _filled(mask: Mask) -> Mask:
    """Fill what is enclosed on all sides; what reaches the edge of the array is not."""
    parts, count = ndimage.label(~mask)
    outside = np.zeros(count + 1, dtype=bool)
    for axis in range(3):
        for edge in (0, -1):
            outside[np.unique(parts.take(edge, axis=axis))] = True
    outside[0] = False
    return np.asarray(~outside[parts])


def split(mask: Mask, *, middle: float, deepest: int = 6) -> tuple[Mask, Mask]:
    """Part two lungs that touch into right and left.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        Both lungs, x towards the patient's left.
    middle : float
        Column of the carina.
    deepest : int
        The mask is eroded at most so many times.

    Returns
    -------
    tuple of ndarray of bool
        Right and left lung.

    Notes
    -----
    The mask is eroded until its largest parts right and left of the carina are separate, each at least a tenth of
    what is left; every voxel goes to the nearer of the two. Lungs that no erosion parts are cut at the carina.
    """
    box = bounding_box(mask)
    whole = mask[box]
    middle -= box[2].start
    core = np.pad(whole, 1, mode="edge")
    for _ in range(deepest):
        core = ndimage.binary_erosion(core, border_value=1)
        seeds = _seeds(core[1:-1, 1:-1, 1:-1], middle=middle)
        if seeds is not None:
            nearest = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
            side = seeds[tuple(nearest)]
            break
    else:
        side = np.broadcast_to(np.where(np.arange(whole.shape[2]) < middle, 1, 2), whole.shape)
    right, left = np.zeros_like(mask), np.zeros_like(mask)
    right[box], left[box] = whole & (side == 1), whole & (side == 2)
    return right, left


def _seeds(core: Mask, *, middle: float) -> NDArray[np.uint8] | None:
    """Give 1 for the largest part right of the middle and 2 for the one left of it; None unless both are large."""
    parts, count = ndimage.label(core)
    size = np.bincount(parts.ravel(), minlength=count + 1)
    large = [n for n in range(1, count + 1) if size[n] >= 0.1 * size[1:].sum()]
    columns = {n: float(ndimage.center_of_mass(parts == n)[2]) for n in large}
    right = [n for n in large if columns[n] < middle]
    left = [n for n in large if columns[n] >= middle]
    if not right or not left:
        return None
    seeds = np.zeros(core.shape, dtype=np.uint8)
    for value, side in ((1, right), (2, left)):
        seeds[parts == max(side, key=lambda n: int(size[n]))] = value
    return seeds
