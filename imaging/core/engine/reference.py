"""pyradiomics 3.0.1 itself, on the prepared crop: what the native engine is tested against."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import radiomics
import SimpleITK as sitk
from radiomics import imageoperations

from imaging.core.engine.discretise import levels_by_count, levels_by_width, require_few_levels
from imaging.core.engine.prepared import Prepared
from imaging.core.engine.texture import FAMILIES
from imaging.core.geometry import bounding_box, to_sitk
from imaging.core.spec import RadiomicsSpec

# pyradiomics writes tracebacks to stderr; what it cannot compute is told by `FeatureVector.undefined`.
logging.getLogger("radiomics").handlers.clear()
logging.getLogger("radiomics").setLevel(logging.CRITICAL)
radiomics.progressReporter = None


def compute(prepared: Prepared, settings: RadiomicsSpec) -> dict[str, float]:
    """Compute the features of a prepared tumour; parameters and result as `imaging.core.engine.native.compute`."""
    box = bounding_box(prepared.morphology.array)
    image = to_sitk(prepared.image)
    region = sitk.Cast(to_sitk(prepared.intensity), sitk.sitkUInt32)
    tumour = _crop(region, box)
    options = {
        "binWidth": settings.bin_width_hu,
        "binCount": settings.bin_count,
        "voxelArrayShift": settings.voxel_array_shift,
        "label": 1,
        "additionalInfo": False,
    }
    found: dict[str, float] = {}
    if "shape" in settings.classes:
        whole = _crop(sitk.Cast(to_sitk(prepared.morphology), sitk.sitkUInt32), box)
        found |= _run("shape", _crop(image, box), whole, "original", options)
    for image_type, filtered in _images(image, region, settings):
        _require_few_levels(filtered, region, settings)
        for kind in settings.classes:
            if kind != "shape":
                found |= _run(kind, _crop(filtered, box), tumour, image_type, options)
    return found


def _require_few_levels(image: sitk.Image, region: sitk.Image, settings: RadiomicsSpec) -> None:
    """Refuse what pyradiomics would spend hours on, by the bound of the native engine."""
    if not FAMILIES.keys() & set(settings.classes):
        return
    inside = sitk.GetArrayViewFromImage(region) > 0
    values = sitk.GetArrayViewFromImage(image)[inside]
    count, width = settings.bin_count, settings.bin_width_hu
    require_few_levels(levels_by_count(values, count=count) if count else levels_by_width(values, width=width))


def _run(kind: str, image: sitk.Image, mask: sitk.Image, prefix: str, options: dict[str, Any]) -> dict[str, float]:
    values = radiomics.getFeatureClasses()[kind](image, mask, **options).execute()
    return {f"{prefix}_{kind}_{name}": float(value) for name, value in values.items()}


def _crop(image: sitk.Image, box: tuple[slice, slice, slice]) -> sitk.Image:
    z, y, x = box
    part: sitk.Image = image[x, y, z]
    return part


def _images(image: sitk.Image, region: sitk.Image, settings: RadiomicsSpec) -> Iterator[tuple[str, sitk.Image]]:
    """Give the image and what pyradiomics' filters make of it."""
    yield "original", image
    for filtered, name, _ in imageoperations.getLoGImage(image, region, sigma=list(settings.log_sigma_mm)):
        yield name, filtered
    if settings.wavelet:
        for filtered, name, _ in imageoperations.getWaveletImage(image, region):
            yield name, filtered
