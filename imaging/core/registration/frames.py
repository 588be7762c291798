"""What two scans show around a tumour, on working grids of equal voxels, and the rigid move between them.

The tumour itself changes under treatment, so it does not guide the registration: its mask, grown by a few
millimetres, counts in neither scan. Lungs, vessels and chest wall around it do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from imaging.core.errors import RegistrationRefused
from imaging.core.geometry import Grid, Slices, TumorMask, Volume, bounding_box, grid_of, require_same_grid, to_sitk
from imaging.core.registration.spec import RegistrationSpec

Float = NDArray[np.float32]
Points = NDArray[np.float64]

#: Air outside a scan.
OUTSIDE_HU = -1000.0


@dataclass(frozen=True, eq=False)
class Frame:
    """Surroundings of a tumour in one scan.

    Parameters
    ----------
    image : SimpleITK.Image
        HU, cut to the window of the spec and smoothed, with equal voxels.
    counts : SimpleITK.Image
        1 where a voxel may guide the registration, 0 in and near the tumour.
    grid : Grid
        Where both lie.
    centre_lps_mm : ndarray of float64, shape (3,)
        Centroid of the tumour.
    """

    image: sitk.Image
    counts: sitk.Image
    grid: Grid
    centre_lps_mm: Points


@dataclass(frozen=True, eq=False)
class Rigid:
    """``p → rotation (p - centre) + centre + translation``, in LPS mm."""

    rotation: NDArray[np.float64]
    centre_lps_mm: Points
    translation_mm: Points

    def __call__(self, points: Points) -> Points:
        """Move points of shape (..., 3)."""
        return np.asarray((points - self.centre_lps_mm) @ self.rotation.T + self.centre_lps_mm + self.translation_mm)

    def inverse(self, points: Points) -> Points:
        """Move points of shape (..., 3) back."""
        away = points - self.centre_lps_mm - self.translation_mm
        return np.asarray(away @ self.rotation + self.centre_lps_mm)

    @property
    def angle_degrees(self) -> float:
        """The angle of the rotation."""
        return float(np.degrees(np.arccos(np.clip((np.trace(self.rotation) - 1) / 2, -1, 1))))


def centroid_mm(mask: TumorMask) -> Points:
    """Give the mean position of the voxels of a mask, LPS mm."""
    return mask.grid.position(np.argwhere(mask.array).mean(axis=0))


def frame_of(volume: Volume, mask: TumorMask, box: Slices, *, spec: RegistrationSpec) -> Frame:
    """Cut a box out of a scan and bring it to the working spacing.

    Raises
    ------
    GridMismatch
        If image and mask do not share a grid.
    RegistrationRefused
        If the scan shows too few slices or pixels around the tumour.
    """
    require_same_grid(volume, mask)
    image = sitk.Cast(to_sitk(volume.crop(box)), sitk.sitkFloat32)
    if min(image.GetSize()) < 4:
        shape = " x ".join(str(part.stop - part.start) for part in box)
        raise RegistrationRefused(f"The scan shows {shape} voxels (z, y, x) around the tumour: too few to register.")
    image = sitk.Clamp(image, sitk.sitkFloat32, *spec.window_hu)
    image = sitk.SmoothingRecursiveGaussian(image, [spec.smoothing_mm] * 3)
    working = _resample(image, spec.spacing_mm, sitk.sitkLinear)
    tumour = _resample(
        to_sitk(TumorMask(mask.array, volume.grid).crop(box)), spec.spacing_mm, sitk.sitkNearestNeighbor
    )
    grown = sitk.BinaryDilate(tumour, [round(spec.tumour_margin_mm / spec.spacing_mm)] * 3, sitk.sitkBall)
    return Frame(working, grown == 0, grid_of(working), centroid_mm(mask))


def boxes(
    pre: TumorMask, post: TumorMask, *, margin_mm: float, slack_mm: float
) -> tuple[tuple[Slices, Slices], tuple[Slices, Slices]]:
    """Give the boxes to compare: the scan that stays still, and more of the scan that moves, both ways.

    Each covers both tumours, the other's laid over its own with equal centroids.
    """
    return (
        (_around(pre, post, margin_mm), _around(post, pre, margin_mm + slack_mm)),
        (_around(post, pre, margin_mm), _around(pre, post, margin_mm + slack_mm)),
    )


def _around(mask: TumorMask, other: TumorMask, margin_mm: float) -> Slices:
    """Give the box of a scan around its own tumour and the other's, laid over it."""
    grid = mask.grid
    corners = [np.array([[part.start, part.stop - 1] for part in bounding_box(m.array)]).T for m in (mask, other)]
    shift = centroid_mm(mask) - centroid_mm(other)
    moved = grid.index(np.stack([other.grid.position(corner) + shift for corner in _eight(corners[1])]))
    low = np.minimum(corners[0][0], moved.min(axis=0))
    high = np.maximum(corners[0][1], moved.max(axis=0))
    reach = np.ceil(margin_mm / np.array(grid.spacing_zyx_mm))
    first = np.maximum(np.floor(low - reach), 0).astype(int)
    last = np.minimum(np.ceil(high + reach), np.array(grid.shape_zyx) - 1).astype(int)
    z, y, x = (slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))
    return (z, y, x)


def _eight(corners: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.array(np.meshgrid(*corners.T, indexing="ij")).reshape(3, -1).T


def _resample(image: sitk.Image, spacing_mm: float, interpolator: int) -> Any:
    sizes = zip(image.GetSize(), image.GetSpacing(), strict=True)
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize([max(2, int(np.floor((n - 1) * step / spacing_mm)) + 1) for n, step in sizes])
    filter_.SetOutputSpacing([spacing_mm] * 3)
    filter_.SetOutputOrigin(image.GetOrigin())
    filter_.SetOutputDirection(image.GetDirection())
    filter_.SetInterpolator(interpolator)
    return filter_.Execute(image)


def centred(fixed: Frame, moving: Frame) -> Rigid:
    """Give the move that lays one tumour's centroid over the other's."""
    return Rigid(np.eye(3), fixed.centre_lps_mm, moving.centre_lps_mm - fixed.centre_lps_mm)


def align(fixed: Frame, moving: Frame, *, spec: RegistrationSpec) -> Rigid:
    """Find the rigid move from the fixed to the moving scan.

    It starts with equal centroids of the tumours and climbs normalised cross-correlation of the
    surroundings over a pyramid, on a fixed random sample of voxels and in one thread, so that equal input
    gives an equal result.

    Raises
    ------
    RegistrationRefused
        If the surroundings do not overlap.
    """
    start = centred(fixed, moving)
    transform = sitk.Euler3DTransform()
    transform.SetCenter(start.centre_lps_mm.tolist())
    transform.SetTranslation(start.translation_mm.tolist())
    smallest = min(fixed.image.GetSize())
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(fixed.counts)
    method.SetMetricMovingMask(moving.counts)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(spec.sampled_share, spec.seed)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([max(1, min(factor, smallest // 8)) for factor in (4, 2, 1)])
    method.SetSmoothingSigmasPerLevel([2 * spec.spacing_mm, spec.spacing_mm, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=spec.spacing_mm, minStep=0.01, numberOfIterations=60, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed.image, moving.image)
    except RuntimeError:  # ITK: all samples map outside the moving image
        raise RegistrationRefused("The surroundings of the two tumours do not overlap in the two scans.") from None
    matrix = np.array(transform.GetMatrix()).reshape(3, 3)
    return Rigid(matrix, np.array(transform.GetCenter()), np.array(transform.GetTranslation()))


def laid_over(fixed: Frame, moving: Frame, rigid: Rigid) -> tuple[Float, Float, Float, Float]:
    """Give image and weight of the fixed scan, then of the moving one on the fixed grid, all (z, y, x)."""
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(rigid.rotation.ravel().tolist())
    transform.SetCenter(rigid.centre_lps_mm.tolist())
    transform.SetTranslation(rigid.translation_mm.tolist())
    image = sitk.Resample(moving.image, fixed.image, transform, sitk.sitkLinear, OUTSIDE_HU)
    counts = sitk.Resample(moving.counts, fixed.image, transform, sitk.sitkNearestNeighbor, 0)
    parts = (fixed.image, fixed.counts, image, counts)
    a, b, c, d = (np.ascontiguousarray(sitk.GetArrayFromImage(part), dtype=np.float32) for part in parts)
    return a, b, c, d
