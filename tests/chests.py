"""A chest whose lungs are ellipsoids, so that volumes and distances have closed forms.

Positions are LPS millimetres (x to the patient's left, y to the back, z to the head) about the middle of the chest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from imaging.core.geometry import Grid, TumorMask, Volume

GRID = Grid((80, 104, 144), (3.0, 2.5, 2.5), (-178.75, -128.75, -118.5))
#: Semi-axes of a lung along x, y and z, and how far its centre lies from the midline.
LUNG_MM = np.array([55.0, 75.0, 100.0])
OFFSET_MM = 85.0
LUNG_ML = 4 / 3 * np.pi * float(np.prod(LUNG_MM)) / 1000
#: Where the trachea divides, and where the bronchi end (the hila), x mirrored for the right one.
CARINA_MM = np.array([0.0, 0.0, 40.0])
HILUM_MM = np.array([22.0, 0.0, 10.0])
TISSUE_HU, LUNG_HU, AIR_HU = 40.0, -850.0, -1000.0

SIGN = {"right": -1, "left": 1}
Point = NDArray[np.float64]


@dataclass
class Chest:
    """A chest that a test may paint on; shapes have the sharp edges of whole voxels."""

    grid: Grid = GRID
    array: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        shape = self.grid.shape_zyx
        z, y, x = np.meshgrid(*map(np.arange, shape), indexing="ij", sparse=True)
        index = (x, y, z)
        self.x, self.y, self.z = (
            origin + step * i
            for origin, step, i in zip(self.grid.origin_lps_mm, self.grid.spacing_zyx_mm[::-1], index, strict=True)
        )
        self.array = np.full(shape, AIR_HU, dtype=np.float32)
        self.anatomy()

    def anatomy(self) -> None:
        """Paint body, lungs and airways."""
        self.paint((self.x / 165) ** 2 + (self.y / 115) ** 2 + 0 * self.z <= 1, TISSUE_HU)
        for side in SIGN:
            self.paint(self.lung(side), LUNG_HU)
        self.tube(np.array([0.0, 0.0, 130.0]), CARINA_MM, radius_mm=9.0)
        for sign in SIGN.values():
            self.tube(CARINA_MM, HILUM_MM * [sign, 1, 1], radius_mm=4.5)

    def lung(self, side: str) -> NDArray[np.bool_]:
        a, b, c = LUNG_MM
        return ((self.x - SIGN[side] * OFFSET_MM) / a) ** 2 + (self.y / b) ** 2 + (self.z / c) ** 2 <= 1

    def ball(self, centre_mm: Point, radius_mm: float) -> NDArray[np.bool_]:
        x, y, z = centre_mm
        return (self.x - x) ** 2 + (self.y - y) ** 2 + (self.z - z) ** 2 <= radius_mm**2

    def box(self, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> NDArray[np.bool_]:
        parts = [(low <= v) & (v <= high) for v, (low, high) in ((self.x, x), (self.y, y), (self.z, z))]
        return parts[0] & parts[1] & parts[2]

    def paint(self, where: NDArray[np.bool_], hu: float) -> None:
        self.array[where] = hu

    def tube(self, start_mm: Point, end_mm: Point, *, radius_mm: float, hu: float = AIR_HU) -> None:
        """Paint a tube with ends cut level, at right angles to z."""
        t = np.clip((self.z - start_mm[2]) / (end_mm[2] - start_mm[2]), 0, 1)
        x, y = (start_mm[i] + t * (end_mm[i] - start_mm[i]) for i in (0, 1))
        low, high = sorted((start_mm[2], end_mm[2]))
        self.paint(((self.x - x) ** 2 + (self.y - y) ** 2 <= radius_mm**2) & (low <= self.z) & (self.z <= high), hu)

    def tumour(self, centre_mm: Point, radius_mm: float) -> TumorMask:
        """Paint a solid ball and give its mask."""
        inside = self.ball(centre_mm, radius_mm)
        self.paint(inside, TISSUE_HU)
        return TumorMask(inside, self.grid)

    @property
    def volume(self) -> Volume:
        return Volume(np.rint(self.array).astype(np.int16), self.grid)


def way_out(side: str, direction: Point) -> float:
    """Give how far it is from a hilum to where a straight line leaves the ellipsoid for good (mm)."""
    unit = direction / np.linalg.norm(direction)
    start = (HILUM_MM * [SIGN[side], 1, 1] - [SIGN[side] * OFFSET_MM, 0, 0]) / LUNG_MM
    step = unit / LUNG_MM
    a, b, c = step @ step, 2 * start @ step, start @ start - 1
    return float((-b + np.sqrt(b * b - 4 * a * c)) / (2 * a))


def surface(side: str, *, lateral: bool) -> Point:
    """Give points of a lung's surface, about 1 mm apart: its half towards the chest wall, or towards the middle."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, 320), np.linspace(0, 2 * np.pi, 480))
    unit = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1).reshape(-1, 3)
    points = unit * LUNG_MM + [SIGN[side] * OFFSET_MM, 0, 0]
    return points[(np.abs(points[:, 0]) >= OFFSET_MM) == lateral]
