"""How well two scans lie over each other around a tumour, without landmarks, and when that is not enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.errors import RegistrationRefused
from imaging.core.registration.spec import RegistrationSpec

Float = NDArray[np.float32]
Field = NDArray[np.float64]

_NEIGHBOURHOOD_MM = 6.0
#: The surface of the lung is sought after smoothing, so that it is that of chest wall and mediastinum.
_SURFACE_SMOOTHING_MM = 4.0
#: Less lung than this in the surroundings says nothing by its overlap.
_LUNG_SHARE_PERCENT = 2.0


def agreement(a: Float, b: Float, weight: Float) -> float:
    """Give the normalised cross-correlation of two images where the weight is above a half; 0 if one is flat."""
    inside = weight > 0.5
    x, y = a[inside].astype(np.float64), b[inside].astype(np.float64)
    x, y = x - (x.mean() if x.size else 0), y - (y.mean() if y.size else 0)
    size = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / size) if size > 0 else 0.0


def vessel_agreement(a: Float, b: Float, weight: Float, *, spacing_mm: float, below_hu: float) -> dict[str, float]:
    """Give the correlation of what stands out from its neighbourhood within the lungs: vessels, bronchi, fissures.

    Two chests look alike from afar; their vessels do not. Within the lungs of both images, smoothed so that
    vessels belong to them, each loses its own mean within a Gaussian of 6 mm. Nothing where there is too little
    lung.
    """
    smooth = _SURFACE_SMOOTHING_MM / spacing_mm
    lungs = [ndimage.gaussian_filter(image, smooth) < below_hu for image in (a, b)]
    counted = np.asarray(weight > 0.5) & lungs[0] & lungs[1]
    if 100.0 * counted.sum() < _LUNG_SHARE_PERCENT * max(float((weight > 0.5).sum()), 1.0):
        return {}
    weight = counted.astype(np.float32)
    sigma = _NEIGHBOURHOOD_MM / spacing_mm
    share = np.maximum(ndimage.gaussian_filter(weight, sigma), 1e-3)
    fine = [image - ndimage.gaussian_filter(image * weight, sigma) / share for image in (a, b)]
    return {"vessel_ncc_after": agreement(fine[0], fine[1], weight)}


def lung_measures(
    fixed: Float, moved: Float, weight: Float, *, spacing_mm: float, below_hu: float
) -> dict[str, float]:
    """Measure how lung lies over lung.

    Returns
    -------
    dict of str to float
        ``lung_overlap`` (Dice), ``lung_share_percent`` of the surroundings, and ``residual_mean_mm`` and
        ``residual_p95_mm``: distance from the surface of the lung in the fixed scan (chest wall, mediastinum)
        to that in the moved one. Left out where there is no lung in one of them.
    """
    inside = weight > 0.5
    first, second = (inside & (image < below_hu) for image in (fixed, moved))
    total = int(first.sum()) + int(second.sum())
    if not first.any() or not second.any():
        return {"lung_share_percent": 50.0 * total / max(int(inside.sum()), 1)}
    found = {
        "lung_overlap": 2.0 * int((first & second).sum()) / total,
        "lung_share_percent": 50.0 * total / int(inside.sum()),
    }
    sigma = _SURFACE_SMOOTHING_MM / spacing_mm
    here, there = (_surface(ndimage.gaussian_filter(image, sigma) < below_hu) for image in (fixed, moved))
    if there.any() and (here & inside).any():
        distances = ndimage.distance_transform_edt(~there, sampling=spacing_mm)[here & inside]
        found["residual_mean_mm"] = float(distances.mean())
        found["residual_p95_mm"] = float(np.percentile(distances, 95))
    return found


def _surface(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(region & ~ndimage.binary_erosion(region, border_value=1), dtype=bool)


def jacobian(displacement: Field, *, spacing_mm: float) -> Field:
    """Give the determinant of the Jacobian of ``p + u(p)``: the local factor of volume.

    Parameters
    ----------
    displacement : ndarray of float64, shape (z, y, x, 3)
        u in mm along z, y and x.
    """
    slopes = np.array([np.gradient(displacement[..., i], spacing_mm) for i in range(3)])  # (u, axis, z, y, x)
    return np.asarray(np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1)) + np.eye(3)), dtype=np.float64)


def require_good(quality: Mapping[str, float], *, spec: RegistrationSpec) -> None:
    """Refuse a registration whose quality is beyond a limit.

    Raises
    ------
    RegistrationRefused
        With every limit that is broken and both numbers; `quality` travels along.
    """
    no_lung = quality.get("lung_share_percent", 0.0) < _LUNG_SHARE_PERCENT
    skipped = {"lung_overlap", "residual_p95_mm"} if no_lung else set()
    broken = [
        words.format(quality[name], limit)
        for name, limit, is_broken, words in _limits(spec)
        if name in quality and name not in skipped and is_broken(quality[name], limit)
    ]
    if broken:
        raise RegistrationRefused(f"The scans could not be brought together: {'; '.join(broken)}.", quality=quality)


def _limits(spec: RegistrationSpec) -> tuple[tuple[str, float, Callable[[float, float], bool], str], ...]:
    """Give measure, limit, what breaks it, and words for value and limit."""
    apart = "lung surfaces lie {:.1f} mm apart (95th percentile; at most {:.1f} mm)"
    astray = "forth and back end {:.1f} mm from the start (95th percentile; at most {:.1f} mm)"
    return (
        ("surroundings_ml", spec.minimum_surroundings_ml, _below, "{:.0f} mL can be compared (at least {:.0f} mL)"),
        ("ncc_after", spec.minimum_ncc, _below, "the surroundings correlate by {:.2f} (at least {:.2f})"),
        ("vessel_ncc_after", spec.minimum_vessel_ncc, _below, "lung vessels correlate by {:.2f} (at least {:.2f})"),
        ("lung_overlap", spec.minimum_lung_overlap, _below, "lungs overlap by a Dice of {:.2f} (at least {:.2f})"),
        ("residual_p95_mm", spec.maximum_residual_mm, _above, apart),
        ("inconsistency_p95_mm", spec.maximum_inconsistency_mm, _above, astray),
        ("rotation_degrees", spec.maximum_rotation_degrees, _above, "the chest turns by {:.0f}° (at most {:.0f}°)"),
        ("jacobian_min", spec.minimum_jacobian, _below, "volume shrinks locally to {:.2f} (at least {:.2f})"),
        ("jacobian_max", spec.maximum_jacobian, _above, "volume grows locally to {:.2f} (at most {:.2f})"),
    )


def _below(value: float, limit: float) -> bool:
    return not value >= limit  # NaN breaks every limit


def _above(value: float, limit: float) -> bool:
    return not value <= limit
