"""Label maps that cover a part of an image's grid: 3D Slicer crops them, other programs leave empty slices out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.geometry import GRID_TOLERANCE_MM, Grid
from imaging.core.nifti import Labels


def first_voxel(part: Grid, whole: Grid) -> NDArray[np.intp] | None:
    """Return the index (z, y, x) in a grid of the first voxel of another, None where their voxels differ."""
    ends = np.array(part.shape_zyx) - 1
    corners = np.array(np.meshgrid(*[(0, end) for end in ends], indexing="ij")).reshape(3, -1).T
    places = np.array([part.position(corner) for corner in corners])
    first = np.rint(whole.index(places)[0]).astype(np.intp)
    expected = np.array([whole.position(first + corner) for corner in corners])
    apart = np.linalg.norm(places - expected, axis=1).max()
    steps = np.abs(np.array(part.spacing_zyx_mm) - np.array(whole.spacing_zyx_mm)).max()
    return first if apart <= GRID_TOLERANCE_MM and steps <= GRID_TOLERANCE_MM else None


def covers_part_of(part: Grid, whole: Grid) -> bool:
    """Return whether every voxel of a grid is a voxel of another."""
    first = first_voxel(part, whole)
    return first is not None and bool(
        (first >= 0).all() and (first + np.array(part.shape_zyx) <= np.array(whole.shape_zyx)).all()
    )


def on_whole_grid(labels: Labels, part: Grid, whole: Grid) -> tuple[Labels, Grid]:
    """Place a label map on the grid of which it covers a part; exact, or as it came.

    Parameters
    ----------
    labels : ndarray of int, shape (z, y, x)
    part : Grid
        Its own grid, its axes running as those of `whole`.
    whole : Grid
        The image's.
    """
    first = first_voxel(part, whole)
    if part.matches(whole) or first is None:
        return labels, part
    inside = np.argwhere(labels)
    if inside.size and ((inside + first < 0) | (inside + first >= np.array(whole.shape_zyx))).any():
        return labels, part
    placed = np.zeros(whole.shape_zyx, dtype=labels.dtype)
    low = np.maximum(first, 0)
    high = np.minimum(first + np.array(part.shape_zyx), np.array(whole.shape_zyx))
    if (high > low).all():
        source = tuple(slice(a - f, b - f) for a, b, f in zip(low, high, first, strict=True))
        placed[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = labels[source]
    return placed, whole
