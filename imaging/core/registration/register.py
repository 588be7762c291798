"""Bringing the second scan of a tumour onto the first: rigid, then a coarse B-spline, measured or refused."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.geometry import Grid, TumorMask, Volume, bounding_box
from imaging.core.registration.frames import Frame, Rigid, align, boxes, centred, frame_of, laid_over
from imaging.core.registration.quality import agreement, jacobian, lung_measures, require_good, vessel_agreement
from imaging.core.registration.spec import STANDARD, RegistrationSpec
from imaging.core.registration.spline import bend

__all__ = ["STANDARD", "Registered", "RegistrationSpec", "lung_grid_of", "register", "warp_labels"]

Points = NDArray[np.float64]
Progress = Callable[[int, int], None]
_STAGES = 4
_LUNG_STEP_MM = 1.0
#: Places at which forth and back are compared, spread evenly over the tumour's voxels.
_PROBES = 2000


@dataclass(frozen=True, eq=False)
class Registered:
    """Where each place around a tumour went, from the first scan to the second.

    Parameters
    ----------
    displacement : ndarray of float32, shape (z, y, x, 3)
        At each point of `grid`, what to add to its position ``(x, y, z)`` in the first scan to get its
        position in the second one; LPS mm. Linear in between.
    grid : Grid
        A coarse grid in the first scan's space that covers both tumours.
    lung : ndarray of bool, shape (2, z, y, x)
        Where CT shows lung before and after treatment, both at places of the first scan.
    quality : mapping of str to float
        Measures with their units in their names.
    provenance : mapping of str to object
        Specification, versions.
    """

    displacement: NDArray[np.float32]
    grid: Grid
    lung: NDArray[np.bool_]
    quality: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)

    @property
    def lung_grid(self) -> Grid:
        """Where `lung` lies."""
        return lung_grid_of(self.grid)

    def to_post(self, positions_lps_mm: Points) -> Points:
        """Give where positions (..., 3) of the first scan lie in the second, LPS mm."""
        index = np.moveaxis(self.grid.index(positions_lps_mm), -1, 0)
        moved = [
            ndimage.map_coordinates(part, index, order=1, mode="nearest")
            for part in np.moveaxis(self.displacement, -1, 0)
        ]
        return np.asarray(positions_lps_mm + np.stack(moved, axis=-1), dtype=np.float64)


def lung_grid_of(grid: Grid) -> Grid:
    """Give the grid of 1 mm from the first to the last point of a coarse grid."""
    z, y, x = (
        int((n - 1) * step / _LUNG_STEP_MM) + 1 for n, step in zip(grid.shape_zyx, grid.spacing_zyx_mm, strict=True)
    )
    return replace(grid, shape_zyx=(z, y, x), spacing_zyx_mm=(_LUNG_STEP_MM,) * 3)


def register(
    pre: Volume,
    pre_mask: TumorMask,
    post: Volume,
    post_mask: TumorMask,
    spec: RegistrationSpec = STANDARD,
    *,
    on_progress: Progress = lambda done, total: None,
) -> Registered:
    """Bring the second scan onto the first around the tumour.

    Surroundings guide it, the tumours themselves do not (docs/methods/transitions.md). Equal input gives an
    equal result, whatever the machine's number of cores.

    Parameters
    ----------
    pre, post : Volume
        CT in HU before and after treatment.
    pre_mask, post_mask : TumorMask
        The tumour, on the grid of its CT.
    spec : RegistrationSpec
        Parameters and limits.
    on_progress : callable
        Takes steps done and steps in all.

    Raises
    ------
    RegistrationRefused
        With numbers, where the quality is beyond a limit of the spec.
    EmptyMask, GridMismatch
        If a mask is empty or does not lie on its CT.
    """
    forth_boxes, back_boxes = boxes(pre_mask, post_mask, margin_mm=spec.margin_mm, slack_mm=spec.margin_mm / 2)
    working = spec.for_box(float(np.prod(pre.grid.crop(forth_boxes[0]).shape_zyx)) * pre.grid.voxel_volume_mm3)
    forth = _find(
        frame_of(pre, pre_mask, forth_boxes[0], spec=working),
        frame_of(post, post_mask, forth_boxes[1], spec=working),
        working,
    )
    on_progress(1, _STAGES)
    back = _find(
        frame_of(post, post_mask, back_boxes[0], spec=working),
        frame_of(pre, pre_mask, back_boxes[1], spec=working),
        working,
    )
    on_progress(2, _STAGES)
    grid = _field_grid(forth, pre_mask, back(_positions(post_mask)), spec=working)
    nodes = _nodes(grid)
    found = Registered((forth(nodes) - nodes).astype(np.float32), grid, np.zeros((2, 0, 0, 0), dtype=bool))
    quality = (
        forth.quality(working) | _inconsistency(found, back, _positions(pre_mask)) | _moved(found, forth, pre_mask)
    )
    on_progress(3, _STAGES)
    require_good(quality, spec=spec)
    places = _nodes(found.lung_grid)
    lung = np.stack(
        [_hu_at(pre, places) < spec.lung_below_hu, _hu_at(post, found.to_post(places)) < spec.lung_below_hu]
    )
    on_progress(_STAGES, _STAGES)
    provenance: dict[str, object] = {
        "engine": "ecotone",
        "registration_spec": spec.digest,
        "spacing_mm": working.spacing_mm,
        "versions": {name: importlib.metadata.version(name) for name in ("SimpleITK", "numpy", "scipy")},
    }
    return replace(found, lung=lung, quality=quality, provenance=provenance)


@dataclass(frozen=True, eq=False)
class _Mapping:
    """A bend on the fixed frame's grid, followed by a rigid move."""

    fixed: Frame
    moving: Frame
    rigid: Rigid
    bent: NDArray[np.float64]  # (z, y, x, 3), mm along the frame's z, y and x axis

    def __call__(self, points: Points) -> Points:
        index = np.moveaxis(self.fixed.grid.index(points), -1, 0)
        parts = [ndimage.map_coordinates(self.bent[..., i], index, order=1, mode="nearest") for i in (2, 1, 0)]
        return self.rigid(points + np.stack(parts, axis=-1) @ np.asarray(self.fixed.grid.direction).T)

    def quality(self, spec: RegistrationSpec) -> dict[str, float]:
        """Measure the surroundings before, after the rigid step and after the bend."""
        fixed, here, image, there = laid_over(self.fixed, self.moving, centred(self.fixed, self.moving))
        before = agreement(fixed, image, here * there)
        overlap = lung_measures(fixed, image, here * there, spacing_mm=spec.spacing_mm, below_hu=spec.lung_below_hu)
        fixed, here, image, there = laid_over(self.fixed, self.moving, self.rigid)
        rigid = agreement(fixed, image, here * there)
        at = np.indices(fixed.shape) + np.moveaxis(self.bent, -1, 0) / spec.spacing_mm
        image = ndimage.map_coordinates(image, at, order=1, mode="nearest")
        weight = here * ndimage.map_coordinates(there, at, order=1, mode="constant")
        lung = lung_measures(fixed, image, weight, spacing_mm=spec.spacing_mm, below_hu=spec.lung_below_hu)
        measured = {
            "surroundings_ml": float((weight > 0.5).sum()) * spec.spacing_mm**3 / 1000,
            "ncc_before": before,
            "ncc_rigid": rigid,
            "ncc_after": agreement(fixed, image, weight),
        }
        if "lung_overlap" in overlap:
            measured["lung_overlap_before"] = overlap["lung_overlap"]
        within = {"spacing_mm": spec.spacing_mm, "below_hu": spec.lung_below_hu}
        return measured | lung | vessel_agreement(fixed, image, weight, **within)


def _find(fixed: Frame, moving: Frame, spec: RegistrationSpec) -> _Mapping:
    rigid = align(fixed, moving, spec=spec)
    return _Mapping(fixed, moving, rigid, bend(*laid_over(fixed, moving, rigid), spec=spec))


def _positions(mask: TumorMask) -> Points:
    """Give positions of evenly chosen voxels of a mask, LPS mm, shape (n, 3)."""
    index = np.argwhere(mask.array)
    if len(index) > _PROBES:
        index = index[np.linspace(0, len(index) - 1, _PROBES).astype(np.intp)]
    return _positions_of(mask.grid, index)


def _positions_of(grid: Grid, index_zyx: NDArray[np.signedinteger]) -> Points:
    affine = grid.affine_lps
    return np.asarray(index_zyx[..., ::-1] @ affine[:3, :3].T + affine[:3, 3], dtype=np.float64)


def _nodes(grid: Grid) -> Points:
    return _positions_of(grid, np.moveaxis(np.indices(grid.shape_zyx), 0, -1))


def _field_grid(forth: _Mapping, pre_mask: TumorMask, post_places: Points, *, spec: RegistrationSpec) -> Grid:
    """Give a coarse grid around both tumours in the first scan, within what was compared."""
    frame = forth.fixed.grid
    box = bounding_box(pre_mask.array)
    corners = np.array([[part.start for part in box], [part.stop - 1 for part in box]])
    places = np.concatenate([_positions_of(pre_mask.grid, corners), post_places])
    index = frame.index(places) * spec.spacing_mm
    extent = (np.array(frame.shape_zyx) - 1) * spec.spacing_mm
    low = np.clip(index.min(axis=0) - spec.field_margin_mm, 0, extent)
    high = np.clip(index.max(axis=0) + spec.field_margin_mm, 0, extent)
    shape = np.maximum(np.ceil((high - low) / spec.field_mm).astype(int) + 1, 2)
    x, y, z = frame.position(low / spec.spacing_mm).tolist()
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), (spec.field_mm,) * 3, (x, y, z), frame.direction)


def _inconsistency(found: Registered, back: _Mapping, places: Points) -> dict[str, float]:
    """Measure how far the registration forth and the independent one back lead away from where they began."""
    error = np.linalg.norm(back(found.to_post(places)) - places, axis=-1)
    return {"inconsistency_mean_mm": float(error.mean()), "inconsistency_p95_mm": float(np.percentile(error, 95))}


def _moved(found: Registered, forth: _Mapping, mask: TumorMask) -> dict[str, float]:
    """Say how much was turned, moved and bent."""
    nodes = _nodes(found.grid)
    direction = np.asarray(found.grid.direction)
    bent = (forth.rigid.inverse(found.to_post(nodes)) - nodes) @ direction  # along x, y, z of the grid
    determinant = jacobian(bent[..., ::-1], spacing_mm=found.grid.spacing_zyx_mm[0])
    at_centroids = centred(forth.fixed, forth.moving).translation_mm
    centre = forth.rigid(forth.fixed.centre_lps_mm) - forth.fixed.centre_lps_mm
    return {
        "rotation_degrees": forth.rigid.angle_degrees,
        "shift_from_centroids_mm": float(np.linalg.norm(centre - at_centroids)),
        "bend_max_mm": float(np.linalg.norm(bent, axis=-1).max()),
        "jacobian_min": float(determinant.min()),
        "jacobian_max": float(determinant.max()),
    }


def _hu_at(volume: Volume, places: Points) -> NDArray[np.float32]:
    """Interpolate HU at positions, shape (..., 3); beyond the scan there is soft tissue, not lung."""
    index = np.moveaxis(volume.grid.index(places), -1, 0)
    flat = index.reshape(3, -1)
    low = np.clip(np.floor(flat.min(axis=1)).astype(int) - 1, 0, volume.grid.shape_zyx)
    high = np.clip(np.ceil(flat.max(axis=1)).astype(int) + 2, low, volume.grid.shape_zyx)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    part = np.asarray(volume.array[z, y, x], dtype=np.float32)
    if part.size == 0:
        return np.zeros(places.shape[:-1], dtype=np.float32)
    shifted = index - low.reshape(3, *[1] * (index.ndim - 1))
    return np.asarray(ndimage.map_coordinates(part, shifted, order=1, mode="constant", cval=0.0), dtype=np.float32)


def warp_labels(labels: NDArray[np.uint8], source: Grid, registered: Registered, target: Grid) -> NDArray[np.uint8]:
    """Bring labels of the second scan to places of the first, each taking the nearest.

    Parameters
    ----------
    labels : ndarray of uint8, shape ``source.shape_zyx``
        0 means outside, as does everything beyond `source`.
    source : Grid
        Where they lie, in the second scan.
    registered : Registered
        Where places went.
    target : Grid
        Where the labels are wanted, in the first scan.

    Returns
    -------
    ndarray of uint8, shape ``target.shape_zyx``
    """
    nearest = np.rint(source.index(registered.to_post(_nodes(target)))).astype(np.intp)
    inside = ((nearest >= 0) & (nearest < source.shape_zyx)).all(axis=-1)
    found = np.zeros(target.shape_zyx, dtype=np.uint8)
    found[inside] = labels[tuple(nearest[inside].T)]
    return found
