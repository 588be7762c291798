"""What a NIfTI header promises, checked before ITK reads the file: ITK mends some contradictions in silence."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imaging.core.errors import SeriesRefused, UnreadableFile
from imaging.core.filetype import open_unpacked
from imaging.core.geometry import GRID_TOLERANCE_MM

_HEADER_BYTES = 348
_CHUNK_BYTES = 2**20
#: Cosine between two axes from which they are not perpendicular.
PERPENDICULAR = 1e-3

Matrix = NDArray[np.float64]


def require_whole(path: Path, *, what: str) -> None:
    """Refuse a NIfTI file that ends before its last voxel: ITK would read the rest as zeros, in silence.

    Raises
    ------
    UnreadableFile
        With the bytes held and promised.
    """
    with open_unpacked(path) as file:
        header = file.read(_HEADER_BYTES)
        order = _order(header)
        rank, *sizes = struct.unpack_from(f"{order}8h", header, 40)
        (bits,) = struct.unpack_from(f"{order}h", header, 72)
        (offset,) = struct.unpack_from(f"{order}f", header, 108)
        promised = int(offset) + math.prod(sizes[:rank]) * bits // 8
        held = len(header)
        while held < promised and (chunk := file.read(min(_CHUNK_BYTES, promised - held))):
            held += len(chunk)
        file.read(1)  # at the end, gzip compares its checksum
    if held < promised:
        raise UnreadableFile(f"{what} is truncated: it holds {held} of {promised} bytes.")


def require_one_place(path: Path) -> None:
    """Refuse a NIfTI file whose two statements of its place (qform, sform) disagree, or whose axes are sheared.

    ITK takes one of the two without a word, and the other where the first cannot be used.

    Raises
    ------
    SeriesRefused
        With the distance by which they disagree, or the angle between axes.
    """
    with open_unpacked(path) as file:
        header = file.read(_HEADER_BYTES)
    order = _order(header)
    by_quaternion, by_rows = struct.unpack_from(f"{order}2h", header, 252)
    sizes = np.array(struct.unpack_from(f"{order}3h", header, 42), dtype=np.float64)
    rows = np.array(struct.unpack_from(f"{order}12f", header, 280), dtype=np.float64).reshape(3, 4)
    if by_rows > 0:
        require_perpendicular(rows[:, :3])
    if by_quaternion > 0 and by_rows > 0:
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in sizes])).reshape(3, -1)
        places = [m[:, :3] @ corners + m[:, 3:] for m in (rows, _from_quaternion(header, order))]
        apart = float(np.linalg.norm(places[0] - places[1], axis=0).max())
        if not apart <= GRID_TOLERANCE_MM:
            raise SeriesRefused(
                f"The file states twice where its voxels lie (qform and sform), and the two differ by up to {apart:.4g} mm."
            )


def undue_intercept(path: Path) -> float:
    """Return the intercept that ITK adds although a NIfTI header asks for no scaling (scl_slope 0); else 0."""
    with open_unpacked(path) as file:
        header = file.read(_HEADER_BYTES)
    slope, intercept = struct.unpack_from(f"{_order(header)}2f", header, 112)
    return float(intercept) if slope == 0 and math.isfinite(intercept) else 0.0


def require_perpendicular(axes: Matrix) -> None:
    """Refuse axes, the columns of a matrix, that are not perpendicular.

    Raises
    ------
    SeriesRefused
        With the angle.
    """
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(lengths).all() or lengths.min() <= 0:
        return  # no direction at all: reading says so
    unit = axes / lengths
    cosine = float(np.abs(unit.T @ unit - np.eye(3)).max())
    if cosine > PERPENDICULAR:
        raise SeriesRefused(
            f"The axes of the file lean by {np.degrees(np.arcsin(min(cosine, 1.0))):.3g} degrees against each other: a "
            "sheared grid, as of a tilted gantry. Resample it onto a right-angled grid."
        )


def _order(header: bytes) -> Literal["<", ">"]:
    return "<" if header[:4] == b"\x5c\x01\0\0" else ">"


def _from_quaternion(header: bytes, order: str) -> Matrix:
    """Give the (3, 4) matrix of a header's quaternion, as the NIfTI-1 standard defines it."""
    sign, *spacing = struct.unpack_from(f"{order}4f", header, 76)
    b, c, d, *offset = struct.unpack_from(f"{order}6f", header, 256)
    a = math.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    spacing[2] *= -1.0 if sign < 0 else 1.0
    return np.column_stack([rotation * np.array(spacing), offset])
