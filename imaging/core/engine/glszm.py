"""Grey level size zones (Thibault 2009; IBSI 3.8): 16 features of 26-connected zones of one level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.engine.discretise import GreyLevels
from imaging.core.engine.emphasis import emphasis, named

_QUANTITIES = {
    "GrayLevelNonUniformity": "level_non_uniformity",
    "GrayLevelNonUniformityNormalized": "level_non_uniformity_normalised",
    "GrayLevelVariance": "level_variance",
    "HighGrayLevelZoneEmphasis": "high_level",
    "LargeAreaEmphasis": "large",
    "LargeAreaHighGrayLevelEmphasis": "large_high_level",
    "LargeAreaLowGrayLevelEmphasis": "large_low_level",
    "LowGrayLevelZoneEmphasis": "low_level",
    "SizeZoneNonUniformity": "size_non_uniformity",
    "SizeZoneNonUniformityNormalized": "size_non_uniformity_normalised",
    "SmallAreaEmphasis": "small",
    "SmallAreaHighGrayLevelEmphasis": "small_high_level",
    "SmallAreaLowGrayLevelEmphasis": "small_low_level",
    "ZoneEntropy": "entropy",
    "ZonePercentage": "percentage",
    "ZoneVariance": "size_variance",
}
NAMES = tuple(_QUANTITIES)


def glszm_features(zone_size: NDArray[np.int32], levels: GreyLevels) -> dict[str, float]:
    """Compute size zone features.

    Parameters
    ----------
    zone_size : ndarray of int32, shape (n,)
        At one voxel of each zone its size, elsewhere 0.
    levels : GreyLevels
        Levels of the same n voxels.
    """
    zones = zone_size > 0
    size = zone_size[zones]
    histogram = np.bincount(size)
    occurring = np.flatnonzero(histogram)
    column = np.zeros(len(histogram), dtype=np.intp)
    column[occurring] = np.arange(len(occurring))
    shape = (len(levels.present), len(occurring))
    cells = np.bincount(levels.index[zones] * shape[1] + column[size], minlength=shape[0] * shape[1])
    values = emphasis(cells.reshape(shape).astype(np.int32), levels.present, occurring.astype(np.float64))
    return named(values, _QUANTITIES)
