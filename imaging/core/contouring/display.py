"""How a scan is laid before a person's eyes: whole numbers of HU, and which way the axes run."""

from __future__ import annotations

import numpy as np

from imaging.core.geometry import Grid, Volume

#: Letters of the patient's sides towards which x, y and z of LPS fall and grow.
_SIDES = (("R", "L"), ("A", "P"), ("I", "S"))


def slices_int16(volume: Volume, first: int, count: int) -> bytes:
    """Give slices as little-endian int16 in C order, HU rounded and clipped to what fits."""
    part = volume.array[first : first + count]
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(part), limits.min, limits.max).astype("<i2").tobytes()


def directions(grid: Grid) -> dict[str, dict[str, object]]:
    """Give for each axis the sides at its start and end, and whether a picture shows it backwards.

    Pictures follow the radiological convention: the patient's right on the left, front on top, head on top.

    Returns
    -------
    dict
        Keys ``x``, ``y`` and ``z`` (columns, rows, slices) with ``start``, ``end`` and ``flip``.
    """
    found: dict[str, dict[str, object]] = {}
    for axis, along in zip("xyz", np.asarray(grid.direction).T, strict=True):
        main = int(np.argmax(np.abs(along)))
        low, high = _SIDES[main]
        grows = bool(along[main] > 0)
        # On a screen z is shown upwards, so that a slice axis that grows towards the head needs no turning.
        found[axis] = {"start": low if grows else high, "end": high if grows else low, "flip": not grows}
    return found
