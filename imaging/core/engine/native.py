"""Ecotone's own radiomics engine: pyradiomics' values from compiled loops over the tumour's voxels only."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pywt
import SimpleITK as sitk
from numpy.typing import NDArray

from imaging.core.engine import firstorder, shape
from imaging.core.engine.discretise import GreyLevels, levels_by_count, levels_by_width
from imaging.core.engine.filters import image_types, images
from imaging.core.engine.region import PaddedRegion
from imaging.core.engine.texture import FAMILIES, texture_features
from imaging.core.geometry import TumorMask, Volume
from imaging.core.spec import RadiomicsSpec

VERSIONS = {
    "numpy": np.__version__,
    "numba": numba.__version__,
    "SimpleITK": sitk.Version.VersionString(),
    "PyWavelets": pywt.__version__,
}


def names(settings: RadiomicsSpec) -> tuple[str, ...]:
    """Give the features that `compute` can return, in the order of a feature vector."""
    found = [f"original_shape_{name}" for name in shape.NAMES] if "shape" in settings.classes else []
    families = {"firstorder": firstorder.NAMES} | FAMILIES
    for image_type in image_types(settings):
        for kind in settings.classes:
            found += [f"{image_type}_{kind}_{name}" for name in families.get(kind, ())]
    return tuple(found)


def compute(image: Volume, region: TumorMask, settings: RadiomicsSpec) -> dict[str, float]:
    """Compute the features of a prepared image.

    Parameters
    ----------
    image : Volume
        CT in HU with the surroundings that filters need.
    region : TumorMask
        Tumour, on the same grid.
    settings : RadiomicsSpec
        What to compute.

    Returns
    -------
    dict of str to float
        Of the names in `names`, those that could be computed; NaN where a value is undefined.
    """
    index = PaddedRegion.of(region.array)
    found: dict[str, float] = {}
    if "shape" in settings.classes:
        values = shape.shape_features(index, spacing_zyx_mm=region.grid.spacing_zyx_mm)
        found |= {f"original_shape_{name}": value for name, value in values.items()}
    for image_type, array in images(image, settings):
        of_image = _intensity_features(array, index, settings, voxel_volume_mm3=region.grid.voxel_volume_mm3)
        found |= {f"{image_type}_{name}": value for name, value in of_image.items()}
    return found


def _intensity_features(
    array: NDArray[np.generic], region: PaddedRegion, settings: RadiomicsSpec, *, voxel_volume_mm3: float
) -> dict[str, float]:
    values = region.values(array)
    levels = _levels(values, settings)
    found: dict[str, Any] = {}
    if "firstorder" in settings.classes:
        statistics = firstorder.first_order(
            values, levels, voxel_volume_mm3=voxel_volume_mm3, shift=settings.voxel_array_shift
        )
        found |= {f"firstorder_{name}": value for name, value in statistics.items()}
    return found | texture_features(levels, region, families=[kind for kind in settings.classes if kind in FAMILIES])


def _levels(values: NDArray[np.generic], settings: RadiomicsSpec) -> GreyLevels:
    if settings.bin_count is not None:
        return levels_by_count(values, count=settings.bin_count)
    return levels_by_width(values, width=settings.bin_width_hu)
