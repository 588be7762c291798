"""Padding: what a scanner or converter writes where nothing was scanned. It is no tissue and no air.

Padding is known from a stored volume alone: it is a constant below `LOWEST_AIR_HU`. Padding that a header states
and that would lie among tissue is written as `PADDING_HU` when a file is read; every other voxel keeps its value.
A constant between `LOWEST_AIR_HU` and `HIGHEST_AIR_HU` cannot be told from air that was cut off there, and is air.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy import ndimage

from imaging.core.dataset import number

#: What stated padding among tissue becomes.
PADDING_HU = -2048

#: Air lies at -1000 HU, and 12-bit scales end at -1024; a constant below is padding.
LOWEST_AIR_HU = -1024.0
#: Stated padding at or below this is as good as air, and is left alone.
HIGHEST_AIR_HU = -900.0

#: A constant counts as padding when it is more frequent than all values this near to it (HU) together.
_NOISE_HU = 16
#: Fewer voxels of one value are noise.
_FEWEST_VOXELS = 9
_SMALLEST_SHARE = 1e-3

Mask = NDArray[np.bool_]


def padding_mask(array: NDArray[Any]) -> Mask:
    """Return where an array holds padding: constants below `LOWEST_AIR_HU`.

    Parameters
    ----------
    array : ndarray
        HU, of any shape.

    Returns
    -------
    ndarray of bool
        Of the same shape. Noise of air that reaches below `LOWEST_AIR_HU` is no padding.
    """
    low = array < LOWEST_AIR_HU
    below = array[low]
    values, counts = np.unique(below, return_counts=True)
    constants = [
        value
        for value, count in zip(values, counts, strict=True)
        if count >= _FEWEST_VOXELS and 2 * count > counts[np.abs(values - value) <= _NOISE_HU].sum()
    ]
    if not constants:
        return np.zeros(array.shape, dtype=bool)
    return np.asarray(low & np.isin(array, constants))


def without_padding(image: NDArray[Any], padding: Mask) -> NDArray[Any]:
    """Return an image in which each voxel of padding holds the value of the nearest voxel that is none.

    Parameters
    ----------
    image : ndarray
        HU.
    padding : ndarray of bool
        Of the same shape. An image of nothing but padding is returned as it is.
    """
    if not padding.any() or padding.all():
        return image
    nearest = ndimage.distance_transform_edt(padding, return_distances=False, return_indices=True)
    return np.asarray(image[tuple(nearest)])


def stated_padding(dataset: Dataset, stored: NDArray[Any], *, slope: float, intercept: float) -> Mask | None:
    """Return where a plane holds padding that its header states and that would pass as tissue.

    Parameters
    ----------
    dataset : Dataset
        PixelPaddingValue and PixelPaddingRangeLimit, as stored values.
    stored : ndarray, shape (rows, columns)
        Stored values.
    slope, intercept : float
        Of the rescale.

    Returns
    -------
    ndarray of bool or None
        Only regions that reach the border of the plane, since a voxel of tissue may hold the same value.
        None where no padding is stated or all of it lies where air or a constant below air does.
    """
    value, limit = number(dataset, "PixelPaddingValue"), number(dataset, "PixelPaddingRangeLimit")
    if value is None:
        return None
    low, high = sorted(_as_stored((value, value if limit is None else limit), stored.dtype))
    ends = sorted((low * slope + intercept, high * slope + intercept))
    if ends[1] <= HIGHEST_AIR_HU and (low == high or ends[0] >= LOWEST_AIR_HU):
        return None
    inside = (stored >= low) & (stored <= high)
    if low != high:
        hu = stored * slope + intercept
        inside &= (hu < LOWEST_AIR_HU) | (hu > HIGHEST_AIR_HU)
    return _from_border(np.asarray(inside))


def _as_stored(values: Iterable[float], dtype: np.dtype[Any]) -> list[float]:
    """Read values written with the other sign (63536 for -2000) as the pixels have them."""
    if dtype.kind not in "iu":
        return list(values)
    limits, span = np.iinfo(dtype), 2.0 ** (8 * dtype.itemsize)
    return [v - span if v > limits.max else v + span if v < limits.min else v for v in values]


def _from_border(inside: Mask) -> Mask:
    regions, count = ndimage.label(inside)
    if not count:
        return inside
    sizes = np.bincount(regions.ravel(), minlength=count + 1)
    edge = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    least = max(_FEWEST_VOXELS, _SMALLEST_SHARE * inside.size)
    kept = [region for region in np.unique(edge) if region and sizes[region] >= least]
    return np.asarray(np.isin(regions, kept))
