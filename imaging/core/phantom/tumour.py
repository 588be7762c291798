"""The tumour of a synthetic patient: its shape, its three habitats and its texture.

Shape and habitats are fields in the tumour's own coordinates (its radius is 1), so that the tumour
after treatment is recognisably the one before, only smaller and differently mixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from imaging.core.phantom.anatomy import Axes
from imaging.core.phantom.fields import Float, Lattice, coverage, generator, interpolate, paint, smooth_noise
from imaging.core.phantom.truth import PatientTruth, ScanTruth
from imaging.core.phantom.vessels import Point, Tube, rasterise

#: Standard deviation of the fine texture, the same in every patient and habitat.
TEXTURE_HU = 34.0

#: How much depth below the surface decides where the dense habitat lies, at mixing 0 and 1.
_RADIAL = (-0.95, 0.95)
_PATCH = 0.27
_REACH = 1.9
_UNIT = Lattice.covering(((-_REACH, _REACH),) * 3, step_mm=0.09)
#: The contour lies this far inside the painted edge, where a reader draws it.
_EDGE_MM = 2.2


@dataclass(frozen=True, eq=False)
class Tumour:
    """Fields of one tumour in its own coordinates, before it is placed and scaled."""

    distance: Float
    depth: Float
    patches: tuple[Float, Float]
    unit_volume: float

    @classmethod
    def of(cls, truth: PatientTruth) -> Tumour:
        """Shape the tumour of one patient."""
        rng = generator(truth.seed, truth.code, "tumour")
        distance = _unit_shape(rng)
        inside = distance < 0
        step = float(_UNIT.x[1] - _UNIT.x[0])
        patches = [smooth_noise(rng, _UNIT.shape, sigma=_PATCH / step) for _ in range(2)]
        return cls(
            distance=distance,
            depth=_normal_scores(-distance, inside),
            patches=(_normal_scores(patches[0], inside), _normal_scores(patches[1], inside)),
            unit_volume=float(np.count_nonzero(inside)) * step**3,
        )

    def radius_mm(self, scan: ScanTruth) -> float:
        """Give the scale in mm at which the tumour has the volume of a sphere of the planted diameter."""
        return 0.5 * scan.diameter_mm * float((4 / 3 * np.pi / self.unit_volume) ** (1 / 3))


def _unit_shape(rng: np.random.Generator) -> Float:
    """Give a signed distance to a lobulated, irregular surface of radius about 1."""
    z, y, x = _UNIT.open()
    stretch = np.exp(rng.normal(0, 0.09, size=3))
    radius = np.sqrt((z / stretch[0]) ** 2 + (y / stretch[1]) ** 2 + (x / stretch[2]) ** 2)
    step = float(_UNIT.x[1] - _UNIT.x[0])
    lobes = 0.15 * smooth_noise(rng, _UNIT.shape, sigma=0.36 / step)
    bumps = 0.05 * smooth_noise(rng, _UNIT.shape, sigma=0.13 / step)
    distance = np.maximum(radius - 1 - np.clip(lobes, -0.3, 0.4) - bumps, radius - 1.5)
    labels, count = ndimage.label(distance < 0)
    if count > 1:
        largest = 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
        distance = np.where((labels > 0) & (labels != largest), 0.1, distance)
    return np.asarray(distance, dtype=np.float32)


def _normal_scores(field: Float, inside: NDArray[np.bool_]) -> Float:
    """Map a field monotonically so that its values inside the tumour are standard normal."""
    known = np.sort(field[inside])
    ranks = (np.searchsorted(known, field.ravel()) + 0.5) / (known.size + 1)
    scores = special.ndtri(np.clip(ranks, 1e-3, 1 - 1e-3))
    return np.asarray(scores.reshape(field.shape), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Placed:
    """A tumour on a scan's grid, inside one box of it."""

    box: tuple[slice, slice, slice]
    axes: Axes
    distance_mm: Float
    hu: Float
    habitats: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def place(tumour: Tumour, truth: PatientTruth, scan: ScanTruth, *, centre_mm: Point, axes: Axes) -> Placed:
    """Scale a tumour to its planted size, put it at a place and give it habitats and texture."""
    radius = tumour.radius_mm(scan)
    box = []
    for axis, centre in zip(axes, centre_mm, strict=True):
        low, high = np.searchsorted(axis, (centre - (_REACH - 0.1) * radius, centre + (_REACH - 0.1) * radius))
        box.append(slice(int(low), int(high)))
    local = tuple(axis[part] - np.float32(centre) for axis, part, centre in zip(axes, box, centre_mm, strict=True))
    scaled = tuple(axis / np.float32(radius) for axis in local)
    wanted = (scaled[0], scaled[1], scaled[2])
    distance = interpolate(tumour.distance, _UNIT, wanted) * np.float32(radius)
    mask = _solid(distance < 0)
    low, dense = _habitat_fields(tumour, scan, wanted)
    low_hu, soft_hu, dense_hu = scan.habitat_hu
    hu = soft_hu + (dense_hu - soft_hu) * _step(dense)
    paint(hu, _step(low), low_hu)
    hu += TEXTURE_HU * _texture(truth, scan, (local[0], local[1], local[2]))
    habitats = np.where(low > 0, 1, np.where(dense > 0, 3, 2)).astype(np.uint8)
    habitats[~mask] = 0
    return Placed((box[0], box[1], box[2]), (local[0], local[1], local[2]), distance, hu, habitats, mask)


def _habitat_fields(tumour: Tumour, scan: ScanTruth, axes: Axes) -> tuple[Float, Float]:
    """Give two fields on a scan's grid: above zero where density is low, and where it is high.

    Both are patches; the second one also follows the depth below the surface, more outwards or more
    inwards as the mixing says. The thresholds keep the planted fractions whatever the mixing.
    """
    radial = np.float32(_RADIAL[0] + (_RADIAL[1] - _RADIAL[0]) * scan.mixing)
    low = tumour.patches[0]
    dense = radial * tumour.depth + np.sqrt(1 - radial**2) * tumour.patches[1]
    inside = tumour.distance < 0
    low_part, _, dense_part = scan.fractions
    low_level = np.quantile(low[inside], 1 - low_part)
    viable = inside & (low <= low_level)
    dense_level = np.quantile(dense[viable], 1 - dense_part / (1 - low_part))
    fields = [(low - low_level).astype(np.float32), (dense - dense_level).astype(np.float32)]
    return interpolate(fields[0], _UNIT, axes), interpolate(fields[1], _UNIT, axes)


def _step(field: Float) -> Float:
    """Turn a field into a membership that rises from 0 to 1 within a narrow band about zero."""
    return np.asarray(special.expit(field / 0.10), dtype=np.float32)


def _texture(truth: PatientTruth, scan: ScanTruth, axes: Axes) -> Float:
    """Draw fine texture of unit variance and the planted correlation length."""
    rng = generator(truth.seed, truth.code, "texture")
    lattice = Lattice.covering(((-52.0, 52.0),) * 3, step_mm=1.3)
    noise = smooth_noise(rng, lattice.shape, sigma=scan.texture_length_mm / 1.3)
    return interpolate(noise, lattice, axes)


def _solid(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the largest component and fill its holes slice by slice, as a reader draws it."""
    labels, count = ndimage.label(mask)
    if count > 1:
        mask = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return np.stack([ndimage.binary_fill_holes(part) for part in mask])


def paint_tumour(image: Float, placed: Placed, scan: ScanTruth, spicules: list[Tube], axes: Axes) -> None:
    """Paint spicules, a faint halo and the tumour into an image of HU in place."""
    width = float(axes[2][1] - axes[2][0])
    part = image[placed.box]
    halo = scan.halo * np.exp(-np.maximum(placed.distance_mm - _EDGE_MM, 0) / 3.5).astype(np.float32)
    paint(part, np.where(part < -300, halo, 0), -150.0)
    local = (axes[0][placed.box[0]], axes[1][placed.box[1]], axes[2][placed.box[2]])
    paint(part, 0.8 * rasterise(spicules, local) * (part < 0), 10.0)
    paint(part, coverage(placed.distance_mm - _EDGE_MM, width_mm=0.8 * width), placed.hu)
    image[placed.box] = part


def spicules(tumour: Tumour, truth: PatientTruth, scan: ScanTruth, *, centre_mm: Point) -> list[Tube]:
    """Draw thin strands that leave the surface outwards; they are not part of the mask."""
    rng = generator(truth.seed, truth.code, "spicules")
    radius = tumour.radius_mm(scan)
    surface = np.argwhere(np.abs(tumour.distance) < 0.05)
    chosen = surface[rng.choice(len(surface), size=int(rng.integers(10, 26)), replace=False)]
    tubes = []
    for iz, iy, ix in chosen:
        way = np.array([_UNIT.z[iz], _UNIT.y[iy], _UNIT.x[ix]], dtype=float)
        start = np.asarray(centre_mm) + 0.96 * radius * way
        bend = way / np.linalg.norm(way) + rng.normal(0, 0.22, size=3)
        end = start + bend * rng.uniform(3.0, 9.0)
        tubes.append(Tube(_point(start), _point(end), float(rng.uniform(0.7, 1.2)), 0.35))
    return tubes


def _point(values: NDArray[np.float64]) -> Point:
    return (float(values[0]), float(values[1]), float(values[2]))
