"""Painting a whole synthetic chest: soft tissue, bones, mediastinum, lungs and their vessels."""

from __future__ import annotations

import numpy as np

from imaging.core.phantom.anatomy import (
    HU_AIR,
    HU_BLOOD,
    HU_FAT,
    HU_MUSCLE,
    Axes,
    Build,
    Surfaces,
    lung_coverage,
    paint_soft_tissue,
)
from imaging.core.phantom.fields import Float, Lattice, coverage, generator, interpolate, paint, smooth_noise
from imaging.core.phantom.skeleton import paint_bones
from imaging.core.phantom.vessels import (
    AIRWAYS,
    GREAT_VESSELS,
    LEFT_HILUM,
    OESOPHAGUS,
    RIGHT_HILUM,
    Tube,
    chains,
    grow_tree,
    lung_points,
    rasterise,
)

_REACH_MM = ((-92.0, 76.0), (-180.0, 180.0), (-180.0, 180.0))


def paint_chest(build: Build, surface: Surfaces, *, seed: int, code: str, axes: Axes) -> Float:
    """Give the HU of a chest without tumour, blur or noise, on the outer product of three axes."""
    near = surface.on(axes)
    width = float(axes[2][1] - axes[2][0])
    coarse, fine = (_noise(seed, code, axes, step_mm=step) for step in (9.0, 5.0))
    image = np.full(coarse.shape, HU_AIR, dtype=np.float32)
    _paint_couch(image, build, axes)
    paint_soft_tissue(image, near, build, axes, texture=coarse)
    paint_bones(image, near, build, axes, texture=fine)
    nodes = 120 * np.clip(1.6 * (fine + 0.4 * coarse) - 1.9, 0, 1.15)
    paint(image, coverage(near["cage"], width_mm=width), HU_FAT + 4 * coarse + nodes)
    _paint_heart(image, near, build, axes)
    lung = lung_coverage(near, width_mm=width)
    _paint_lung(image, lung, build, axes, coarse=coarse, fine=fine)
    _paint_tubes(image, lung, surface, axes, rng=generator(seed, code, "vessels"))
    return image


def _noise(seed: int, code: str, axes: Axes, *, step_mm: float) -> Float:
    """Draw a smooth field whose grain is about one lattice step."""
    lattice = Lattice.covering(_REACH_MM, step_mm=step_mm)
    return interpolate(smooth_noise(generator(seed, code, "noise", step_mm), lattice.shape, sigma=0.7), lattice, axes)


def _paint_couch(image: Float, build: Build, axes: Axes) -> None:
    _, y, x = axes
    top = build.half_depth_mm + 9 - (x / 60) ** 2 * 2.2
    line = np.clip(2.2 - np.abs(y[:, None] - top[None, :]), 0, 1) * (np.abs(x[None, :]) < 150)
    paint(image, line[None], -420.0)


def _paint_heart(image: Float, near: dict[str, Float], build: Build, axes: Axes) -> None:
    """Paint muscle with blood in the chambers and a septum between them."""
    z, y, x = (axis.reshape([-1 if i == j else 1 for j in range(3)]) for i, axis in enumerate(axes))
    width = float(axes[2][1] - axes[2][0])
    inside = np.flatnonzero((near["heart"] < 4).any(axis=(1, 2)))
    if inside.size == 0:
        return
    box = slice(int(inside[0]), int(inside[-1]) + 1)
    part, depth = image[box], near["heart"][box]
    paint(part, coverage(depth, width_mm=width), 88.0)
    paint(part, coverage(depth + 5.5, width_mm=width), HU_BLOOD - 8)
    across = 0.55 * x + 0.83 * (y + 30) + 3 * np.sin(0.05 * x) + 0 * z[box]
    septum = coverage(np.abs(across - 2) - 4.0, width_mm=width) * coverage(depth + 4, width_mm=width)
    paint(part, septum * np.clip((x + 8) / 10, 0, 1), 92.0)
    wall = coverage(np.abs(x + 16 + 0.25 * y) - 2.2, width_mm=width) * coverage(depth + 4, width_mm=width)
    paint(part, 0.7 * wall, 70.0)
    image[box] = part


def _paint_lung(image: Float, lung: Float, build: Build, axes: Axes, *, coarse: Float, fine: Float) -> None:
    """Paint parenchyma: denser towards the back, mottled, with strands too small to be told apart."""
    y = axes[1][None, :, None]
    strands = np.maximum(1 - np.abs(fine), 0) ** 4 * np.maximum(1 - np.abs(coarse - 0.3), 0) ** 2
    hu = build.lung_hu + np.float32(0.33) * y + 11 * coarse + 9 * fine + 120 * strands
    paint(image, lung, hu)


def _paint_tubes(image: Float, lung: Float, surface: Surfaces, axes: Axes, *, rng: np.random.Generator) -> None:
    """Paint great vessels, oesophagus, airways and the vessels of both lungs."""
    paint(image, rasterise(chains(GREAT_VESSELS), axes), HU_BLOOD + 12)
    paint(image, rasterise(chains(OESOPHAGUS), axes), HU_MUSCLE - 10)
    vessels: list[Tube] = []
    bronchi: list[Tube] = []
    for side, hilum in ((-1, RIGHT_HILUM), (1, LEFT_HILUM)):
        for root in (hilum, (hilum[0] - 14, hilum[1] + 8, hilum[2])):
            points = lung_points(surface, rng, side=side, count=190)
            vessels += grow_tree(root, points, rng, tip_radius_mm=0.85)
        near = lung_points(surface, rng, side=side, count=90)
        distance = np.linalg.norm(near - np.asarray(hilum, dtype=np.float32), axis=1)
        root = (hilum[0] - 7, hilum[1] + 10, hilum[2])
        bronchi += grow_tree(root, near[distance < 62], rng, tip_radius_mm=0.75)
    paint(image, rasterise(vessels, axes) * lung, 35.0)
    paint(image, 0.55 * rasterise([tube.widened(0.8) for tube in bronchi], axes) * lung, 0.0)
    paint(image, rasterise([tube.widened(1.6) for tube in chains(AIRWAYS)], axes), 30.0)
    paint(image, rasterise([*chains(AIRWAYS), *bronchi], axes), -985.0)
