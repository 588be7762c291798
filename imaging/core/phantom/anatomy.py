"""The chest of a synthetic patient: body, ribs, spine, mediastinum and lungs.

Positions are millimetres about the carina: x to the patient's left, y to the back, z to the head.
Surfaces are signed distances (negative inside), approximately in mm. Everything that differs between
patients is drawn from the patient's own generator, so both scans of a patient show one anatomy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.core.phantom.fields import Float, Lattice, coverage, generator, interpolate, paint, smooth_noise

HU_AIR = -1000.0
HU_FAT = -100.0
HU_MUSCLE = 55.0
HU_BLOOD = 150.0
HU_CORTEX = 620.0
HU_MARROW = 190.0

_STEP_MM = 4.0
#: Reach of the lattice along z, y and x; every scan lies inside it, whatever its range.
_REACH_MM = ((-92.0, 76.0), (-180.0, 180.0), (-180.0, 180.0))
#: The same, and what interpolation onto the lattice itself needs beyond it.
_WIDER_MM = ((-102.0, 90.0), (-190.0, 194.0), (-190.0, 194.0))
Axes = tuple[Float, Float, Float]


@dataclass(frozen=True)
class Build:
    """What makes one chest different from another (all lengths in mm)."""

    half_width_mm: float
    half_depth_mm: float
    fat_mm: float
    heart_scale: float
    rib_phase_mm: float
    disc_phase_mm: float
    lung_hu: float

    @classmethod
    def of(cls, seed: int, code: str) -> Build:
        """Draw the build of one patient."""
        rng = generator(seed, code, "build")
        return cls(
            half_width_mm=float(rng.uniform(143, 156)),
            half_depth_mm=float(rng.uniform(99, 110)),
            fat_mm=float(rng.uniform(8, 18)),
            heart_scale=float(rng.uniform(0.9, 1.08)),
            rib_phase_mm=float(rng.uniform(0, 25)),
            disc_phase_mm=float(rng.uniform(0, 26)),
            lung_hu=float(rng.uniform(-868, -838)),
        )


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Signed distances in mm on one lattice: skin, inner chest wall, mediastinum and heart."""

    lattice: Lattice
    body: Float
    cage: Float
    mediastinum: Float
    heart: Float

    def on(self, axes: Axes) -> dict[str, Float]:
        """Interpolate every surface onto the outer product of three axes."""
        return {
            name: interpolate(getattr(self, name), self.lattice, axes)
            for name in ("body", "cage", "mediastinum", "heart")
        }


def surfaces(build: Build, *, seed: int, code: str) -> Surfaces:
    """Shape the large surfaces of one chest on a lattice that covers every scan of it."""
    lattice = Lattice.covering(_REACH_MM, step_mm=_STEP_MM)
    z, y, x = lattice.open()
    rng = generator(seed, code, "surfaces")
    wobble = [1.6 * _irregularity(rng, lattice) for _ in range(3)]
    body = _superellipse(x, y + 2, build.half_width_mm - 0.10 * np.abs(z + 20) ** 1.0, build.half_depth_mm, 2.35)
    cage_x = build.half_width_mm - build.fat_mm - 16 - 0.0018 * np.maximum(z + 10, 0) ** 2
    cage = _superellipse(x, y + 1, cage_x, build.half_depth_mm - 0.45 * build.fat_mm - 14, 2.25)
    spine = _superellipse(x, y - build.half_depth_mm + 34, 25.0, 36.0, 2.0)
    cage = _smooth_max(cage, -spine, 8.0)
    heart = _heart(build, z, y, x) + 0.8 * wobble[2]
    return Surfaces(
        lattice=lattice,
        body=(body + 0.8 * wobble[0]).astype(np.float32),
        cage=(cage + wobble[1]).astype(np.float32),
        mediastinum=(_mediastinum(build, heart, z, y, x) + wobble[2]).astype(np.float32),
        heart=heart.astype(np.float32),
    )


def _irregularity(rng: np.random.Generator, lattice: Lattice) -> Float:
    """Draw a field of about 15 mm grain on a finer lattice."""
    coarse = Lattice.covering(_WIDER_MM, step_mm=14.0)
    field = smooth_noise(rng, coarse.shape, sigma=1.1)
    return interpolate(field, coarse, (lattice.z, lattice.y, lattice.x))


def _superellipse(x: Float, y: Float, a: float | NDArray[np.floating], b: float | Float, power: float) -> Float:
    """Give the radial distance to a superellipse in the axial plane."""
    norm = ((np.abs(x) / a) ** power + (np.abs(y) / b) ** power) ** (1 / power)
    radius = np.sqrt(x**2 + y**2)
    return np.asarray(radius * (1 - 1 / np.maximum(norm, 0.05)), dtype=np.float32)


def _smooth_min(a: Float, b: Float, width: float) -> Float:
    blend = np.clip(0.5 + 0.5 * (b - a) / width, 0, 1)
    return np.asarray(b + (a - b) * blend - width * blend * (1 - blend), dtype=np.float32)


def _smooth_max(a: Float, b: Float, width: float) -> Float:
    return -_smooth_min(-a, -b, width)


def _ellipsoid(z: Float, y: Float, x: Float, centre: tuple[float, float, float], axes: tuple[float, ...]) -> Float:
    """Give the approximate distance to an ellipsoid; centre and semi-axes are in the order z, y, x."""
    norm = np.sqrt(sum(((v - c) / a) ** 2 for v, c, a in zip((z, y, x), centre, axes, strict=True)))
    return np.asarray((norm - 1) * min(axes), dtype=np.float32)


def _heart(build: Build, z: Float, y: Float, x: Float) -> Float:
    scale = build.heart_scale
    along, across = 0.83 * x - 0.55 * (y + 30), 0.55 * x + 0.83 * (y + 30)
    left = _ellipsoid(z, across, along, (-84.0, 0.0, 16.0), (52.0 * scale, 42.0 * scale, 60.0 * scale))
    atria = _ellipsoid(z, y, x, (-62.0, -12.0, -16.0), (40.0 * scale, 36.0 * scale, 32.0 * scale))
    return _smooth_min(left, atria, 14.0)


def _mediastinum(build: Build, heart: Float, z: Float, y: Float, x: Float) -> Float:
    """Join heart, great vessels and the fat between the lungs."""
    front = np.clip((-y - 30) / 40, 0, 1)
    half_width = 30.0 - 22 * front - 8 * np.clip(-(z + 10) / 30, 0, 1) * (1 - front)
    band = np.abs(x + 1 - 4 * front) - half_width
    vessels = _superellipse(x + 2 - 0.1 * z, y + 8, 41.0 - 4 * np.clip(z / 30, -1, 1), 44.0, 2.2)
    vessels = _smooth_max(vessels, -(z + 38), 18.0)
    descending = np.hypot(x - 24, y - 40) - 15.5
    arch = _ellipsoid(z, y, x, (30.0, 6.0, 10.0), (22.0, 44.0, 30.0))
    hila = np.minimum(
        _ellipsoid(z, y, x, (-14.0, 2.0, -42.0), (26.0, 20.0, 16.0)),
        _ellipsoid(z, y, x, (-8.0, 4.0, 42.0), (26.0, 20.0, 16.0)),
    )
    joined = _smooth_min(np.asarray(band, dtype=np.float32), _smooth_min(heart - 5, vessels, 10.0), 10.0)
    for part in (descending, arch, hila):
        joined = _smooth_min(joined, np.asarray(part, dtype=np.float32), 8.0)
    return joined


def paint_soft_tissue(image: Float, near: dict[str, Float], build: Build, axes: Axes, *, texture: Float) -> None:
    """Paint skin, fat, the muscles of the chest wall and the fat of the mediastinum.

    Parameters
    ----------
    image : ndarray of float32
        HU, changed in place.
    near : dict of ndarray
        Surfaces on the image's grid, from `Surfaces.on`.
    texture : ndarray of float32
        A smooth random field of unit variance, for fat planes between muscles.
    """
    _, y, x = _open(axes)
    width = float(axes[2][1] - axes[2][0])
    paint(image, coverage(near["body"], width_mm=width), 20.0)
    paint(image, coverage(near["body"] + 2.2, width_mm=width), HU_FAT)
    behind = np.clip(y / 60, -0.35, 1)
    depth = near["body"] + build.fat_mm * (0.85 + 0.25 * np.cos(3 * np.arctan2(y, x)) + 0.15 * behind)
    muscle = coverage(depth, width_mm=width) * np.clip(1.5 - np.maximum(texture - 1.05, 0) * 2.2, 0.05, 1)
    paint(image, np.clip(muscle, 0, 1), HU_MUSCLE)
    wall = coverage(np.abs(near["cage"] - 11.5) - 1.1, width_mm=width)
    paint(image, 0.75 * wall * (depth < 0), HU_FAT)


def _open(axes: Axes) -> Axes:
    z, y, x = axes
    return z[:, None, None], y[None, :, None], x[None, None, :]


def lung_coverage(near: dict[str, Float], *, width_mm: float) -> Float:
    """Give the part of each voxel that is lung: inside the chest wall, outside the mediastinum."""
    return coverage(np.maximum(near["cage"], -near["mediastinum"]), width_mm=width_mm)
