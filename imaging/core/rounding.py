"""Evenly spaced slices whose positions a header rounds: the line on which they lie all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Steps to which headers round positions (mm), coarsest first.
_ROUNDED_TO_MM = (1.0, 0.5, 0.1, 0.05, 0.01)
_ON_LATTICE_MM = 1e-4
#: Components of the normal below this do not move a slice.
_ACROSS = 1e-3
#: Rounding coarser than this part of the spacing may look like a slice that is missing.
_AMBIGUOUS = 0.5
#: So many gaps that differ show a pattern; fewer may be missing slices.
_PATTERN = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """Even places along a normal: the first in mm, their distance in mm, and to what positions were rounded."""

    start_mm: float
    step_mm: float
    rounded_to_mm: float


def line_of(positions: Floats, normal: Floats, numbers: Sequence[int | None]) -> Line | None:
    """Fit one line to the positions of all slices, if rounding alone explains that their distances differ.

    Parameters
    ----------
    positions : ndarray, shape (slices, 3)
        In mm, ascending along the normal.
    normal : ndarray, shape (3,)
        Unit normal of the slices.
    numbers : sequence of int or None
        Instance numbers in the same order. Where rounding is as coarse as half the distance, a missing slice
        looks like rounding; then the numbers have to run on without a gap and the pattern has to recur.

    Returns
    -------
    Line or None
        None where the positions are no multiples of a step to which headers round, or lie on no line within it.
    """
    moving = positions[:, np.abs(normal) > _ACROSS]
    along, place = positions @ normal, np.arange(len(positions))
    for unit in _ROUNDED_TO_MM:
        if np.abs(moving - np.rint(moving / unit) * unit).max() > _ON_LATTICE_MM:
            continue
        width = unit * float(np.abs(normal).sum()) + _ON_LATTICE_MM
        line = _fitted(along, place, width=width, unit=unit)
        plain = line is not None and unit < _AMBIGUOUS * line.step_mm
        return line if plain or _is_pattern(along, numbers) else None
    return None


def _fitted(along: Floats, place: NDArray[np.intp], *, width: float, unit: float) -> Line | None:
    """Return the least-squares line, bent into those that leave every slice within half a rounding step."""
    apart = place[None, :] - place[:, None]
    pairs = apart > 0
    rise = (along[None, :] - along[:, None])[pairs]
    lowest, highest = ((rise - width) / apart[pairs]).max(), ((rise + width) / apart[pairs]).min()
    if lowest > highest or highest <= 0:
        return None
    slope = float(np.clip(np.polyfit(place, along, 1)[0], lowest, highest))
    rest = along - slope * place
    return Line(float(rest.min() + rest.max()) / 2, round(slope, 7), unit)


def _is_pattern(along: Floats, numbers: Sequence[int | None]) -> bool:
    steps = np.diff(along)
    odd = int((np.abs(steps - np.median(steps)) > _ON_LATTICE_MM).sum())
    known = [n for n in numbers if n is not None]
    if odd < _PATTERN or len(known) < len(numbers):
        return False
    runs = np.diff(known)
    return bool((runs == 1).all() or (runs == -1).all())
