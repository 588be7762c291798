"""Voxel maps: what a feature is around each voxel of a tumour.

Each value describes the kernel of a voxel: itself and those of its 26 neighbours that lie in the
tumour. Values are those of pyradiomics 3.0.1 in voxel mode (``kernelRadius=1``, ``maskedKernel=True``)
except where it fails; docs/methods/voxel-maps.md lists the differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.core.engine.discretise import levels_by_width, require_few_levels
from imaging.core.engine.region import PaddedRegion
from imaging.core.engine.voxel_cooccurrence import COOCCURRENCE, cooccurrence_values
from imaging.core.engine.voxel_correlation import correlation_values
from imaging.core.engine.voxel_kernels import HISTOGRAM, INTENSITY, ORDERED_FROM, histogram_values, intensity_values
from imaging.core.engine.voxel_tables import (
    EXCHANGES,
    PAIR_BEGINS,
    PAIR_FIRST,
    PAIR_SECOND,
    STEPS,
    difference_weights,
)
from imaging.core.errors import UnknownSetting
from imaging.core.geometry import Grid, TumorMask, Volume, require_same_grid

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: pyradiomics' names of the 18 first-order and the 24 co-occurrence features, in its order.
FIRST_ORDER_FEATURES = tuple(sorted(HISTOGRAM + INTENSITY))
GLCM_FEATURES = tuple(sorted((*COOCCURRENCE, "MCC")))


@dataclass(frozen=True, eq=False)
class VoxelMaps:
    """Maps of one feature class.

    Parameters
    ----------
    names : tuple of str
        Features, as pyradiomics names them.
    arrays : ndarray of float64, shape (features, z, y, x)
        One map a feature, on the bounding box of the mask.
    grid : Grid
        Where the box lies.
    undefined : mapping of str to int
        For each feature, how many voxels of the tumour have no value (NaN).
    """

    names: tuple[str, ...]
    arrays: FloatArray
    grid: Grid
    undefined: Mapping[str, int]

    def __getitem__(self, name: str) -> FloatArray:
        """Give one map, shape (z, y, x)."""
        part: FloatArray = self.arrays[self.names.index(name)]
        return part


def first_order_maps(
    image: Volume,
    mask: TumorMask,
    *,
    bin_width_hu: float = 25.0,
    kernel_radius: int = 1,
    voxel_array_shift: float = 0.0,
    features: Sequence[str] | None = None,
    outside: float = math.nan,
) -> VoxelMaps:
    """Compute first-order features around each voxel.

    Parameters
    ----------
    image : Volume
        CT in HU, usually resampled.
    mask : TumorMask
        Tumour on the same grid; other voxels take no part.
    bin_width_hu : float
        Width of the grey levels of Entropy and Uniformity; edges are its multiples.
    kernel_radius : int
        Voxels from the centre of a kernel to its edge. Only 1.
    voxel_array_shift : float
        Added to the intensities in Energy, TotalEnergy and RootMeanSquared, in HU.
    features : sequence of str, optional
        Which of `FIRST_ORDER_FEATURES`; all by default. Fewer cost less, above all if no percentile,
        Median, InterquartileRange or RobustMeanAbsoluteDeviation is among them.
    outside : float
        Value of a map outside the tumour. NaN by default, since 0 is a value; pyradiomics has 0.

    Returns
    -------
    VoxelMaps
        In the order asked for. No value is undefined.

    Raises
    ------
    UnknownSetting
        If a feature, the radius or the bin width is not one that can be computed.
    GridMismatch
        If image and mask do not share a grid.
    EmptyMask
        If no voxel is inside the mask.

    References
    ----------
    van Griethuysen JJM et al., Cancer Res 77(21):e104-e107, 2017.
    """
    names = _chosen(features, FIRST_ORDER_FEATURES)
    region = _region(image, mask, bin_width_hu=bin_width_hu, kernel_radius=kernel_radius)
    # pyradiomics converts to float64 before it bins first-order features, and only those.
    values = region.values(image.array).astype(np.float64)
    into, around = np.flatnonzero(region.inside), region.strides(STEPS)
    maps = _blank(names, region, outside=outside)
    wanted, rows = _wanted(names, HISTOGRAM)
    if wanted.size:
        levels = region.scatter(require_few_levels(levels_by_width(values, width=bin_width_hu)).level)
        histogram_values(levels, region.positions, around, into, wanted, rows, maps)
    wanted, rows = _wanted(names, INTENSITY)
    if wanted.size:
        padded = np.full(math.prod(region.shape), np.inf)
        padded[region.positions] = values
        exchanges = EXCHANGES if wanted.max() >= ORDERED_FROM else EXCHANGES[:0]
        volume_mm3, shift = image.grid.voxel_volume_mm3, float(voxel_array_shift)
        intensity_values(padded, region.positions, around, into, exchanges, shift, volume_mm3, wanted, rows, maps)
    return _result(names, maps, region, image.grid, undefined=0)


def glcm_maps(
    image: Volume,
    mask: TumorMask,
    *,
    bin_width_hu: float = 25.0,
    kernel_radius: int = 1,
    features: Sequence[str] | None = None,
    outside: float = math.nan,
) -> VoxelMaps:
    """Compute grey level co-occurrence features around each voxel.

    Each of the 13 directions has its own matrix of pairs one voxel apart, both in the kernel and in the
    tumour; it is made symmetric and normalised, and the feature is the mean over directions with pairs.

    Parameters
    ----------
    image : Volume
        CT in HU, usually resampled.
    mask : TumorMask
        Tumour on the same grid; other voxels take no part.
    bin_width_hu : float
        Width of the grey levels; edges are its multiples.
    kernel_radius : int
        Voxels from the centre of a kernel to its edge. Only 1.
    features : sequence of str, optional
        Which of `GLCM_FEATURES`; all by default. MCC costs more than all others together.
    outside : float
        Value of a map outside the tumour. NaN by default, since 0 is a value; pyradiomics has 0.

    Returns
    -------
    VoxelMaps
        In the order asked for. A voxel without a neighbour pair in its kernel is undefined (NaN).

    Raises
    ------
    UnknownSetting
        If a feature, the radius or the bin width is not one that can be computed.
    GridMismatch
        If image and mask do not share a grid.
    EmptyMask
        If no voxel is inside the mask.

    References
    ----------
    Haralick RM et al., IEEE Trans Syst Man Cybern 3(6):610-621, 1973; van Griethuysen JJM et al.,
    Cancer Res 77(21):e104-e107, 2017.
    """
    names = _chosen(features, GLCM_FEATURES)
    region = _region(image, mask, bin_width_hu=bin_width_hu, kernel_radius=kernel_radius)
    grey = require_few_levels(levels_by_width(region.values(image.array), width=bin_width_hu))
    maps = _blank(names, region, outside=outside)
    kernels = (
        region.scatter(grey.level),
        region.positions,
        region.strides(STEPS),
        np.flatnonzero(region.inside),
        PAIR_FIRST,
        PAIR_SECOND,
        PAIR_BEGINS,
    )
    undefined = 0
    wanted, rows = _wanted(names, COOCCURRENCE)
    if wanted.size:
        undefined = cooccurrence_values(*kernels, difference_weights(grey.highest), wanted, rows, maps)
    if "MCC" in names:
        undefined = correlation_values(*kernels, grey.present.size > 1, maps[names.index("MCC")])
    return _result(names, maps, region, image.grid, undefined=int(undefined))


def _region(image: Volume, mask: TumorMask, *, bin_width_hu: float, kernel_radius: int) -> PaddedRegion:
    if kernel_radius != 1:
        raise UnknownSetting(f"Voxel maps have kernels of radius 1, not {kernel_radius}.")
    if not (math.isfinite(bin_width_hu) and bin_width_hu > 0):
        raise UnknownSetting(f"The bin width must be a positive number of HU, not {bin_width_hu:g}.")
    require_same_grid(image, mask)
    return PaddedRegion.of(mask.array)


def _blank(names: tuple[str, ...], region: PaddedRegion, *, outside: float) -> FloatArray:
    return np.full((len(names), region.inside.size), outside)


def _result(
    names: tuple[str, ...], maps: FloatArray, region: PaddedRegion, grid: Grid, *, undefined: int
) -> VoxelMaps:
    arrays = maps.reshape(len(names), *region.inside.shape)
    return VoxelMaps(names, arrays, grid.crop(region.box), dict.fromkeys(names, undefined))


def _chosen(features: Sequence[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    names = known if features is None else tuple(dict.fromkeys(features))
    if unknown := sorted(set(names) - set(known)):
        raise UnknownSetting(f"Unknown feature {', '.join(map(repr, unknown))}; known are {', '.join(known)}.")
    return names


def _wanted(names: tuple[str, ...], known: tuple[str, ...]) -> tuple[IntArray, IntArray]:
    """Give which of the values that a kernel knows are wanted, and the map that each becomes."""
    pairs = [(known.index(name), row) for row, name in enumerate(names) if name in known]
    wanted, rows = np.array(pairs, dtype=np.int64).reshape(-1, 2).T.copy()
    return wanted, rows
