"""A tumour's outline from one click: by density, or by the edges around it.

1. What was clicked is looked at within 4 mm: its median is the tumour's density. The lower limit lies half-way
   between it and aerated lung, the upper one three times its spread above it.
2. Everything between the limits that hangs together with the click is a candidate; vessels, mediastinum and
   chest wall often are, too. The distance to the candidates' surface has a peak in each thick part and a valley
   at each neck, so its watershed cuts at the necks. The part that was clicked is kept, without its vessels.
3. By edges, the cores of that part and of its neighbours become markers of a watershed on the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import reconstruction
from skimage.segmentation import watershed

from imaging.core.contouring.spheres import around, ball_in, distance_inside, opened
from imaging.core.errors import MaskRefused
from imaging.core.geometry import Triple, TumorMask, Volume

Method = Literal["density", "edges"]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Half widths in mm of the box in which is looked; the next one is taken where the tumour reaches its wall.
REACHES_MM = (25.0, 45.0, 70.0)
#: Density of aerated lung; the limit towards it lies half-way.
LUNG_HU = -850.0
#: HU beyond these do not inform: air is air, and bone and contrast agent are bright.
CLIPPED_HU = (-1000.0, 400.0)
NOISE_MM = 1.0
LOOKED_AT_MM = 4.0
#: A valley counts as a neck where it lies this share of the peak below it, and at least 1.5 mm.
NECK_SHARE, NECK_MM = 0.2, 1.5
#: Vessels thinner than twice this are cut off.
VESSEL_MM = 1.5
#: Beyond the limits by this much, nothing belongs to the tumour when edges decide.
BEYOND_HU = 200.0
TOLERANCES = (0.3, 2.0)


@dataclass(frozen=True, eq=False)
class Grown:
    """What a click gave.

    Parameters
    ----------
    mask : TumorMask
        On the volume's grid.
    window_hu : tuple of float
        Limits that were learnt.
    reaches_wall : bool
        Whether it touches the largest box, so that it may have leaked.
    """

    mask: TumorMask
    window_hu: tuple[float, float]
    reaches_wall: bool


@dataclass(frozen=True, eq=False)
class _Scene:
    """The surroundings of a click, less noise."""

    hu: Floats
    smooth_hu: Floats
    distance_mm: Floats
    at: tuple[int, int, int]
    spacing: Triple
    reach_mm: float


def grow(
    volume: Volume, seed_zyx: tuple[int, int, int], *, method: Method = "density", tolerance: float = 1.0
) -> Grown:
    """Outline what was clicked.

    Parameters
    ----------
    volume : Volume
        The CT.
    seed_zyx : tuple of int
        The voxel that was clicked.
    method : {"density", "edges"}
        Density suits tumours in lung; edges suit those that lie on other soft tissue.
    tolerance : float
        Factor on the width of the learnt window, 0.3 to 2.

    Returns
    -------
    Grown
        One connected part without holes that holds the click or lies within 4 mm of it.

    Raises
    ------
    MaskRefused
        If the click lies outside the volume, the tolerance is out of range, or nothing grew.
    """
    if not all(0 <= index < n for index, n in zip(seed_zyx, volume.grid.shape_zyx, strict=True)):
        raise MaskRefused("The click lies outside the scan.")
    if not TOLERANCES[0] <= tolerance <= TOLERANCES[1]:
        raise MaskRefused(f"The tolerance must lie between {TOLERANCES[0]:g} and {TOLERANCES[1]:g}.")
    for reach_mm in REACHES_MM:
        box, scene = _look(volume, seed_zyx, reach_mm)
        window = _learnt(scene, tolerance)
        part, parts = _part_of_click(scene, window)
        reaches_wall = bool(part.any()) and float(scene.distance_mm[part].max()) > reach_mm - 2
        if not reaches_wall:
            break
    if method == "edges" and part.any():
        part = _by_edges(scene, window, part, parts)
    part = _without_vessels(scene, part)
    if not part.any():
        raise MaskRefused(
            "Nothing grew from the click: choose a place well inside the tumour, or raise the tolerance."
        )
    whole = np.zeros(volume.grid.shape_zyx, dtype=bool)
    whole[box] = part
    return Grown(TumorMask(whole, volume.grid), window, reaches_wall)


def _look(volume: Volume, seed: tuple[int, int, int], reach_mm: float) -> tuple[Any, _Scene]:
    spacing = volume.grid.spacing_zyx_mm
    box, at = around(seed, volume.grid.shape_zyx, spacing, reach_mm)
    hu = np.clip(volume.array[box].astype(np.float64), *CLIPPED_HU)
    smooth_hu = ndimage.gaussian_filter(hu, [NOISE_MM / step for step in spacing])
    return box, _Scene(hu, smooth_hu, ball_in(hu.shape, at, spacing), at, spacing, reach_mm)


def _learnt(scene: _Scene, tolerance: float) -> tuple[float, float]:
    near = scene.smooth_hu[scene.distance_mm <= max(LOOKED_AT_MM, 1.01 * scene.spacing[2])]
    median = float(np.median(near))
    spread = 1.4826 * float(np.median(np.abs(near - median)))
    below = max(100.0, (median - LUNG_HU) / 2)
    return median - tolerance * below, median + tolerance * min(max(3 * spread, 200.0), 300.0)


def _part_of_click(scene: _Scene, window: tuple[float, float]) -> tuple[Bools, NDArray[np.int32]]:
    """Give the thick part that was clicked, and all parts that hang together with it, numbered from 1."""
    inside = (scene.smooth_hu >= window[0]) & (scene.smooth_hu <= window[1]) & (scene.distance_mm <= scene.reach_mm)
    candidates = ndimage.binary_propagation(inside & (scene.distance_mm <= LOOKED_AT_MM), mask=inside)
    if not candidates.any():
        return candidates, candidates.astype(np.int32)
    depth = distance_inside(candidates, scene.spacing)
    neck = np.maximum(NECK_MM, NECK_SHARE * depth)
    peaks = (depth > 0) & (depth - reconstruction(depth - neck, depth) >= neck * 0.999)
    numbered, _ = ndimage.label(ndimage.binary_dilation(peaks) & candidates)
    parts = watershed(-depth, numbered if numbered.any() else candidates.astype(np.int32), mask=candidates)
    nearest = np.unravel_index(np.argmin(np.where(parts > 0, scene.distance_mm, np.inf)), parts.shape)
    return parts == parts[nearest], parts


def _by_edges(scene: _Scene, window: tuple[float, float], part: Bools, parts: NDArray[np.int32]) -> Bools:
    """Let the gradient decide between the core of a part and the cores of its neighbours."""
    depth = distance_inside(parts > 0, scene.spacing)
    deepest = np.asarray(ndimage.maximum(depth, parts, np.arange(parts.max() + 1)))
    core = (parts > 0) & (depth > 0.5 * deepest[parts])
    markers = np.where(core, np.where(part, 1, 2), 0)
    outside = (scene.smooth_hu < window[0] - BEYOND_HU) | (scene.smooth_hu > window[1] + BEYOND_HU)
    markers[outside | (scene.distance_mm > scene.reach_mm)] = 2
    gradient = ndimage.gaussian_gradient_magnitude(scene.hu, [NOISE_MM / step for step in scene.spacing])
    return np.asarray(watershed(gradient, markers.astype(np.int32)) == 1)


def _without_vessels(scene: _Scene, part: Bools) -> Bools:
    thick = opened(part, scene.spacing, VESSEL_MM)
    kept = thick if thick.any() else part
    labels, _ = ndimage.label(kept)
    if not labels.any():
        return kept
    nearest = np.unravel_index(np.argmin(np.where(labels > 0, scene.distance_mm, np.inf)), labels.shape)
    return np.asarray(ndimage.binary_fill_holes(labels == labels[nearest]))
