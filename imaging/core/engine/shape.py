"""Shape of a region (pyradiomics' 14 features; IBSI 3.1), from the mask alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled
from imaging.core.engine.diameters import diameters
from imaging.core.engine.marching_cubes import surface_and_volume
from imaging.core.engine.region import PaddedRegion
from imaging.core.geometry import Triple

NAMES = (
    "Elongation",
    "Flatness",
    "LeastAxisLength",
    "MajorAxisLength",
    "Maximum2DDiameterColumn",
    "Maximum2DDiameterRow",
    "Maximum2DDiameterSlice",
    "Maximum3DDiameter",
    "MeshVolume",
    "MinorAxisLength",
    "Sphericity",
    "SurfaceArea",
    "SurfaceVolumeRatio",
    "VoxelVolume",
)


def shape_features(region: PaddedRegion, *, spacing_zyx_mm: Triple) -> dict[str, float]:
    """Compute the shape features of a region.

    Parameters
    ----------
    region : PaddedRegion
        Where its voxels lie.
    spacing_zyx_mm : tuple of float
        Distance of voxel centres.

    Returns
    -------
    dict of str to float
        In the order of `NAMES`; lengths in mm, SurfaceArea in mm2, volumes in mm3. Axis lengths are four
        standard deviations of the voxels' positions along their principal axes.
    """
    padded = np.pad(region.inside, 1)
    area, volume = surface_and_volume(padded, spacing_zyx_mm=spacing_zyx_mm)
    in_slice, in_column, in_row, in_space = diameters(padded, spacing_zyx_mm=spacing_zyx_mm)
    least, minor, major = _principal_variances(region.inside, spacing_zyx_mm)
    return {
        "Elongation": float(np.sqrt(minor / major)),
        "Flatness": float(np.sqrt(least / major)),
        "LeastAxisLength": float(4 * np.sqrt(least)),
        "MajorAxisLength": float(4 * np.sqrt(major)),
        "Maximum2DDiameterColumn": in_column,
        "Maximum2DDiameterRow": in_row,
        "Maximum2DDiameterSlice": in_slice,
        "Maximum3DDiameter": in_space,
        "MeshVolume": volume,
        "MinorAxisLength": float(4 * np.sqrt(minor)),
        "Sphericity": float((36 * np.pi * volume**2) ** (1 / 3) / area),
        "SurfaceArea": area,
        "SurfaceVolumeRatio": area / volume,
        "VoxelVolume": region.voxels * float(np.prod(spacing_zyx_mm)),
    }


def _principal_variances(inside: NDArray[np.bool_], spacing_zyx_mm: Triple) -> NDArray[np.float64]:
    """Give the variances of voxel positions along the principal axes in mm2, ascending."""
    number, sums, products = _index_moments(inside.view(np.uint8))
    covariance = (products - np.outer(sums, sums) / number) / number * np.outer(spacing_zyx_mm, spacing_zyx_mm)
    return np.asarray(np.maximum(np.linalg.eigvalsh(covariance), 0.0))  # a plane's least is 0, but for rounding


@compiled
def _index_moments(inside: NDArray[np.uint8]) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """Give the number of voxels, and the sums of their indices (z, y, x) and of products of two; whole numbers."""
    number = 0
    sums = np.zeros(3)
    products = np.zeros((3, 3))
    depth, height, width = inside.shape
    for z in range(depth):
        for y in range(height):
            row, row_x, row_xx = 0, 0, 0
            for x in range(width):
                here = int(inside[z, y, x])
                row += here
                row_x += here * x
                row_xx += here * x * x
            number += row
            sums += np.array([z * row, y * row, row_x])
            products[0, 0] += z * z * row
            products[0, 1] += z * y * row
            products[0, 2] += z * row_x
            products[1, 1] += y * y * row
            products[1, 2] += y * row_x
            products[2, 2] += row_xx
    for i in range(3):
        for j in range(i):
            products[i, j] = products[j, i]
    return number, sums, products
