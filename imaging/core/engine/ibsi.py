"""The IBSI convention: how an image becomes grey levels, and where formulas differ from pyradiomics'.

References
----------
Zwanenburg A et al., Radiology 295(2):328-338, 2020, and the IBSI reference manual (arXiv 1612.07003);
filters: Whybra P et al., Radiology 310(2):e231319, 2024.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.engine.discretise import require_span
from imaging.core.engine.ibsi_resample import resample_aligned
from imaging.core.engine.prepared import Prepared
from imaging.core.engine.resegment import resegment
from imaging.core.geometry import TumorMask, Volume, bounding_box, require_same_grid
from imaging.core.spec import RadiomicsSpec

#: Where a Laplacian of Gaussian is cut off, in sigma (IBSI 2, configuration 3.B).
_TRUNCATE_SIGMAS = 4.0


def prepare(volume: Volume, mask: TumorMask, settings: RadiomicsSpec) -> Prepared:
    """Crop, resample and re-segment a tumour as IBSI defines it.

    Parameters
    ----------
    volume : Volume
        CT in HU.
    mask : TumorMask
        Tumour, on the same grid.
    settings : RadiomicsSpec
        Spacing, interpolation, padding, widest filter and re-segmentation.

    Raises
    ------
    GridMismatch
        If image and mask do not share a grid.
    EmptyMask
        If no voxel is inside the mask.
    MaskTooSmall
        If no voxel is left after resampling.
    NothingInRange
        If no voxel is left after re-segmentation.
    """
    if settings.resampled_spacing_mm is None:
        image, region = _cropped(volume, mask, settings)
    else:
        spacing_zyx_mm = (settings.resampled_spacing_mm,) * 3
        image, region = resample_aligned(
            volume,
            mask,
            spacing_zyx_mm=spacing_zyx_mm,
            interpolation=settings.interpolation,
            pad_voxels=max(_padding(settings, spacing_zyx_mm)),
        )
    intensity = resegment(image, region, range_hu=settings.resegment_range_hu, sigmas=settings.resegment_sigmas)
    return Prepared(image, region, intensity)


def _cropped(volume: Volume, mask: TumorMask, settings: RadiomicsSpec) -> tuple[Volume, TumorMask]:
    require_same_grid(volume, mask)
    box = bounding_box(mask.array, margin=_padding(settings, volume.grid.spacing_zyx_mm))
    return volume.crop(box), TumorMask(mask.array, volume.grid).crop(box)


def _padding(settings: RadiomicsSpec, spacing_zyx_mm: tuple[float, float, float]) -> list[int]:
    """Give the surroundings in voxels that the widest filter sees, so that a crop changes no response."""
    widest = max(settings.log_sigma_mm, default=0.0)
    return [max(settings.pad_distance_voxels, _radius(widest / spacing)) for spacing in spacing_zyx_mm]


def ibsi_levels(values: NDArray[np.generic], settings: RadiomicsSpec, *, filtered: bool = False) -> NDArray[np.int32]:
    """Discretise the intensities of a region by a fixed number or a fixed size of bins.

    With ``bin_count`` = N, a value x becomes ``floor(N (x - min) / (max - min)) + 1``, the maximum N.
    Otherwise ``floor((x - origin) / width) + 1``, where the origin is the lower bound of the
    re-segmentation range, or the minimum of the region where there is no range or where the values are
    not HU.

    Parameters
    ----------
    values : ndarray of number, shape (n,)
        Intensities of all voxels of the region that re-segmentation left; n >= 1.
    settings : RadiomicsSpec
        Bins and re-segmentation range.
    filtered : bool
        Values are the response of a filter, which the range says nothing about.

    Returns
    -------
    ndarray of int32, shape (n,)
        Grey levels from 1; all 1 in a flat region that is cut into a number of bins.

    References
    ----------
    IBSI reference manual, section "Intensity discretisation" (K15C, Q3RU).
    """
    x = np.asarray(values, dtype=np.float64)
    if settings.bin_count is not None:
        require_span(settings.bin_count, x)
        low, extent = x.min(), np.ptp(x)
        if extent == 0:
            return np.ones(x.shape, dtype=np.int32)
        levels = np.floor(settings.bin_count * (x - low) / extent) + 1
        return np.asarray(np.minimum(levels, settings.bin_count), dtype=np.int32)
    origin = x.min() if filtered or settings.resegment_range_hu is None else settings.resegment_range_hu[0]
    require_span((x.max() - origin) / settings.bin_width_hu, x)
    return np.asarray(np.floor((x - origin) / settings.bin_width_hu) + 1, dtype=np.int32)


def ibsi_values(found: Mapping[str, float], *, morphology_voxels: int) -> dict[str, float]:
    """Turn pyradiomics' values into IBSI's where the formulas differ.

    Kurtosis is IBSI's excess kurtosis (0 in a flat region), and axis lengths rest on the covariance of
    voxel centres with n - 1 in the denominator, not n: so does the consensus, though the manual does
    not say it. Every other formula is the same. Energy, total energy and root mean square must have
    been computed without a shift of intensities.

    Parameters
    ----------
    found : mapping of str to float
        Values by pyradiomics' names, as "original_firstorder_Kurtosis".
    morphology_voxels : int
        Number of voxels of the mask that shape was computed from.

    Returns
    -------
    dict of str to float
        The same names in the same order.
    """
    values = dict(found)
    for name, value in found.items():
        if name.endswith("_firstorder_Kurtosis"):
            flat = found.get(name.replace("Kurtosis", "Variance")) == 0
            values[name] = 0.0 if flat else value - 3
        elif name.endswith("AxisLength") and morphology_voxels > 1:
            values[name] = value * math.sqrt(morphology_voxels / (morphology_voxels - 1))
    return values


def laplacian_of_gaussian(image: Volume, *, sigma_mm: float) -> Volume:
    """Filter by IBSI's Laplacian of Gaussian: the sampled function, cut off at 4 sigma, image mirrored at edges.

    Derivatives are per voxel, not per millimetre, and no power of sigma is multiplied in; pyradiomics
    multiplies by sigma squared and uses a recursive approximation that is not cut off.

    Parameters
    ----------
    image : Volume
        CT in HU; isotropic, or the three directions count differently.
    sigma_mm : float
        Width of the Gaussian.

    Returns
    -------
    Volume
        Response in HU per voxel squared, float32, on the same grid.

    References
    ----------
    IBSI 2 reference manual (arXiv 2006.05470), "Laplacian-of-Gaussian filters".
    """
    response = np.zeros(image.grid.shape_zyx)
    for curved in range(3):
        part = image.array.astype(np.float64)
        for axis, spacing in enumerate(image.grid.spacing_zyx_mm):
            weights = _gaussian(sigma_mm / spacing, curvature=axis == curved)
            part = ndimage.correlate1d(part, weights, axis=axis, mode="reflect")
        response += part
    return Volume(response.astype(np.float32), image.grid)


def _radius(sigma_voxels: float) -> int:
    return math.floor(_TRUNCATE_SIGMAS * sigma_voxels + 0.5)


def _gaussian(sigma_voxels: float, *, curvature: bool) -> NDArray[np.float64]:
    """Sample a Gaussian of area one, or its second derivative, at whole voxels."""
    radius = _radius(sigma_voxels)
    x = np.arange(-radius, radius + 1) / sigma_voxels
    weights = np.exp(-(x**2) / 2) / (math.sqrt(2 * math.pi) * sigma_voxels)
    return np.asarray(weights * (x**2 - 1) / sigma_voxels**2 if curvature else weights, dtype=np.float64)
