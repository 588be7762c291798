"""pyradiomics 3.0.1, which Ecotone's environment has as its reference."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import radiomics
import SimpleITK as sitk
from numpy.typing import NDArray
from radiomics.featureextractor import RadiomicsFeatureExtractor

from imaging.core.geometry import TumorMask, Volume, bounding_box, to_sitk
from imaging.core.spec import RadiomicsSpec

NAME = f"pyradiomics {version('pyradiomics')}"
#: Voxels that a map computes at once; with pyradiomics' default (all of them) M alone needs 2.7 GB.
_VOXEL_BATCH = 1000


def extractor(settings: RadiomicsSpec) -> RadiomicsFeatureExtractor:
    """Set pyradiomics up with our settings; what is not set, provenance included, is at its default."""
    radiomics.setVerbosity(logging.CRITICAL)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    spacing = settings.resampled_spacing_mm
    chosen = RadiomicsFeatureExtractor(
        binWidth=settings.bin_width_hu,
        resampledPixelSpacing=None if spacing is None else [spacing] * 3,
        interpolator=sitk.sitkBSpline,
        padDistance=settings.pad_distance_voxels,
        voxelArrayShift=settings.voxel_array_shift,
    )
    if settings.log_sigma_mm:
        chosen.enableImageTypeByName("LoG", customArgs={"sigma": list(settings.log_sigma_mm)})
    if settings.wavelet:
        chosen.enableImageTypeByName("Wavelet")
    return chosen


def from_files(image: Path, mask: Path, settings: RadiomicsSpec) -> dict[str, float]:
    """Extract from file names, as the first example of the documentation does."""
    return _numbers(extractor(settings).execute(str(image), str(mask)))


def whole_volume(image: Volume, mask: TumorMask, settings: RadiomicsSpec) -> dict[str, float]:
    """Extract from images in memory."""
    return _numbers(extractor(settings).execute(to_sitk(image), to_sitk(mask)))


def one_image(image: Volume, mask: TumorMask, settings: RadiomicsSpec) -> dict[str, float]:
    """Run the feature classes themselves on the tumour's box: pyradiomics without any preparation or provenance."""
    box = bounding_box(mask.array)
    pair = (to_sitk(image.crop(box)), to_sitk(mask.crop(box)))
    options = {"binWidth": settings.bin_width_hu, "voxelArrayShift": settings.voxel_array_shift}
    found: dict[str, float] = {}
    for kind in settings.classes:
        values = radiomics.getFeatureClasses()[kind](*pair, **options).execute()
        found |= {f"original_{kind}_{name}": float(value) for name, value in values.items()}
    return found


def voxel_maps(
    image: Volume, mask: TumorMask, *, kind: str, names: tuple[str, ...]
) -> dict[str, NDArray[np.float64]]:
    """Compute maps of one class, kernel radius 1, the kernel masked, as its voxel-based example does."""
    options = {
        "voxelBased": True,
        "kernelRadius": 1,
        "maskedKernel": True,
        "voxelBatch": _VOXEL_BATCH,
        "binWidth": 25,
    }
    radiomics.setVerbosity(logging.CRITICAL)
    engine = radiomics.getFeatureClasses()[kind](to_sitk(image), to_sitk(mask), **options)
    for name in names:
        engine.enableFeatureByName(name)
    return {name: sitk.GetArrayFromImage(found) for name, found in engine.execute().items()}


def feature_names(kind: str) -> tuple[str, ...]:
    """Give the features of a class that are not deprecated."""
    every: Mapping[str, bool] = radiomics.getFeatureClasses()[kind].getFeatureNames()
    return tuple(sorted(name for name, deprecated in every.items() if not deprecated))


def _numbers(found: Mapping[str, object]) -> dict[str, float]:
    return {name: float(str(value)) for name, value in found.items() if not name.startswith("diagnostics_")}
