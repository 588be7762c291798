"""One scan whose slices were stored under several series UIDs: each part looks like a whole, and none of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from imaging.core.dicom import SeriesReport
from imaging.core.geometry import GRID_TOLERANCE_MM, Grid

#: Part of a slice spacing by which the parts of one scan may miss their common lattice.
_LATTICE = 0.1


def cut_notes(series: Sequence[SeriesReport], grids: Mapping[int, Grid]) -> dict[int, str]:
    """Return what is to be said of series that go on in each other.

    Parameters
    ----------
    series : sequence of SeriesReport
        All series that were found.
    grids : mapping of int to Grid
        Index into `series` → grid of those that were accepted.

    Returns
    -------
    dict of int to str
        Index into `series` → one sentence.
    """
    notes: dict[int, str] = {}
    for one, other in combinations(sorted(grids), 2):
        if not _one_scan(series[one], series[other]):
            continue
        if words := _joint(grids[one], grids[other]):
            counts = f"{grids[one].shape_zyx[0]} and {grids[other].shape_zyx[0]} slices"
            sentence = f"{words} ({counts}): a tumour in both is cut. Export them as one series."
            notes |= {one: sentence, other: sentence}
    return notes


def _one_scan(one: SeriesReport, other: SeriesReport) -> bool:
    """Return whether two series were reconstructed alike in one examination of one person."""
    return (
        one.kind == other.kind == "dicom"
        and bool(one.frame_of_reference_uid)
        and one.frame_of_reference_uid == other.frame_of_reference_uid
        and one.study_uid == other.study_uid
        and one.person == other.person
        and one.derived == other.derived
        and one.acquisition == other.acquisition
    )


def _joint(one: Grid, other: Grid) -> str:
    """Return how the slices of two grids continue each other, "" where they do not."""
    if one.shape_zyx[1:] != other.shape_zyx[1:] or not np.allclose(one.direction, other.direction, atol=1e-4):
        return ""
    if not np.allclose(one.spacing_zyx_mm, other.spacing_zyx_mm, rtol=0.01):
        return ""
    z, y, x = one.index(np.asarray(other.origin_lps_mm)).tolist()
    if max(abs(y), abs(x)) * max(one.spacing_zyx_mm[1:]) > GRID_TOLERANCE_MM:
        return ""
    first, last = sorted([(0.0, one.shape_zyx[0]), (z, other.shape_zyx[0])])
    gap = last[0] - (first[0] + first[1])
    if abs(gap) <= _LATTICE:
        return "Its slices go on without a gap in another series of the same scan"
    if gap < 0 and abs((z % 1.0) - 0.5) <= _LATTICE:
        return "Its slices lie just between those of another series of the same scan"
    return ""
