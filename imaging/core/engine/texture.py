"""All texture families of a region from one discretisation and one sweep over its voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imaging.core.engine import glcm, gldm, glrlm, glszm, ngtdm
from imaging.core.engine.discretise import GreyLevels
from imaging.core.engine.matrices import count_pairs, neighbourhoods
from imaging.core.engine.region import Offset, PaddedRegion

#: Features of each family, in pyradiomics' names.
FAMILIES = {
    "glcm": glcm.NAMES,
    "gldm": gldm.NAMES,
    "glrlm": glrlm.NAMES,
    "glszm": glszm.NAMES,
    "ngtdm": ngtdm.NAMES,
}


def texture_features(
    levels: GreyLevels, region: PaddedRegion, *, families: Sequence[str] = tuple(FAMILIES), merge: bool = False
) -> dict[str, float]:
    """Compute texture features of a region.

    Parameters
    ----------
    levels : GreyLevels
        Grey levels of the region's voxels, in the order of ``region.positions``.
    region : PaddedRegion
        Where the voxels lie; neighbours are at distance 1 in the infinity norm.
    families : sequence of str
        Keys of `FAMILIES`.
    merge : bool
        For co-occurrence and runs, add up the directions (IBSI "3D merged") instead of averaging their
        features ("3D averaged", as pyradiomics does).

    Returns
    -------
    dict of str to float
        Names as ``glcm_Contrast``; NaN where a feature is undefined.
    """
    directions = region.directions
    strides = region.strides(directions)
    found: dict[str, float] = {}
    if {"glcm", "glrlm", "glszm"} & set(families):
        padded = region.scatter(levels.index + 1)
        longest = max(region.inside.shape)
        pairs, runs, zone_size = count_pairs(padded, region.positions, strides, len(levels.present), longest)
        if "glcm" in families:
            found |= _prefixed("glcm", glcm.glcm_features(pairs, levels, merge=merge))
        if "glrlm" in families:
            usable = _with_a_line(region, directions, pairs)
            found |= _prefixed("glrlm", glrlm.glrlm_features(runs[usable], levels, merge=merge))
        if "glszm" in families:
            found |= _prefixed("glszm", glszm.glszm_features(zone_size, levels))
    if {"gldm", "ngtdm"} & set(families):
        number, total, equal = (a[region.positions] for a in neighbourhoods(region.scatter(levels.level), strides))
        if "gldm" in families:
            found |= _prefixed("gldm", gldm.gldm_features(equal, levels))
        if "ngtdm" in families:
            found |= _prefixed("ngtdm", ngtdm.ngtdm_features(number, total, levels))
    return found


def _prefixed(family: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{family}_{name}": value for name, value in values.items()}


def _with_a_line(region: PaddedRegion, directions: tuple[Offset, ...], pairs: NDArray[np.int32]) -> NDArray[np.intp]:
    """Give the directions in which some line meets two voxels or more; others hold no run worth the name."""
    adjacent = [bool(one.any()) for one in pairs]
    return np.flatnonzero([near or _shares_a_line(region, d) for near, d in zip(adjacent, directions, strict=True)])


def _shares_a_line(region: PaddedRegion, direction: Offset) -> bool:
    places = np.stack(np.nonzero(region.inside), axis=1)
    axis = next(i for i, step in enumerate(direction) if step)
    # Two voxels lie on one line when they agree after both have walked to the same place on an axis.
    walked = places - (places[:, axis] * direction[axis])[:, None] * np.array(direction)
    return len(np.unique(walked, axis=0)) < len(walked)
