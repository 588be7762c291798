"""Neighbourhood grey tone difference (Amadasun & King 1989; IBSI 3.10): five features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.engine.discretise import GreyLevels

NAMES = ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")

#: What coarseness is where no level differs from its surroundings.
_COARSEST = 1e6


def ngtdm_features(number: NDArray[np.int32], total: NDArray[np.int32], levels: GreyLevels) -> dict[str, float]:
    """Compute tone difference features.

    As pyradiomics, a voxel without neighbours counts with a difference of zero; IBSI leaves it out.

    Parameters
    ----------
    number, total : ndarray of int32, shape (n,)
        For each voxel, how many neighbours it has and the sum of their levels.
    levels : GreyLevels
        Levels of the same n voxels.
    """
    difference = np.abs(levels.level - total / np.maximum(number, 1))
    difference[number == 0] = 0.0
    s = np.bincount(levels.index, weights=difference, minlength=len(levels.present))
    n = len(levels.level)
    p, grey = levels.counts / n, levels.present
    m = len(grey)
    weighted, total_s = float((p * s).sum()), float(s.sum())
    distance = np.abs(grey[:, None] - grey[None, :])
    contrast = float((p[:, None] * p[None, :] * distance**2).sum()) * total_s / n
    spread = float(np.abs(grey[:, None] * p[:, None] - grey[None, :] * p[None, :]).sum())
    pair = p[:, None] + p[None, :]
    share = (p * s)[:, None] + (p * s)[None, :]
    return {
        "Busyness": weighted / spread if spread else 0.0,
        "Coarseness": 1 / weighted if weighted else _COARSEST,
        "Complexity": float((distance * share / pair).sum()) / n,
        "Contrast": contrast / (m * (m - 1)) if m > 1 else 0.0,
        "Strength": float((pair * distance**2).sum()) / total_s if total_s else 0.0,
    }
