"""An analytic chest wall and lung with vessels, seen before and after a known move and a known change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.habitats import HabitatLabels

Points = NDArray[np.float64]
Move = Callable[[Points], Points]

PRE_GRID = Grid((40, 64, 64), (3.0, 2.0, 2.0), (-63.0, -63.0, -158.5))
POST_GRID = Grid((44, 60, 70), (2.7, 2.1, 1.9), (-66.0, -60.0, 340.0))
CENTRE = np.array([0.0, 0.0, -100.0])
TABLE = np.array([3.0, 2.0, 500.0])
FIRST_MM, SECOND_MM = 14.0, 10.0


def positions(grid: Grid) -> Points:
    index = np.moveaxis(np.indices(grid.shape_zyx), 0, -1)[..., ::-1]
    return np.asarray(index @ grid.affine_lps[:3, :3].T + grid.affine_lps[:3, 3], dtype=np.float64)


def shifted(places: Points) -> Points:
    """Turn by 4 degrees about the long axis, and lie elsewhere on the table."""
    angle = np.radians(4.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return np.asarray((places - CENTRE) @ turn.T + CENTRE + TABLE)


def breathed(places: Points) -> Points:
    """Slide up to 5 mm by waves of 160 mm, on top of a move of the table."""
    _, y, z = np.moveaxis(places - CENTRE, -1, 0)
    wave = 2 * np.pi / 160.0
    slide = [2.0 * np.sin(wave * z), 3.0 * np.sin(wave * z + 0.7), 5.0 * np.cos(wave * y + 0.3)]
    return np.asarray(places + TABLE + np.stack(slide, axis=-1))


def inverse(move: Move, places: Points) -> Points:
    """Solve ``move(p) = q`` by fixed-point steps; both moves are a shift and little else."""
    found = places - TABLE
    for _ in range(60):
        found = found + (places - move(found))
    return found


def chest_hu(places: Points) -> Points:
    """Give HU of a wall beyond 48 mm to the sides, and lung with branches of many directions between."""
    x, y, z = np.moveaxis(places, -1, 0)
    branches = np.zeros(x.shape)
    for number, length in enumerate((31.0, 27.0, 37.0, 23.0, 41.0, 29.0)):
        way = np.random.default_rng(number).normal(size=3)
        way /= np.linalg.norm(way)
        branches += np.cos(2 * np.pi * (x * way[0] + y * way[1] + z * way[2]) / length + number)
    lung = -860 + 500 / (1 + np.exp(-3 * (branches - 2.2)))
    wall = 1 / (1 + np.exp(-(np.abs(x) - 48 + 3 * np.sin(z / 17) + 2 * np.sin(y / 13)) / 1.5))
    return np.asarray(lung * (1 - wall) + 40 * wall)


@dataclass(frozen=True, eq=False)
class Scan:
    volume: Volume
    mask: TumorMask


def scan(grid: Grid, anatomy: Points, *, radius_mm: float, seed: int) -> Scan:
    """Paint a chest whose voxels show these places of the first scan's anatomy, with noise of 10 HU."""
    distance = np.linalg.norm(anatomy - CENTRE, axis=-1)
    hu = chest_hu(anatomy) + np.random.default_rng(seed).normal(0, 10, grid.shape_zyx)
    hu = np.where(distance < radius_mm + 1, 35.0, hu)
    return Scan(Volume(np.rint(hu).astype(np.int16), grid), TumorMask(distance < radius_mm, grid))


@cache
def before() -> Scan:
    return scan(PRE_GRID, positions(PRE_GRID), radius_mm=FIRST_MM, seed=1)


@cache
def after(move: Move) -> Scan:
    return scan(POST_GRID, inverse(move, positions(POST_GRID)), radius_mm=SECOND_MM, seed=2)


def planted_before(places: Points) -> NDArray[np.uint8]:
    """Habitat 1 to one side, habitat 2 to the other."""
    inside = np.linalg.norm(places - CENTRE, axis=-1) < FIRST_MM
    return np.where(inside, np.where(places[..., 0] < 0, 1, 2), 0).astype(np.uint8)


def planted_after(places: Points) -> NDArray[np.uint8]:
    """A smaller tumour in which the upper half of habitat 2 has become habitat 1."""
    inside = np.linalg.norm(places - CENTRE, axis=-1) < SECOND_MM
    first = (places[..., 0] < 0) | (places[..., 2] > CENTRE[2])
    return np.where(inside, np.where(first, 1, 2), 0).astype(np.uint8)


def fine(grid: Grid) -> Grid:
    """The same extent at 1 mm, as habitats have it."""
    shape: Any = tuple(int((n - 1) * s) + 1 for n, s in zip(grid.shape_zyx, grid.spacing_zyx_mm, strict=True))
    return Grid(shape, (1.0, 1.0, 1.0), grid.origin_lps_mm)


def habitats_before() -> HabitatLabels:
    grid = fine(PRE_GRID)
    return HabitatLabels(planted_before(positions(grid)), grid, 2, "book")


def habitats_after(move: Move) -> HabitatLabels:
    grid = fine(POST_GRID)
    return HabitatLabels(planted_after(inverse(move, positions(grid))), grid, 2, "book")
