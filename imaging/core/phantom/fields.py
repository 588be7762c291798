"""Seeded random numbers and smooth random fields, equal on every run.

Fields are drawn on a lattice in patient millimetres and interpolated onto a scan's grid, so that
the same anatomy appears in scans of different spacing. Interpolation gathers and adds in a fixed
order; it never goes through a threaded matrix product.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float = NDArray[np.float32]


def generator(*key: object) -> np.random.Generator:
    """Give a PCG64 generator for a key such as ``(seed, code, timepoint)``."""
    digest = hashlib.sha256("/".join(str(part) for part in key).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


@dataclass(frozen=True)
class Lattice:
    """A regular lattice in patient space: axis values in mm along z, y and x."""

    z: Float
    y: Float
    x: Float

    @classmethod
    def covering(cls, reach_mm: tuple[tuple[float, float], ...], *, step_mm: float) -> Lattice:
        """Give a lattice of one step that reaches two steps beyond (low, high) along z, y and x."""
        z, y, x = (
            (low + step_mm * np.arange(-2, int(np.ceil((high - low) / step_mm)) + 3)).astype(np.float32)
            for low, high in reach_mm
        )
        return cls(z, y, x)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of lattice points along z, y and x."""
        return (self.z.size, self.y.size, self.x.size)

    def open(self) -> tuple[Float, Float, Float]:
        """Give the axes shaped for broadcasting, in the order z, y, x."""
        return self.z[:, None, None], self.y[None, :, None], self.x[None, None, :]


def interpolate(field: Float, lattice: Lattice, axes: tuple[Float, Float, Float]) -> Float:
    """Interpolate a lattice field onto the outer product of three axes (Catmull-Rom, separable).

    Parameters
    ----------
    field : ndarray of float32, shape of the lattice
        Values at the lattice points.
    lattice : Lattice
        Where the points are; it must reach one step beyond the axes.
    axes : tuple of ndarray of float32
        Positions in mm along z, y and x.
    """
    for axis, (knots, wanted) in enumerate(zip((lattice.z, lattice.y, lattice.x), axes, strict=True)):
        field = _along(field, axis, (wanted - knots[0]) / (knots[1] - knots[0]))
    return field


def _along(field: Float, axis: int, index: Float) -> Float:
    start = np.clip(np.floor(index).astype(np.intp), 1, field.shape[axis] - 3)
    t = (index - start).astype(np.float32)
    weights = (
        0.5 * (-t + 2 * t**2 - t**3),
        0.5 * (2 - 5 * t**2 + 3 * t**3),
        0.5 * (t + 4 * t**2 - 3 * t**3),
        0.5 * (-(t**2) + t**3),
    )
    shape = [1, 1, 1]
    shape[axis] = index.size
    out = np.take(field, start - 1, axis=axis) * weights[0].reshape(shape)
    for tap in (1, 2, 3):
        out += np.take(field, start - 1 + tap, axis=axis) * weights[tap].reshape(shape)
    return np.asarray(out, dtype=np.float32)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int, int], *, sigma: float) -> Float:
    """Draw a Gaussian field of zero mean and unit variance whose smoothing is sigma lattice steps."""
    margin = int(np.ceil(3 * sigma))
    padded = tuple(n + 2 * margin for n in shape)
    field = ndimage.gaussian_filter(rng.standard_normal(padded, dtype=np.float32), sigma, mode="wrap")
    inner = field[margin : margin + shape[0], margin : margin + shape[1], margin : margin + shape[2]]
    return np.asarray(inner / _gaussian_gain(sigma) ** 1.5, dtype=np.float32)


def _gaussian_gain(sigma: float) -> float:
    """Give the sum of squared weights of the discrete Gaussian: the variance that one axis of it leaves."""
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma, 1e-6)) ** 2)
    kernel /= kernel.sum()
    return float(np.sum(kernel**2))


def coverage(distance_mm: NDArray[np.floating], *, width_mm: float) -> Float:
    """Give the part of a voxel that lies inside a surface, from its signed distance (negative inside)."""
    return np.asarray(np.clip(0.5 - distance_mm / width_mm, 0, 1), dtype=np.float32)


def paint(image: Float, alpha: NDArray[np.floating], hu: float | NDArray[np.floating]) -> None:
    """Blend a value into an image in place."""
    image += alpha * (hu - image)
