"""Padding near a tumour: counted, or filled before anything is interpolated across its border."""

from __future__ import annotations

import math

import numpy as np

from imaging.core.geometry import Slices, TumorMask, Volume, bounding_box
from imaging.core.padding import padding_mask, without_padding

#: Voxels beyond the surroundings of a tumour that a cubic B-spline takes into account before they fade.
_SUPPORT_VOXELS = 4
#: Voxels beyond them that take part in its prefilter to the last bit.
_PREFILTER_VOXELS = 45


def padding_voxels(volume: Volume, mask: TumorMask, *, spacing_mm: float | None, pad_voxels: int) -> int:
    """Return how many voxels of padding resampling and filters reach around a tumour.

    Parameters
    ----------
    volume : Volume
        CT in HU.
    mask : TumorMask
        Tumour, on the same grid.
    spacing_mm : float or None
        To which the surroundings are resampled; None: they are not.
    pad_voxels : int
        How far they reach beyond the tumour, in voxels of that spacing.
    """
    box = _box(volume, mask, spacing_mm, pad_voxels, beyond=_SUPPORT_VOXELS)
    return int(np.count_nonzero(padding_mask(volume.array[box])))


def filled(volume: Volume, mask: TumorMask, *, spacing_mm: float | None, pad_voxels: int) -> Volume:
    """Return a volume in which padding around a tumour holds the value of the nearest voxel that was scanned.

    A volume without padding there is returned as it is. What lies farther away takes no part in any result.
    Parameters as for `padding_voxels`.
    """
    box = _box(volume, mask, spacing_mm, pad_voxels, beyond=_PREFILTER_VOXELS)
    padding = padding_mask(volume.array[box])
    if not padding.any():
        return volume
    array = volume.array.copy()
    array[box] = without_padding(volume.array[box], padding)
    return Volume(array, volume.grid)


def _box(volume: Volume, mask: TumorMask, spacing_mm: float | None, pad_voxels: int, *, beyond: int) -> Slices:
    """Return the surroundings of a tumour, wider by some voxels."""
    margin = [math.ceil(pad_voxels * (spacing_mm or own) / own) + beyond for own in volume.grid.spacing_zyx_mm]
    return bounding_box(mask.array, margin=margin)
