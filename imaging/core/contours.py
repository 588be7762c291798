"""Filling contours by the pixel-centre, even-odd rule, and joining those of one slice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]
Raster = NDArray[np.bool_]

#: Outlines that run no further apart than this are one outline that was stored twice.
SAME_OUTLINE_PIXELS = 0.5

#: Part of a smaller outline that must lie within a larger one for a hole.
_HOLE_SHARE = 0.9


@dataclass(frozen=True, eq=False)
class JoinedOutlines:
    """The outlines of one slice as one region.

    Parameters
    ----------
    filled : ndarray of bool, shape (rows, columns)
        True inside.
    repeated : int
        Outlines that equal another one and were counted once.
    crossing : int
        Outlines that cross another one and were united with it.
    """

    filled: Raster
    repeated: int = 0
    crossing: int = 0


def join(polygons: Sequence[Polygon], *, shape: tuple[int, int]) -> JoinedOutlines:
    """Fill the closed outlines of one region in one slice.

    An outline that coincides with another counts once, outlines that cross are united, and one that lies wholly within
    another is a hole; within a hole lies an island again.

    Parameters
    ----------
    polygons : sequence of ndarray, shape (n, 2)
        As for `fill`.
    shape : tuple of int
        Rows and columns.
    """
    if len(polygons) == 1:
        return JoinedOutlines(fill(polygons, shape=shape))
    distinct: list[Polygon] = []
    for polygon in polygons:
        if not any(_coincide(polygon, other) for other in distinct):
            distinct.append(polygon)
    # Each is filled by itself, so the work is done within the box around all of them.
    low, box = _box(distinct, shape)
    areas = [
        fill([polygon - low], shape=(box[0].stop - box[0].start, box[1].stop - box[1].start)) for polygon in distinct
    ]
    united = _united([area for area in areas if area.any()])
    filled = np.zeros(shape, dtype=bool)
    for area, _count in united:
        filled[box] ^= area  # what lies within an odd number of them is inside
    crossing = sum(count for _, count in united if count > 1)
    return JoinedOutlines(filled, repeated=len(polygons) - len(distinct), crossing=crossing)


def fill(polygons: Iterable[Polygon], *, shape: tuple[int, int]) -> Raster:
    """Fill the polygons of one slice, all of which share the count of crossings.

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
    filled: Raster = np.bitwise_xor.accumulate(toggles[:, :columns], axis=1).astype(bool)
    return filled


def _box(polygons: Sequence[Polygon], shape: tuple[int, int]) -> tuple[NDArray[np.intp], tuple[slice, slice]]:
    """Return the first pixel of the box around polygons, and the box, within an image."""
    points = np.concatenate(polygons)
    low = np.clip(np.floor(points.min(axis=0)), 0, np.array(shape) - 1).astype(np.intp)
    high = np.clip(np.ceil(points.max(axis=0)) + 1, low + 1, shape).astype(np.intp)
    return low, (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))


def _united(areas: Sequence[Raster]) -> list[tuple[Raster, int]]:
    """Return areas that overlap in part joined to one, each with how many outlines it was made of."""
    united: list[tuple[Raster, int]] = []
    for area in areas:
        joined = (area, 1)
        # Joined, an area may reach one that neither reached before.
        while partner := next((other for other in united if _cross(joined[0], other[0])), None):
            united = [other for other in united if other is not partner]
            joined = (joined[0] | partner[0], joined[1] + partner[1])
        united.append(joined)
    return united


def _cross(one: Raster, other: Raster) -> bool:
    """Return whether two areas share pixels while neither lies within the other.

    A hole that was drawn against the wall may leave it by a few pixels: it stays a hole.
    """
    small, large = sorted((one, other), key=np.count_nonzero)
    shared, size = int(np.count_nonzero(small & large)), int(np.count_nonzero(small))
    is_hole = shared >= _HOLE_SHARE * size and 2 * size <= int(np.count_nonzero(large))
    return 0 < shared < size and not is_hole


def _coincide(one: Polygon, other: Polygon) -> bool:
    """Tell whether each corner of either outline lies on the other one."""
    low = np.abs(one.min(axis=0) - other.min(axis=0)).max()
    high = np.abs(one.max(axis=0) - other.max(axis=0)).max()
    if max(low, high) > SAME_OUTLINE_PIXELS:
        return False
    return max(_farthest(one, other), _farthest(other, one)) <= SAME_OUTLINE_PIXELS


def _farthest(points: Polygon, outline: Polygon) -> float:
    """Return the largest distance of points from an outline, in pixels."""
    start, step = outline, np.roll(outline, -1, axis=0) - outline
    length = np.maximum((step**2).sum(axis=1), 1e-12)
    worst = 0.0
    for point in points:
        along = np.clip(((point - start) * step).sum(axis=1) / length, 0.0, 1.0)
        nearest = start + along[:, None] * step
        worst = max(worst, float(np.sqrt(((point - nearest) ** 2).sum(axis=1).min())))
    return worst


def _crossings(polygon: Polygon) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Give every (row, column) where an edge crosses a row of pixel centres; rows are half open."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    low = np.ceil(np.minimum(start[:, 0], end[:, 0])).astype(np.intp)
    count = np.ceil(np.maximum(start[:, 0], end[:, 0])).astype(np.intp) - low
    edge = np.repeat(np.arange(len(polygon)), count)
    row = low[edge] + np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count)
    (y0, x0), (y1, x1) = start[edge].T, end[edge].T
    return row, x0 + (row - y0) * (x1 - x0) / (y1 - y0)
