"""Whole-tumour radiomics: from a CT and a mask to named values, by the engine that the protocol names.

pyradiomics filters, hashes and summarises the whole volume; on a chest CT that is nine tenths of its
time. Here the volume is resampled (or cropped) around the tumour first, on exactly pyradiomics' grid, and
either engine sees only that.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from imaging.core.engine import ibsi, native, reference
from imaging.core.engine.filters import surroundings
from imaging.core.engine.prepared import Prepared
from imaging.core.engine.resegment import resegment
from imaging.core.errors import MaskTooSmall
from imaging.core.feature_vector import FeatureVector
from imaging.core.geometry import TumorMask, Volume, bounding_box, compact_hu, require_same_grid
from imaging.core.neighbourhood import filled, padding_voxels
from imaging.core.provenance import versions
from imaging.core.resample import resample_around
from imaging.core.spec import ExtractionSpec, RadiomicsSpec

__all__ = ["FeatureVector", "extract", "feature_names"]

_ENGINES = {"native": native, "pyradiomics": reference}


def feature_names(spec: ExtractionSpec) -> tuple[str, ...]:
    """Give the names that `extract` returns under a specification, in its order."""
    return native.names(spec.radiomics)


def extract(volume: Volume, mask: TumorMask, spec: ExtractionSpec) -> FeatureVector:
    """Compute the radiomics of a tumour.

    Parameters
    ----------
    volume : Volume
        CT in HU.
    mask : TumorMask
        Tumour, on the same grid.
    spec : ExtractionSpec
        Its radiomics part says what to compute.

    Returns
    -------
    FeatureVector
        Always the names of `feature_names`. What cannot be computed is NaN with a reason.

    Raises
    ------
    GridMismatch
        If image and mask do not share a grid.
    EmptyMask
        If no voxel is inside the mask.
    MaskTooSmall
        If fewer voxels than the specification demands are left after resampling, or they lie on a line.
    NothingInRange
        If the specification's intensity range leaves no voxel.

    References
    ----------
    van Griethuysen JJM et al., Cancer Res 77(21):e104-e107, 2017.
    """
    require_same_grid(volume, mask)
    prepared = _prepare(volume, mask, spec.radiomics)
    _require_texture(prepared.intensity, spec.radiomics)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Divisions by zero become NaN here and get a reason; the warning adds nothing.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = _ENGINES[spec.radiomics.engine].compute(prepared, spec.radiomics)
    names = feature_names(spec)
    values = np.array([found.get(name, math.nan) for name in names], dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    undefined = {n: _reason(n, found) for n, value in zip(names, values, strict=True) if np.isnan(value)}
    touched = 0 if spec.radiomics.padding == "filled" else padding_voxels(volume, mask, **_reach(spec.radiomics))
    stated = {"padding_voxels": touched} if touched else {}
    return FeatureVector(names, values, undefined, _provenance(volume, prepared, spec) | stated)


def _prepare(volume: Volume, mask: TumorMask, settings: RadiomicsSpec) -> Prepared:
    if settings.rounding == "whole_hu":
        volume = Volume(compact_hu(np.rint(volume.array)), volume.grid)
    if settings.padding == "filled":
        volume = filled(volume, mask, **_reach(settings))
    if settings.convention == "ibsi":
        return ibsi.prepare(volume, mask, settings)
    image, region = _resampled(volume, mask, settings)
    kept = resegment(image, region, range_hu=settings.resegment_range_hu, sigmas=settings.resegment_sigmas)
    return Prepared(image, region, kept)


def _reach(settings: RadiomicsSpec) -> dict[str, Any]:
    """Return how far around a tumour its features look, for `imaging.core.neighbourhood`."""
    return {"spacing_mm": settings.resampled_spacing_mm, "pad_voxels": settings.pad_distance_voxels}


def _resampled(volume: Volume, mask: TumorMask, settings: RadiomicsSpec) -> tuple[Volume, TumorMask]:
    if settings.resampled_spacing_mm is not None:
        return resample_around(
            volume,
            mask,
            spacing_mm=settings.resampled_spacing_mm,
            pad_voxels=settings.pad_distance_voxels,
            interpolation=settings.interpolation,
        )
    box = surroundings(bounding_box(mask.array), volume.grid, settings)
    return volume.crop(box), TumorMask(mask.array, volume.grid).crop(box)


def _require_texture(region: TumorMask, settings: RadiomicsSpec) -> None:
    at = "" if settings.resampled_spacing_mm is None else f" after resampling to {settings.resampled_spacing_mm:g} mm"
    if region.voxels < settings.minimum_voxels:
        raise MaskTooSmall(
            f"The mask has {region.voxels} voxels{at}; texture needs at least {settings.minimum_voxels}."
        )
    extent = [part.stop - part.start for part in bounding_box(region.array)]
    if sum(n > 1 for n in extent) < 2:
        raise MaskTooSmall(f"The mask is a line of {region.voxels} voxels{at}; texture needs at least a plane.")


def _reason(name: str, found: Mapping[str, float]) -> str:
    image_type, kind, _ = name.split("_", 2)
    if name not in found:
        return f"the region with its surroundings is smaller than the filter {image_type}"
    return f"{kind} has no finite value on this region"


def _provenance(volume: Volume, prepared: Prepared, spec: ExtractionSpec) -> dict[str, object]:
    return {
        "engine": spec.radiomics.engine,
        "versions": versions(),
        "convention": spec.radiomics.convention,
        "spec": spec.name,
        "spec_digest": spec.digest,
        "voxels": prepared.intensity.voxels,
        "voxel_volume_mm3": prepared.image.grid.voxel_volume_mm3,
        "image_grid": volume.grid.as_dict(),
        "feature_grid": prepared.image.grid.as_dict(),
    }
