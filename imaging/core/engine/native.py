"""Ecotone's own radiomics engine: pyradiomics' values from compiled loops over the tumour's voxels only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.engine import firstorder, shape
from imaging.core.engine.discretise import GreyLevels, levels_by_count, levels_by_width, require_few_levels
from imaging.core.engine.filters import image_types, images
from imaging.core.engine.ibsi import ibsi_levels, ibsi_values
from imaging.core.engine.prepared import Prepared
from imaging.core.engine.region import PaddedRegion
from imaging.core.engine.texture import FAMILIES, texture_features
from imaging.core.spec import RadiomicsSpec


def names(settings: RadiomicsSpec) -> tuple[str, ...]:
    """Give the features that `compute` can return, in the order of a feature vector."""
    found = [f"original_shape_{name}" for name in shape.NAMES] if "shape" in settings.classes else []
    families = {"firstorder": firstorder.NAMES} | FAMILIES
    for image_type in image_types(settings):
        for kind in settings.classes:
            found += [f"{image_type}_{kind}_{name}" for name in families.get(kind, ())]
    return tuple(found)


def compute(prepared: Prepared, settings: RadiomicsSpec) -> dict[str, float]:
    """Compute the features of a prepared tumour.

    Parameters
    ----------
    prepared : Prepared
        CT with the surroundings that filters need, and the voxels that count.
    settings : RadiomicsSpec
        What to compute.

    Returns
    -------
    dict of str to float
        Of the names in `names`, those that could be computed; NaN where a value is undefined.
    """
    grid = prepared.image.grid
    found: dict[str, float] = {}
    region = PaddedRegion.of(prepared.intensity.array)
    if "shape" in settings.classes:
        same = prepared.morphology is prepared.intensity
        morphology = region if same else PaddedRegion.of(prepared.morphology.array)
        of_mask = shape.shape_features(morphology, spacing_zyx_mm=grid.spacing_zyx_mm)
        found |= {f"original_shape_{name}": value for name, value in of_mask.items()}
    for image_type, array in images(prepared.image, region.box, settings):
        values = array[region.inside]
        levels = _levels(values, settings, filtered=image_type != "original")
        if FAMILIES.keys() & set(settings.classes):
            require_few_levels(levels)
        of_image = texture_features(levels, region, families=[kind for kind in settings.classes if kind in FAMILIES])
        if "firstorder" in settings.classes:
            of_image |= firstorder.first_order(
                values, levels, voxel_volume_mm3=grid.voxel_volume_mm3, shift=_shift(settings)
            )
        found |= {f"{image_type}_{name}": value for name, value in of_image.items()}
    return (
        ibsi_values(found, morphology_voxels=prepared.morphology.voxels) if settings.convention == "ibsi" else found
    )


def _levels(values: NDArray[np.generic], settings: RadiomicsSpec, *, filtered: bool) -> GreyLevels:
    if settings.convention == "ibsi":
        return GreyLevels.of(ibsi_levels(values, settings, filtered=filtered))
    if settings.bin_count is not None:
        return levels_by_count(values, count=settings.bin_count)
    return levels_by_width(values, width=settings.bin_width_hu)


def _shift(settings: RadiomicsSpec) -> int:
    return 0 if settings.convention == "ibsi" else settings.voxel_array_shift
