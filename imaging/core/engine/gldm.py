"""Grey level dependence (Sun & Wee 1983; IBSI 3.11): 14 features of how many neighbours share a level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.engine.discretise import GreyLevels
from imaging.core.engine.emphasis import emphasis, named

_QUANTITIES = {
    "DependenceEntropy": "entropy",
    "DependenceNonUniformity": "size_non_uniformity",
    "DependenceNonUniformityNormalized": "size_non_uniformity_normalised",
    "DependenceVariance": "size_variance",
    "GrayLevelNonUniformity": "level_non_uniformity",
    "GrayLevelVariance": "level_variance",
    "HighGrayLevelEmphasis": "high_level",
    "LargeDependenceEmphasis": "large",
    "LargeDependenceHighGrayLevelEmphasis": "large_high_level",
    "LargeDependenceLowGrayLevelEmphasis": "large_low_level",
    "LowGrayLevelEmphasis": "low_level",
    "SmallDependenceEmphasis": "small",
    "SmallDependenceHighGrayLevelEmphasis": "small_high_level",
    "SmallDependenceLowGrayLevelEmphasis": "small_low_level",
}
NAMES = tuple(_QUANTITIES)

#: A voxel counts itself and up to 26 neighbours.
_SIZES = np.arange(1, 28, dtype=np.float64)


def gldm_features(equal: NDArray[np.int32], levels: GreyLevels) -> dict[str, float]:
    """Compute dependence features.

    Parameters
    ----------
    equal : ndarray of int32, shape (n,)
        For each voxel, how many of its neighbours have its level.
    levels : GreyLevels
        Levels of the same n voxels.
    """
    shape = (len(levels.present), len(_SIZES))
    cells = np.bincount(levels.index * shape[1] + equal, minlength=shape[0] * shape[1])
    return named(emphasis(cells.reshape(shape).astype(np.int32), levels.present, _SIZES), _QUANTITIES)
