"""Padding near a tumour: counted, or filled before anything is interpolated across its border."""

from __future__ import annotations

import math

import numpy as np

from imaging.core.geometry import Slices, TumorMask, Volume, bounding_box
from imaging.core.padding import padding_mask, without_padding
from imaging.core.spec import RadiomicsSpec

#: Voxels beyond the surroundings of a tumour that a cubic B-spline takes into account before they fade.
_SUPPORT_VOXELS = 4
#: Voxels beyond them that take part in its prefilter to the last bit.
_PREFILTER_VOXELS = 45


def padding_voxels(volume: Volume, mask: TumorMask, settings: RadiomicsSpec) -> int:
    """Return how many voxels of padding resampling and filters reach around a tumour.

    Parameters
    ----------
    volume : Volume
        CT in HU.
    mask : TumorMask
        Tumour, on the same grid.
    settings : RadiomicsSpec
        Its spacing and padding distance bound the surroundings.
    """
    return int(np.count_nonzero(padding_mask(volume.array[_box(volume, mask, settings, beyond=_SUPPORT_VOXELS)])))


def filled(volume: Volume, mask: TumorMask, settings: RadiomicsSpec) -> Volume:
    """Return a volume in which padding around a tumour holds the value of the nearest voxel that was scanned.

    A volume without padding there is returned as it is. What lies farther away takes no part in any feature.
    """
    box = _box(volume, mask, settings, beyond=_PREFILTER_VOXELS)
    padding = padding_mask(volume.array[box])
    if not padding.any():
        return volume
    array = volume.array.copy()
    array[box] = without_padding(volume.array[box], padding)
    return Volume(array, volume.grid)


def _box(volume: Volume, mask: TumorMask, settings: RadiomicsSpec, *, beyond: int) -> Slices:
    """Return the surroundings of a tumour, wider by some voxels."""
    steps = [settings.resampled_spacing_mm or own for own in volume.grid.spacing_zyx_mm]
    margin = [
        math.ceil(settings.pad_distance_voxels * step / own) + beyond
        for step, own in zip(steps, volume.grid.spacing_zyx_mm, strict=True)
    ]
    return bounding_box(mask.array, margin=margin)
