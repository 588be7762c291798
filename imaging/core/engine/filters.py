"""Filtered images: Laplacian of Gaussian and stationary wavelets.

Wavelets are pyradiomics' under either convention: what IBSI defines (rotation invariance, other boundaries)
is out of reach of names that stand for one band each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pywt
import SimpleITK as sitk
from numpy.typing import NDArray

from imaging.core.engine.ibsi import laplacian_of_gaussian
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
    for sigma in settings.log_sigma_mm:
        if settings.convention == "ibsi":
            yield _log_name(sigma), laplacian_of_gaussian(image, sigma_mm=sigma).array
        elif _is_large_enough(image, sigma):
            yield _log_name(sigma), _recursive_laplacian_of_gaussian(to_sitk(image), sigma)
    if settings.wavelet:
        yield from _wavelets(image.array)


def _log_name(sigma_mm: float) -> str:
    return f"log-sigma-{str(float(sigma_mm)).replace('.', '-')}-mm-3D"


def _is_large_enough(image: Volume, sigma_mm: float) -> bool:
    shape = np.array(image.grid.shape_zyx)
    needed = np.ceil(sigma_mm / np.array(image.grid.spacing_zyx_mm)) + 1
    return bool(np.all(shape >= np.maximum(needed, _SMALLEST_FOR_LOG)))


def _recursive_laplacian_of_gaussian(source: sitk.Image, sigma_mm: float) -> NDArray[np.float32]:
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
