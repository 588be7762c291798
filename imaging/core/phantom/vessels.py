"""Tubes of the synthetic chest: great vessels, airways and the vascular trees of the lungs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from imaging.core.phantom.anatomy import Axes, Surfaces
from imaging.core.phantom.fields import Float

Point = tuple[float, float, float]

RIGHT_HILUM: Point = (-14.0, 2.0, -40.0)
LEFT_HILUM: Point = (-8.0, 4.0, 40.0)

#: Centre lines (z, y, x, radius) in mm of what carries contrast medium in the mediastinum.
GREAT_VESSELS: tuple[tuple[tuple[float, float, float, float], ...], ...] = (
    ((-62, -26, 2, 14), (-30, -30, -16, 16), (14, -26, -16, 16), (28, -12, -9, 14), (33, 8, 4, 13), (29, 28, 18, 12.5),
     (16, 40, 24, 12.5), (-90, 46, 20, 12)),
    ((-48, -44, 12, 13), (-22, -38, 16, 14), (-10, -22, 18, 13), (-4, -6, 24, 11), (-2, 6, 38, 9), (-16, 12, 46, 7.5)),
    ((-12, -18, 8, 11), (-14, -8, -14, 10), (-14, -2, -36, 9), (-26, 6, -46, 7.5)),
    ((80, -24, -22, 8), (40, -24, -30, 8.5), (-46, -16, -30, 9.5)),
    ((48, -30, 26, 6), (40, -33, 0, 6.5), (34, -26, -26, 7)),
    ((34, -2, -6, 6), (80, -8, -14, 5.5)), ((34, 6, 3, 4.5), (80, 0, 18, 4.5)), ((31, 18, 12, 5), (80, 14, 28, 5)),
    ((-40, 12, -40, 6.5), (-46, 8, -14, 9)), ((-38, 14, 40, 6.5), (-46, 10, 8, 9)),
)  # fmt: skip
#: Centre lines (z, y, x, radius of the lumen) in mm of trachea and main bronchi.
AIRWAYS = (
    ((80, -2, -3, 8.5), (0, 10, 0, 8.5)),
    ((2, 10, -2, 6.8), (-12, 12, -22, 6.2), (-20, 12, -40, 5.0)),
    ((2, 10, 2, 6.2), (-16, 14, 22, 5.6), (-22, 14, 40, 4.4)),
)
OESOPHAGUS = (((80, 18, 8, 6.0), (0, 28, 10, 6.0), (-90, 34, 6, 6.5)),)


@dataclass(frozen=True)
class Tube:
    """A straight, tapering tube: two ends (z, y, x) in mm and the radius at each."""

    start: Point
    end: Point
    start_radius_mm: float
    end_radius_mm: float

    def widened(self, by_mm: float) -> Tube:
        """Give the tube with a larger radius."""
        return Tube(self.start, self.end, self.start_radius_mm + by_mm, self.end_radius_mm + by_mm)


def chains(lines: Iterable[Iterable[tuple[float, float, float, float]]]) -> list[Tube]:
    """Cut centre lines (z, y, x, radius) into tubes."""
    tubes = []
    for line in lines:
        points = list(line)
        tubes += [Tube(a[:3], b[:3], a[3], b[3]) for a, b in pairwise(points)]
    return tubes


def rasterise(tubes: Iterable[Tube], axes: Axes) -> Float:
    """Give the part of each voxel that lies in any of the tubes, on the outer product of three axes."""
    alpha = np.zeros(tuple(axis.size for axis in axes), dtype=np.float32)
    width = float(axes[2][1] - axes[2][0])
    for tube in tubes:
        _rasterise_one(alpha, tube, axes, width)
    return alpha


def _rasterise_one(alpha: Float, tube: Tube, axes: Axes, width: float) -> None:
    reach = max(tube.start_radius_mm, tube.end_radius_mm) + width
    box = []
    for axis, a, b in zip(axes, tube.start, tube.end, strict=True):
        low, high = np.searchsorted(axis, (min(a, b) - reach, max(a, b) + reach))
        if low == high:
            return
        box.append(slice(int(low), int(high)))
    z, y, x = axes[0][box[0], None, None], axes[1][None, box[1], None], axes[2][None, None, box[2]]
    dz, dy, dx = (b - a for a, b in zip(tube.start, tube.end, strict=True))
    length2 = max(dz * dz + dy * dy + dx * dx, 1e-6)
    rz, ry, rx = z - np.float32(tube.start[0]), y - np.float32(tube.start[1]), x - np.float32(tube.start[2])
    t = np.clip((rz * dz + ry * dy + rx * dx) / length2, 0, 1).astype(np.float32)
    distance = np.sqrt((rz - t * dz) ** 2 + (ry - t * dy) ** 2 + (rx - t * dx) ** 2)
    radius = tube.start_radius_mm + t * (tube.end_radius_mm - tube.start_radius_mm)
    # A vessel thinner than a voxel fills only a part of it.
    filled = np.clip(0.5 + (radius - distance) / width, 0, 1) * np.clip(2.0 * radius / width, 0, 1)
    part = alpha[tuple(box)]
    np.maximum(part, filled, out=part, casting="unsafe")


def lung_points(surface: Surfaces, rng: np.random.Generator, *, side: int, count: int) -> Float:
    """Draw points (z, y, x) in mm, evenly spread in one lung, at least 3 mm from its surface."""
    lattice = surface.lattice
    inside = (np.maximum(surface.cage, -surface.mediastinum) < -3) & (lattice.x[None, None, :] * side > 0)
    where = np.argwhere(inside)
    chosen = where[rng.choice(len(where), size=min(count, len(where)), replace=False)]
    step = lattice.x[1] - lattice.x[0]
    jitter = rng.uniform(-0.5, 0.5, size=chosen.shape) * step
    points = np.stack([lattice.z[chosen[:, 0]], lattice.y[chosen[:, 1]], lattice.x[chosen[:, 2]]], axis=1)
    return np.asarray(points + jitter, dtype=np.float32)


def grow_tree(root: Point, points: Float, rng: np.random.Generator, *, tip_radius_mm: float) -> list[Tube]:
    """Connect points to a tree that grows outwards from a root; radii follow Murray's law.

    Each point, nearest to the root first, joins the node that keeps both the new branch and the way
    from the root short; a bend in the middle of each branch keeps it from being straight.
    """
    root_point = np.asarray(root, dtype=np.float32)
    order = np.argsort(np.linalg.norm(points - root_point, axis=1), kind="stable")
    nodes, parents, path = [root_point], [-1], [0.0]
    for point in points[order]:
        known = np.asarray(nodes)
        gap = np.linalg.norm(known - point, axis=1)
        best = int(np.argmin(gap + 0.42 * np.asarray(path)))
        middle = 0.5 * (known[best] + point) + rng.normal(0, 0.05 * float(gap[best]) + 0.2, size=3).astype(np.float32)
        nodes += [middle, point]
        parents += [best, len(nodes) - 2]
        path += [path[best] + 0.5 * float(gap[best]), path[best] + float(gap[best])]
    return _with_radii(nodes, parents, tip_radius_mm)


def _with_radii(nodes: list[Float], parents: list[int], tip_radius_mm: float) -> list[Tube]:
    """Sum cubes of radii from the tips to the root (Murray 1926)."""
    cube = np.zeros(len(nodes))
    for child in range(len(nodes) - 1, 0, -1):
        cube[child] = max(cube[child], tip_radius_mm**3)
        cube[parents[child]] += cube[child]
    radius = np.minimum(np.cbrt(cube), 6.0)
    tubes = []
    for child in range(1, len(nodes)):
        start, end = _point(nodes[parents[child]]), _point(nodes[child])
        tubes.append(Tube(start, end, float(min(radius[parents[child]], 1.35 * radius[child])), float(radius[child])))
    return tubes


def _point(position: Float) -> Point:
    return (float(position[0]), float(position[1]), float(position[2]))
