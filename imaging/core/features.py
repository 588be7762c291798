"""Whole-tumour radiomics: pyradiomics' own values, without its work on the rest of the chest.

pyradiomics 3.0.1 filters, hashes and summarises the whole volume; on a chest CT that is nine tenths
of the time. Here the volume is resampled (or cropped) around the tumour first, on the same grid, and
pyradiomics' feature classes see only that.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pywt
import radiomics
import SimpleITK as sitk
from radiomics import imageoperations

from imaging.core.discretised import SHARED, texture_class
from imaging.core.errors import MaskTooSmall
from imaging.core.feature_vector import FeatureVector
from imaging.core.geometry import TumorMask, Volume, bounding_box, require_same_grid, to_sitk
from imaging.core.resample import resample_around
from imaging.core.spec import ExtractionSpec, RadiomicsSpec

__all__ = ["FeatureVector", "extract", "feature_names"]

# pyradiomics writes tracebacks to stderr; what it cannot compute is told by `FeatureVector.undefined`.
logging.getLogger("radiomics").handlers.clear()
logging.getLogger("radiomics").setLevel(logging.CRITICAL)
radiomics.progressReporter = None

_WAVELET_BANDS = ("LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH", "LLL")

#: Distance from the mask to the edge of a crop that is filtered without resampling: at least this,
_FILTER_MARGIN_MM = 30.0
#: and this many sigma of the widest LoG. At 6 sigma a GLCM value was 1.5 % off, at 9 sigma the worst
#: was 2e-5, at 15 sigma 6e-9 (pyradiomics' lung1, lung2 and LIDC-IDRI-0314).
_FILTER_MARGIN_SIGMAS = 15.0


def feature_names(spec: ExtractionSpec) -> tuple[str, ...]:
    """Give the names that `extract` returns under a specification, in its order."""
    settings = spec.radiomics
    names = [f"original_shape_{n}" for n in _class_features("shape")] if "shape" in settings.classes else []
    for image_type in _image_types(settings):
        for kind in _texture_classes(settings):
            names += [f"{image_type}_{kind}_{n}" for n in _class_features(kind)]
    return tuple(names)


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

    References
    ----------
    van Griethuysen JJM et al., Cancer Res 77(21):e104-e107, 2017.
    """
    require_same_grid(volume, mask)
    image, region = _prepare(volume, mask, spec.radiomics)
    _require_texture(region, spec.radiomics)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Divisions by zero inside pyradiomics become NaN here and get a reason; the warning adds nothing.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = _compute(image, region, spec.radiomics)
    names = feature_names(spec)
    values = np.array([found.get(name, math.nan) for name in names], dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    undefined = {n: _reason(n, found) for n, value in zip(names, values, strict=True) if np.isnan(value)}
    return FeatureVector(names, values, undefined, _provenance(volume, region, spec))


def _prepare(volume: Volume, mask: TumorMask, settings: RadiomicsSpec) -> tuple[Volume, TumorMask]:
    if settings.resampled_spacing_mm is not None:
        return resample_around(
            volume, mask, spacing_mm=settings.resampled_spacing_mm, pad_voxels=settings.pad_distance_voxels
        )
    margin_mm = max([_FILTER_MARGIN_MM, *(_FILTER_MARGIN_SIGMAS * sigma for sigma in settings.log_sigma_mm)])
    box = bounding_box(mask.array, margin=[math.ceil(margin_mm / s) for s in volume.grid.spacing_zyx_mm])
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


def _compute(image: Volume, region: TumorMask, settings: RadiomicsSpec) -> dict[str, float]:
    box = bounding_box(region.array)
    sitk_image = to_sitk(image)
    sitk_region = sitk.Cast(to_sitk(region), sitk.sitkUInt32)
    tumour = _crop(sitk_region, box)
    options = _options(settings)
    found: dict[str, float] = {}
    if "shape" in settings.classes:
        shape = radiomics.getFeatureClasses()["shape"]
        found |= _run(shape, _crop(sitk_image, box), tumour, "original_shape", options)
    for image_type, filtered in _images(sitk_image, sitk_region, settings):
        cropped = _crop(filtered, box)
        shared: dict[str, Any] = {SHARED: {}}
        for kind in _texture_classes(settings):
            found |= _run(texture_class(kind), cropped, tumour, f"{image_type}_{kind}", options | shared)
    return found


def _run(engine: Any, image: sitk.Image, mask: sitk.Image, prefix: str, options: dict[str, Any]) -> dict[str, float]:
    values = engine(image, mask, **options).execute()
    return {f"{prefix}_{name}": float(value) for name, value in values.items()}


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


def _image_types(settings: RadiomicsSpec) -> list[str]:
    sigmas = [f"log-sigma-{str(float(sigma)).replace('.', '-')}-mm-3D" for sigma in settings.log_sigma_mm]
    bands = [f"wavelet-{band}" for band in _WAVELET_BANDS] if settings.wavelet else []
    return ["original", *sigmas, *bands]


def _texture_classes(settings: RadiomicsSpec) -> list[str]:
    return [kind for kind in settings.classes if kind != "shape"]


def _class_features(kind: str) -> list[str]:
    every: dict[str, bool] = radiomics.getFeatureClasses()[kind].getFeatureNames()
    return sorted(name for name, deprecated in every.items() if not deprecated)


def _options(settings: RadiomicsSpec) -> dict[str, Any]:
    return {
        "binWidth": settings.bin_width_hu,
        "voxelArrayShift": settings.voxel_array_shift,
        "label": 1,
        "additionalInfo": False,
    }


def _reason(name: str, found: Mapping[str, float]) -> str:
    image_type, kind, _ = name.split("_", 2)
    if name not in found:
        return f"the region with its surroundings is smaller than the filter {image_type}"
    return f"pyradiomics' {kind} has no finite value on this region"


def _provenance(volume: Volume, region: TumorMask, spec: ExtractionSpec) -> dict[str, object]:
    return {
        "engine": "pyradiomics",
        "versions": {
            "pyradiomics": radiomics.__version__,
            "numpy": np.__version__,
            "SimpleITK": sitk.Version.VersionString(),
            "PyWavelets": pywt.__version__,
        },
        "spec": spec.name,
        "spec_digest": spec.digest,
        "voxels": region.voxels,
        "voxel_volume_mm3": region.grid.voxel_volume_mm3,
        "image_grid": volume.grid.as_dict(),
        "feature_grid": region.grid.as_dict(),
    }
