"""Stored values as HU: decoding, each slice's own rescale, and padding that the header states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.core.decoding import decoded
from imaging.core.errors import NotCT, SeriesRefused, UnreadableFile
from imaging.core.geometry import compact_hu
from imaging.core.padding import PADDING_HU, stated_padding
from imaging.core.planes import Slice

#: More voxels than any CT has (4,096 slices of 512 x 512); protects the memory from forged headers.
MAXIMUM_VOXELS = 2**30

#: No plane of a CT is larger (4,096 x 4,096). Decoders of compressed images take the memory that a header claims, and
#: end the process where there is none.
MAXIMUM_PIXELS = 2**24

#: No CT number is larger; beyond it the rescale is damaged.
_MAXIMUM_HU = 1e6

Pixels = NDArray[np.int16] | NDArray[np.float32]


def hounsfield(dataset: Dataset, slices: Sequence[Slice], *, what: str) -> list[Pixels]:
    """Decode a data set and give the HU of each of its planes.

    Parameters
    ----------
    dataset : Dataset
        With pixels, in any transfer syntax for which a decoder is installed.
    slices : sequence of Slice
        Its planes, in the order of its frames.
    what : str
        How an error names it.

    Returns
    -------
    list of ndarray of int16 or float32, shape (rows, columns)

    Raises
    ------
    UnreadableFile
        If it holds another number of planes than it describes.
    NotCT, SeriesRefused
        If its rescale gives no HU, or it claims more voxels than a CT can have.
    """
    rows, columns = slices[0].shape
    if rows * columns > MAXIMUM_PIXELS or rows * columns * len(slices) > MAXIMUM_VOXELS:
        raise SeriesRefused(f"{what} claims {rows} x {columns} x {len(slices)} voxels, more than a CT can have.")
    stored = decoded(dataset)
    if stored.size != rows * columns * len(slices):
        held = stored.size / (rows * columns)
        raise UnreadableFile(f"{what} describes {len(slices)} planes but holds {held:g}.")
    planes = stored.reshape(-1, rows, columns)
    return [_rescaled(image, plane, dataset) for image, plane in zip(planes, slices, strict=True)]


def stack(pixels: Sequence[Pixels]) -> Pixels:
    """Give planes as one array (z, y, x): int16 if all are, else float32."""
    if all(image.dtype == np.int16 for image in pixels):
        return np.stack(pixels).astype(np.int16, copy=False)
    return np.stack([image.astype(np.float32) for image in pixels])


def _rescaled(image: NDArray[np.generic], plane: Slice, dataset: Dataset) -> Pixels:
    """Apply a slice's own rescale; whole-number rescales, nearly all, need no detour over fractions."""
    slope = 1.0 if plane.slope is None else plane.slope
    intercept = plane.intercept or 0.0
    padding = stated_padding(dataset, image, slope=slope, intercept=intercept)
    if slope == 1 and intercept.is_integer() and image.dtype.kind in "iu" and image.dtype.itemsize <= 2:
        limits = np.iinfo(np.int16)
        if abs(intercept) <= limits.max:
            whole = _padded(image.astype(np.int32) + int(intercept), padding)
            if limits.min < whole.min() and whole.max() <= limits.max:
                return whole.astype(np.int16)
    values = _padded(image.astype(np.float64) * slope + intercept, padding)
    if slope == 0 or not np.abs(values).max() <= _MAXIMUM_HU:
        raise NotCT(f"The rescale (slope {slope:g}, intercept {intercept:g}) does not give HU.")
    return compact_hu(values)


def _padded(hu: NDArray[Any], padding: NDArray[np.bool_] | None) -> NDArray[Any]:
    if padding is not None:
        hu[padding] = PADDING_HU
    return hu
