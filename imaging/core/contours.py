"""Filling contours by the pixel-centre, even-odd rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]

#: Outlines whose points all lie this many pixels from each other's outline are one outline stored twice:
#: a wall thinner than this encloses next to no pixel centre.
ONE_OUTLINE = 0.5
#: Part of a small outline that must lie within a larger one for a hole.
_HOLE_SHARE = 0.9


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


@dataclass(frozen=True)
class Joined:
    """What the closed outlines of one slice enclose, and what was found among them.

    Parameters
    ----------
    filled : ndarray of bool, shape (rows, columns)
    repeated : int
        Outlines that were left out, since an equal one is there.
    crossing : int
        Outlines that cross another one.
    """

    filled: NDArray[np.bool_]
    repeated: int = 0
    crossing: int = 0


def join(polygons: Sequence[Polygon], *, shape: tuple[int, int]) -> Joined:
    """Fill the closed outlines of one slice, whatever their order.

    Outlines that are nearly equal count once. Outlines that cross are united. All others combine as in
    `fill`: one inside another is a hole.

    Parameters
    ----------
    polygons, shape
        As for `fill`.
    """
    if len(polygons) == 1:
        return Joined(fill(polygons, shape=shape))
    different = _different(polygons)
    near = _near(different)
    filled = fill([p for i, p in enumerate(different) if not near[i].any()], shape=shape)
    involved = [i for i in range(len(different)) if near[i].any()]
    own = {i: fill([different[i]], shape=shape) for i in involved}
    groups = _groups(involved, lambda a, b: bool(near[a, b]) and _cross(own[a], own[b]))
    for group in groups:
        filled ^= np.logical_or.reduce([own[i] for i in group])
    crossing = sum(len(group) for group in groups if len(group) > 1)
    return Joined(filled, len(polygons) - len(different), crossing)


def _different(polygons: Sequence[Polygon]) -> list[Polygon]:
    """Return the outlines without those that nearly equal an earlier one."""
    kept: list[Polygon] = []
    for polygon in polygons:
        if not any(_alike(polygon, other) for other in kept):
            kept.append(polygon)
    return kept


def _alike(first: Polygon, second: Polygon) -> bool:
    boxes = [np.concatenate([p.min(axis=0), p.max(axis=0)]) for p in (first, second)]
    if np.abs(boxes[0] - boxes[1]).max() > ONE_OUTLINE:
        return False
    return max(_distance(first, second), _distance(second, first)) <= ONE_OUTLINE


def _distance(points: Polygon, outline: Polygon) -> float:
    """Return how far the farthest of some points lies from an outline, in pixels."""
    start = outline
    edge = np.roll(outline, -1, axis=0) - start
    square = np.maximum((edge**2).sum(axis=1), 1e-12)
    farthest = 0.0
    for point in points:
        along = np.clip(((point - start) * edge).sum(axis=1) / square, 0.0, 1.0)
        off = point - start - along[:, None] * edge
        farthest = max(farthest, float((off**2).sum(axis=1).min()))
        if farthest > ONE_OUTLINE**2:
            break
    return float(np.sqrt(farthest))


def _near(polygons: Sequence[Polygon]) -> NDArray[np.bool_]:
    """Return which outlines have boxes that overlap, shape (n, n)."""
    low = np.array([p.min(axis=0) for p in polygons])
    high = np.array([p.max(axis=0) for p in polygons])
    near = np.logical_and.reduce((low[:, None] < high[None]) & (low[None] < high[:, None]), axis=2)
    np.fill_diagonal(near, False)
    overlapping: NDArray[np.bool_] = near
    return overlapping


def _cross(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> bool:
    """Return whether two filled outlines share pixels while neither lies within the other.

    A hole that was drawn against the wall may leave it by a few pixels: it stays a hole.
    """
    small, large = sorted((first, second), key=np.count_nonzero)
    shared, size = int((small & large).sum()), int(small.sum())
    if shared in (0, size):
        return False
    hole = shared >= _HOLE_SHARE * size and 2 * size <= int(large.sum())
    return not hole


def _groups(members: Sequence[int], joined: Callable[[int, int], bool]) -> list[list[int]]:
    """Return the members in groups that hang together, in their order."""
    groups: list[list[int]] = []
    for member in members:
        hits = [group for group in groups if any(joined(member, other) for other in group)]
        merged = [*(other for group in hits for other in group), member]
        groups = [group for group in groups if group not in hits] + [merged]
    return groups
