"""Filtered images: Laplacian of Gaussian and stationary wavelets, in pyradiomics' convention."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pywt
import SimpleITK as sitk
from numpy.typing import NDArray

from imaging.core.geometry import Volume, to_sitk
from imaging.core.spec import RadiomicsSpec

#: pyradiomics' order; the letters stand for the x, y and z axis, L for low and H for high frequencies.
WAVELET_BANDS = ("LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH", "LLL")
_WAVELET = "coif1"

#: ITK's recursive Gaussian needs four voxels in each direction.
_SMALLEST_FOR_LOG = 4


def image_types(settings: RadiomicsSpec) -> tuple[str, ...]:
    """Give the names of the original and all filtered images, in the order of `images`."""
    bands = tuple(f"wavelet-{band}" for band in WAVELET_BANDS) if settings.wavelet else ()
    return ("original", *(_log_name(sigma) for sigma in settings.log_sigma_mm), *bands)


def images(image: Volume, settings: RadiomicsSpec) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Give the image and what the filters make of it, as (name, array of shape (z, y, x)).

    An image that is smaller than a filter leaves that filter out.
    """
    yield "original", image.array
    if settings.log_sigma_mm and min(image.grid.shape_zyx) >= _SMALLEST_FOR_LOG:
        source = to_sitk(image)
        for sigma in settings.log_sigma_mm:
            if _is_large_enough(image, sigma):
                yield _log_name(sigma), _laplacian_of_gaussian(source, sigma)
    if settings.wavelet:
        yield from _wavelets(image.array)


def _log_name(sigma_mm: float) -> str:
    return f"log-sigma-{str(float(sigma_mm)).replace('.', '-')}-mm-3D"


def _is_large_enough(image: Volume, sigma_mm: float) -> bool:
    spacing = np.array(image.grid.spacing_zyx_mm)
    return bool(np.all(np.array(image.grid.shape_zyx) >= np.ceil(sigma_mm / spacing) + 1))


def _laplacian_of_gaussian(source: sitk.Image, sigma_mm: float) -> NDArray[np.float32]:
    filter_ = sitk.LaplacianRecursiveGaussianImageFilter()
    filter_.SetNormalizeAcrossScale(True)
    filter_.SetSigma(float(sigma_mm))
    response: NDArray[np.float32] = sitk.GetArrayFromImage(filter_.Execute(source))
    return response


def _wavelets(array: NDArray[np.generic]) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Give the eight bands of a one-level stationary transform; an odd axis is continued from its start."""
    even = np.pad(array, [(0, n % 2) for n in array.shape], mode="wrap")
    bands = pywt.swtn(even, pywt.Wavelet(_WAVELET), level=1, start_level=0, axes=(2, 1, 0))[0]
    z, y, x = array.shape
    for band in WAVELET_BANDS:
        yield f"wavelet-{band}", bands[band.replace("L", "a").replace("H", "d")][:z, :y, :x]
