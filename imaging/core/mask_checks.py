"""Checks of a finished mask, whatever file it came in: empty slices between filled ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.core.errors import GridMismatch, MaskRefused
from imaging.core.geometry import TumorMask

_AXES = ("slices", "rows", "columns")
#: Thickest slices, in mm, on which regions are outlined: wider gaps lie between separate lesions.
_THICKEST_MM = 10.5
_NAMED = 12
#: More values than this are looked at: are they labels, or grey?
_FEW_LABELS = 8
#: Share of neighbouring voxels inside that bear one label; regions are whole, grey values are not.
_WHOLE_REGIONS = 0.5


@dataclass(frozen=True)
class Gap:
    """Empty planes from `start` up to before `stop`, between planes that are filled."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Number of empty planes."""
        return self.stop - self.start


def slice_notes(mask: TumorMask, *, name: str, series_absent: bool = False) -> tuple[str, ...]:
    """Return what a person should know of planes within a region that hold nothing of it.

    Parameters
    ----------
    mask : TumorMask
    name : str
        Of the region, for the sentence.
    series_absent : bool
        Whether the series on which it was drawn is not here; then no gap at all is taken.

    Returns
    -------
    tuple of str
        One sentence for each axis with a gap, with the planes.

    Raises
    ------
    GridMismatch
        If planes are empty at regular steps, with the planes: the region was drawn on other slices.
    """
    notes = []
    for axis, planes in enumerate(_AXES):
        gaps = gaps_of(mask, axis)
        if not gaps:
            continue
        where = _listed(gaps, count=mask.array.shape[axis], planes=planes)
        if (axis == 0 and series_absent) or _regular(gaps, _filled(mask.array, axis)):
            raise GridMismatch(
                f"Region {name!r} is empty on {where}, between {planes} that it fills: it was outlined on other, "
                f"thicker slices, or not on every one, and would be taken in stripes."
            )
        if axis == 0:
            notes.append(f"Region {name!r} is empty on {where}, between slices that it fills.")
    return tuple(notes)


def require_whole_regions(labels: NDArray[np.integer[Any]]) -> None:
    """Refuse grey values: of an image or a probability, neighbours inside seldom have equal values, of regions they do.

    Parameters
    ----------
    labels : ndarray of int, shape (z, y, x)
        Zero outside.

    Raises
    ------
    MaskRefused
        With the number of values and the share of equal neighbours.
    """
    count = np.count_nonzero(np.unique(labels))
    if count <= _FEW_LABELS:
        return
    alike = inside = 0
    for axis in range(3):
        one, other = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        both = (one != 0) & (other != 0)
        inside += int(np.count_nonzero(both))
        alike += int(np.count_nonzero(both & (one == other)))
    if alike < _WHOLE_REGIONS * inside:
        raise MaskRefused(
            f"The mask holds {count} different values, and only {100 * alike / max(inside, 1):.0f} % of neighbouring voxels "
            "share one: these are grey values, not regions."
        )


def gaps_of(mask: TumorMask, axis: int = 0) -> list[Gap]:
    """Return the runs of empty planes within a lesion, along one axis (0 slices, 1 rows, 2 columns).

    Filled planes on both sides must overlap, and lie no farther apart than the thickest slices do: wider
    or sideways gaps lie between separate lesions.
    """
    filled = np.flatnonzero(_filled(mask.array, axis))
    spacing = mask.grid.spacing_zyx_mm[axis]
    found = []
    for below, above in pairwise(filled.tolist()):
        step = above - below
        if step == 1 or (step > 2 and step * spacing > _THICKEST_MM):
            continue
        if (mask.array.take(below, axis) & mask.array.take(above, axis)).any():
            found.append(Gap(below + 1, above))
    return found


def _filled(array: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    others = tuple(other for other in range(3) if other != axis)
    filled: NDArray[np.bool_] = np.logical_or.reduce(array, axis=others)
    return filled


def _regular(gaps: list[Gap], filled: NDArray[np.bool_]) -> bool:
    """Return whether gaps return at steps, as slices of a thicker series do; one or two missed slices do not."""
    if len(gaps) < 2:
        return False
    lengths = [gap.length for gap in gaps]
    runs = [int(filled[before.stop : after.start].sum()) for before, after in pairwise(gaps)]
    if len(gaps) == 2:
        return lengths[0] == lengths[1] and runs[0] <= lengths[0]
    even = max(runs) - min(runs) <= 1 and max(lengths) - min(lengths) <= 1
    within = np.flatnonzero(filled)
    return even or 5 * sum(lengths) >= within[-1] - within[0] + 1


def listed_slices(numbers: list[int], *, planes: str = "slices") -> str:
    """Return planes by number, the first of them when there are many, for a sentence."""
    named = ", ".join(map(str, numbers[:_NAMED]))
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    return f"{planes} {named}{more}"


def _listed(gaps: list[Gap], *, count: int, planes: str) -> str:
    numbers = [plane + 1 for gap in gaps for plane in range(gap.start, gap.stop)]
    return f"{listed_slices(numbers, planes=planes)} of {count}"
