"""Slices between drawn ones, by the shapes of those above and below.

Each drawn outline becomes its signed distance (below zero inside), the distance of a slice between two drawn
ones is their mean weighted by place, and what lies below zero is inside: shape-based interpolation of Raya and
Udupa (IEEE Trans Med Imaging 9:32, 1990). Both shapes are laid over each other at their centroids first, so
that a tumour that runs obliquely stays whole; the centroid moves along a straight line.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.errors import EmptyMask, MaskRefused
from imaging.core.geometry import TumorMask

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def fill_between(mask: TumorMask) -> tuple[TumorMask, tuple[int, ...]]:
    """Fill every empty slice that lies between two drawn ones.

    Parameters
    ----------
    mask : TumorMask
        With at least two drawn slices and an empty one between them.

    Returns
    -------
    mask : TumorMask
        Drawn slices are unchanged.
    filled : tuple of int
        The slices that were filled.

    Raises
    ------
    EmptyMask
        If nothing is drawn.
    MaskRefused
        If no empty slice lies between two drawn ones.
    """
    drawn = np.flatnonzero(mask.array.any(axis=(1, 2)))
    if not drawn.size:
        raise EmptyMask("Nothing is drawn yet: outline the tumour on at least two slices first.")
    gaps = [(int(low), int(high)) for low, high in pairwise(drawn) if high - low > 1]
    if not gaps:
        raise MaskRefused("There is no empty slice between two drawn ones.")
    array = mask.array.copy()
    for low, high in gaps:
        for number in range(low + 1, high):
            share = (number - low) / (high - low)
            array[number] = between(array[low], array[high], share, mask.grid.spacing_zyx_mm[1:])
    filled = tuple(number for low, high in gaps for number in range(low + 1, high))
    return TumorMask(array, mask.grid), filled


def between(first: Bools, second: Bools, share: float, spacing_yx_mm: tuple[float, ...]) -> Bools:
    """Give the shape at a share of the way from one drawn slice to another."""
    start, end = (np.array(ndimage.center_of_mass(shape)) for shape in (first, second))
    centre = (1 - share) * start + share * end
    one = ndimage.shift(_signed_mm(first, spacing_yx_mm), centre - start, order=1, mode="nearest")
    other = ndimage.shift(_signed_mm(second, spacing_yx_mm), centre - end, order=1, mode="nearest")
    return np.asarray((1 - share) * one + share * other < 0)


def _signed_mm(shape: Bools, spacing_yx_mm: tuple[float, ...]) -> Floats:
    """Give the distance in mm to the border between voxels, below zero inside."""
    inside = ndimage.distance_transform_edt(shape, sampling=spacing_yx_mm)
    outside = ndimage.distance_transform_edt(~shape, sampling=spacing_yx_mm)
    half = min(spacing_yx_mm) / 2
    return np.asarray(np.where(shape, half - inside, outside - half))
