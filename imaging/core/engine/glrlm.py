"""Grey level run length (Galloway 1975; IBSI 3.7): 16 features of each direction, then their mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.engine.discretise import GreyLevels
from imaging.core.engine.emphasis import emphasis, named

_QUANTITIES = {
    "GrayLevelNonUniformity": "level_non_uniformity",
    "GrayLevelNonUniformityNormalized": "level_non_uniformity_normalised",
    "GrayLevelVariance": "level_variance",
    "HighGrayLevelRunEmphasis": "high_level",
    "LongRunEmphasis": "large",
    "LongRunHighGrayLevelEmphasis": "large_high_level",
    "LongRunLowGrayLevelEmphasis": "large_low_level",
    "LowGrayLevelRunEmphasis": "low_level",
    "RunEntropy": "entropy",
    "RunLengthNonUniformity": "size_non_uniformity",
    "RunLengthNonUniformityNormalized": "size_non_uniformity_normalised",
    "RunPercentage": "percentage",
    "RunVariance": "size_variance",
    "ShortRunEmphasis": "small",
    "ShortRunHighGrayLevelEmphasis": "small_high_level",
    "ShortRunLowGrayLevelEmphasis": "small_low_level",
}
NAMES = tuple(_QUANTITIES)


def glrlm_features(runs: NDArray[np.int32], levels: GreyLevels, *, merge: bool = False) -> dict[str, float]:
    """Compute run length features.

    Parameters
    ----------
    runs : ndarray of int32, shape (d, m, s)
        Runs of length j + 1 in each direction, over the m levels that occur.
    levels : GreyLevels
        Which levels those are.
    merge : bool
        Add up the directions first (IBSI "3D merged") instead of averaging their features.
    """
    lengths = np.arange(1, runs.shape[2] + 1, dtype=np.float64)
    counts = runs.sum(axis=0, keepdims=True, dtype=np.int32) if merge else runs
    values = np.array([emphasis(one, levels.present, lengths) for one in counts])
    return named(values.mean(axis=0), _QUANTITIES)
