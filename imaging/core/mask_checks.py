"""The finished mask against what was drawn: one test for contours, DICOM segments and label files.

Outlines that were drawn on a thick series leave every second or third slice of a thin one empty. The mask then has half of
the tumour, in stripes, and nothing else looks wrong.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imaging.core.errors import GridMismatch
from imaging.core.geometry import bounding_box

#: So many empty slices at equal distances are no accident, even where most slices are filled.
_REGULAR_GAPS = 3
#: Slices that a sentence names.
_LISTED = 6
_AXES = ("slice", "row", "column")


def require_filled_through(mask: NDArray[np.bool_], *, name: str) -> tuple[str, ...]:
    """Refuse a mask in stripes; return what is to be said of single empty slices.

    Only gaps count between slices whose masks overlap: parts that lie apart are parts, and no slices are missing.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        With at least one voxel.
    name : str
        Of the region, for the sentence.

    Returns
    -------
    tuple of str
        One sentence, or none.

    Raises
    ------
    GridMismatch
        If empty slices lie between filled ones at regular distances, with their numbers (from 1).
    """
    box = bounding_box(mask)
    part = mask[box]
    notes = []
    for axis, what in enumerate(_AXES):
        gaps, steps = _gaps(np.moveaxis(part, axis, 0))
        if not gaps:
            continue
        empty = [box[axis].start + index + 1 for gap in gaps for index in gap]
        if _regular(gaps, steps):
            raise GridMismatch(
                f"Region {name!r} has empty {what}s at regular distances between filled ones ({_numbers(empty)}): it was "
                "drawn on another, thicker series, or not in every slice."
            )
        notes.append(f"Between filled {what}s of region {name!r}, {_numbers(empty)} {_is(empty)} empty.")
    return tuple(notes)


def _gaps(part: NDArray[np.bool_]) -> tuple[list[range], int]:
    """Return the runs of empty slices between slices that overlap, and the number of steps from slice to slice."""
    filled = np.flatnonzero(part.any(axis=(1, 2)))
    pairs = [(int(a), int(b)) for a, b in pairwise(filled)]
    gaps = [range(a + 1, b) for a, b in pairs if b - a > 1 and (part[a] & part[b]).any()]
    return gaps, len(pairs)


def _regular(gaps: list[range], steps: int) -> bool:
    if len(gaps) >= 2 and 2 * len(gaps) >= steps:
        return True
    distances = np.diff([gap.start for gap in gaps])
    return len(gaps) >= _REGULAR_GAPS and bool((distances == distances[0]).all())


def _numbers(empty: list[int]) -> str:
    shown = ", ".join(map(str, empty[:_LISTED]))
    return f"{shown} and {len(empty) - _LISTED} more" if len(empty) > _LISTED else shown


def _is(empty: list[int]) -> str:
    return "is" if len(empty) == 1 else "are"
