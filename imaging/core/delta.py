"""The change of features between two scans of one tumour."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from imaging.core.errors import FeatureMismatch, UnknownSetting
from imaging.core.feature_vector import FeatureVector

FloatArray = NDArray[np.float64]

MODES = ("mixed", "relative", "absolute", "log")

#: Volumes and contact volumes, in mm3: they change by factors.
_VOLUME = re.compile(r"original_shape_(Mesh|Voxel)Volume|msi_([VB]_\d+|I_\d+_\d+)")
#: Bounded quantities and counts: they change by differences.
_BOUNDED = re.compile(r"msi_.*|fraction_\d+|components_\d+|shannon|simpson|ith_score")

#: Entries of provenance that must agree where both timepoints have them.
_MADE_UNDER = ("spec_digest", "codebook_digest", "neighbourhood")

#: Part of a feature's interquartile range below which a baseline counts as zero.
_NEGLIGIBLE = 1e-6


def delta(
    pre: FeatureVector, post: FeatureVector, *, mode: str = "mixed", training_iqr: Mapping[str, float] | None = None
) -> FeatureVector:
    """Compute the change of every feature from the first scan to the second.

    relative is ``(post - pre) / |pre|``, absolute ``post - pre``, and log
    ``ln((post + o) / (pre + o))`` with o the volume of one voxel. mixed takes log for volumes in mm3
    (mesh and voxel volume, ``msi_V``, ``msi_B``, ``msi_I``), absolute for what is bounded or counted
    (other interaction features, fractions, components, diversity) and relative for all else.

    Parameters
    ----------
    pre, post : FeatureVector
        Values of the two timepoints, with the same names.
    mode : {"mixed", "relative", "absolute", "log"}
        Which change.
    training_iqr : mapping of str to float, optional
        Interquartile ranges of the baseline in training data. A relative change is undefined where
        ``|pre|`` is below a millionth of it; without it, where ``pre`` is zero.

    Returns
    -------
    FeatureVector
        Same names. What was undefined at a timepoint stays undefined, with its reason.

    Raises
    ------
    FeatureMismatch
        If the names differ, or the values were made under different specifications.
    UnknownSetting
        If the mode is not known.
    """
    if mode not in MODES:
        raise UnknownSetting(f"Unknown mode of change {mode!r}; known are {', '.join(MODES)}.")
    _require_comparable(pre, post)
    offset = float(str(pre.provenance.get("voxel_volume_mm3", 1.0)))
    values, undefined = [], {}
    for name, x0, x1 in zip(pre.names, pre.values.tolist(), post.values.tolist(), strict=True):
        floor = _NEGLIGIBLE * (training_iqr or {}).get(name, 0.0)
        value, reason = _change(x0, x1, kind=_kind(name, mode), offset=offset, floor=floor)
        values.append(value)
        if reason:
            undefined[name] = _inherited(name, pre, post) or reason
    provenance: dict[str, object] = {"engine": "ecotone", "mode": mode, "voxel_volume_mm3": offset}
    return FeatureVector(pre.names, np.array(values, dtype=np.float64), undefined, provenance)


def _require_comparable(pre: FeatureVector, post: FeatureVector) -> None:
    if pre.names != post.names:
        missing = sorted(set(pre.names) ^ set(post.names))
        detail = f"{len(missing)} are on one side only, such as {missing[0]}" if missing else "their order differs"
        raise FeatureMismatch(f"The two timepoints do not have the same features: {detail}.")
    for key in _MADE_UNDER:
        before, after = pre.provenance.get(key), post.provenance.get(key)
        if before and after and before != after:
            raise FeatureMismatch(f"The two timepoints differ in {key.replace('_', ' ')}: {before} and {after}.")


def _kind(name: str, mode: str) -> str:
    if mode != "mixed":
        return mode
    if _VOLUME.fullmatch(name):
        return "log"
    return "absolute" if _BOUNDED.fullmatch(name) else "relative"


def _change(x0: float, x1: float, *, kind: str, offset: float, floor: float) -> tuple[float, str]:
    """Give a change, or NaN and why."""
    if math.isnan(x0) or math.isnan(x1):
        return math.nan, "undefined before treatment" if math.isnan(x0) else "undefined after treatment"
    if kind == "absolute":
        return x1 - x0, ""
    if kind == "relative":
        if x0 == 0 or abs(x0) < floor:
            return math.nan, "the value before treatment is zero, so there is no relative change"
        return (x1 - x0) / abs(x0), ""
    if x0 + offset <= 0 or x1 + offset <= 0:
        return math.nan, "a negative value has no logarithm"
    return math.log((x1 + offset) / (x0 + offset)), ""


def _inherited(name: str, pre: FeatureVector, post: FeatureVector) -> str:
    for vector, moment in ((pre, "before"), (post, "after")):
        if name in vector.undefined:
            return f"undefined {moment} treatment: {vector.undefined[name]}"
    return ""


def changes(name: str, pre: FloatArray, post: FloatArray, *, voxel_volume_mm3: FloatArray) -> FloatArray:
    """Compute the change of one feature in many patients as `delta` does in mode mixed.

    Parameters
    ----------
    name : str
        The feature; it decides which change is computed.
    pre, post : ndarray of float64, shape (n_patients,)
        Values of the two timepoints, NaN where there is none.
    voxel_volume_mm3 : ndarray of float64, shape (n_patients,)
        The offset of logarithms.

    Returns
    -------
    ndarray of float64, shape (n_patients,)
        NaN where the change is undefined.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        match kind_of_change(name):
            case "absolute":
                return post - pre
            case "log":
                before, after = pre + voxel_volume_mm3, post + voxel_volume_mm3
                return np.where((before > 0) & (after > 0), np.log(after / before), np.nan)
            case _:
                return np.where(pre == 0, np.nan, (post - pre) / np.abs(pre))


def kind_of_change(name: str) -> str:
    """Tell which change mode mixed computes of a feature: log, absolute or relative."""
    return _kind(name, "mixed")
