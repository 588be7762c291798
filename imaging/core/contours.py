"""Filling contours by the pixel-centre, even-odd rule."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def fill(polygons: Iterable[NDArray[np.float64]], *, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill the polygons of one slice.

    A pixel is inside when a ray from its centre towards lower columns crosses the outlines an odd
    number of times. All polygons share the count, so a polygon inside another is a hole, and a
    keyhole outline needs no special care.

    Parameters
    ----------
    polygons : iterable of ndarray, shape (n, 2)
        Vertices as fractional (row, column) indices; pixel centres have whole indices. A centre on
        an outline belongs to the polygon at its lower row and column side only, so that touching
        polygons share no pixel.
    shape : tuple of int
        Rows and columns.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    rows, columns = shape
    toggles = np.zeros((rows, columns + 1), dtype=np.uint8)
    for polygon in polygons:
        row, column = _crossings(polygon)
        inside = (row >= 0) & (row < rows)
        first = np.clip(np.ceil(column[inside]), 0, columns).astype(np.intp)
        np.bitwise_xor.at(toggles, (row[inside], first), np.uint8(1))
    filled: NDArray[np.bool_] = np.bitwise_xor.accumulate(toggles[:, :columns], axis=1).astype(bool)
    return filled


def _crossings(polygon: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Give every (row, column) where an edge crosses a row of pixel centres; rows are half open."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    low = np.ceil(np.minimum(start[:, 0], end[:, 0])).astype(np.intp)
    count = np.ceil(np.maximum(start[:, 0], end[:, 0])).astype(np.intp) - low
    edge = np.repeat(np.arange(len(polygon)), count)
    row = low[edge] + np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count)
    (y0, x0), (y1, x1) = start[edge].T, end[edge].T
    return row, x0 + (row - y0) * (x1 - x0) / (y1 - y0)
