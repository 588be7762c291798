"""Slices of a series and the one question that matters: do they form a regular grid?

The distance between slices comes from their positions along the slice normal, never from
SliceThickness. Nothing is repaired: a series that is no regular grid is refused with the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imaging.core.alike import axes_of, require_alike
from imaging.core.errors import (
    DuplicateSlice,
    MissingSlice,
    SeriesRefused,
    SliceTooThick,
    TiltedGantry,
    TooFewSlices,
    UnevenSpacing,
)
from imaging.core.geometry import Direction, Grid
from imaging.core.planes import Slice, images
from imaging.core.rounding import Line, line_of

#: Fewer slices cannot show whether they are evenly spaced.
MINIMUM_SLICES = 3

#: METHOD 4.1 rejects thicker slices; the spacing of slices decides, as it bounds what texture can show.
MAXIMUM_SLICE_SPACING_MM = 5.0

#: A slice may lie this part of a slice spacing off the regular grid (positions are often rounded).
_STEP_TOLERANCE = 0.1
#: Positions closer than this are one position.
_SAME_POSITION_MM = 0.01
#: Sideways drift of the last slice against the normal that rounding explains.
_DRIFT_TOLERANCE_MM = 0.2
_SPACING_TOLERANCE_MM = 1e-3
#: Gantries tilt by at most 30 degrees; a stack that leans more was not made by one.
MAXIMUM_TILT_DEGREES = 35.0
#: Cosine between slice direction and slice plane from which a stack leans; below it is rounding.
_LEANS = 1e-9


def arrange(slices: Sequence[Slice], *, tilted: bool = False) -> tuple[list[int], Grid]:
    """Sort slices along their normal and give the regular grid they form.

    Parameters
    ----------
    slices : sequence of Slice
        The planes in any order.
    tilted : bool
        Whether a stack that leans evenly, as a tilted gantry leaves it, is taken as well. Its grid is no
        right-angled one then: the slice direction leans (`leans`), and the spacing runs along it.

    Returns
    -------
    order : list of int
        Indices into `slices`, ascending along the normal (row direction x column direction).
    grid : Grid
        Shape (z, y, x), spacing in mm and LPS origin of the volume stacked in that order.

    Raises
    ------
    SeriesRefused
        One of its named kinds, with the numbers, when the planes are no regular, right-angled grid.
    """
    require_alike(slices)
    row, column, normal = axes_of(slices[0].orientation)
    positions = np.array([s.position_lps_mm for s in slices])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    along, positions = along[order], positions[order]
    _require_distinct(along, [slices[i].number for i in order])
    require_slice_count(len(slices))
    line = _line_of(positions, along, normal, [slices[i].number for i in order])
    step, start = line.step_mm, positions[0] + (line.start_mm - along[0]) * normal
    travel = (positions[-1] - positions[0]) / (len(slices) - 1)
    if not _is_upright(travel, normal, slices=len(slices)):
        _require_tilt(travel, normal, slices=len(slices), accepted=tilted)
        step, normal = float(np.linalg.norm(travel)), travel / np.linalg.norm(travel)
    _require_straight(positions, step * normal, [slices[i].number for i in order])
    x, y, z = start.tolist()
    between_rows, between_columns = slices[0].pixel_spacing_mm
    grid = Grid(
        shape_zyx=(len(slices), *slices[0].shape),
        spacing_zyx_mm=(step, between_rows, between_columns),
        origin_lps_mm=(x, y, z),
        direction=_direction(row, column, normal),
    )
    require_thin_slices(grid)
    return order.tolist(), grid


def rounding_notes(slices: Sequence[Slice], grid: Grid) -> list[str]:
    """Return what is said of slices whose rounded positions lie off the regular grid that they form."""
    *_, normal = axes_of(slices[0].orientation)
    along = np.sort(np.array([s.position_lps_mm for s in slices]) @ normal)
    step = slice_distance_mm(grid)
    off = np.abs(along - float(np.array(grid.origin_lps_mm) @ normal) - step * np.arange(along.size)).max()
    if off <= _STEP_TOLERANCE * step:
        return []
    gaps = np.diff(along)
    return [
        f"The header rounds slice positions (gaps of {gaps.min():.4g} to {gaps.max():.4g} mm): a line through all "
        f"{along.size} slices gives {step:.4g} mm between them, and no slice lies more than {off:.2g} mm off it."
    ]


def leans(grid: Grid) -> bool:
    """Tell whether the slices of a grid are shifted against each other, as under a tilted gantry."""
    row, column, travel = np.asarray(grid.direction).T
    return max(abs(float(row @ travel)), abs(float(column @ travel))) > _LEANS


def slice_distance_mm(grid: Grid) -> float:
    """Give the distance between slice planes in mm, which in a leaning stack is less than the spacing."""
    row, column, travel = np.asarray(grid.direction).T
    return abs(float(np.cross(row, column) @ travel)) * grid.spacing_zyx_mm[0]


def places_of(slices: Sequence[Slice]) -> list[list[int]]:
    """Group slices by their position along the normal; indices into `slices`, places ascending.

    Raises
    ------
    SeriesRefused
        If they do not share size, pixel spacing and orientation.
    """
    require_alike(slices)
    *_, normal = axes_of(slices[0].orientation)
    along = np.array([s.position_lps_mm for s in slices]) @ normal
    order = np.argsort(along, kind="stable")
    breaks = np.flatnonzero(np.diff(along[order]) >= _SAME_POSITION_MM) + 1
    return [place.tolist() for place in np.split(order, breaks)]


def require_slice_count(count: int) -> None:
    """Raise `TooFewSlices` below `MINIMUM_SLICES`."""
    if count < MINIMUM_SLICES:
        have = "is only 1 slice" if count == 1 else f"are only {count} slices"
        raise TooFewSlices(f"There {have}; a volume needs at least {MINIMUM_SLICES}.")


def require_thin_slices(grid: Grid) -> None:
    """Raise `SliceTooThick` when slices lie further apart than METHOD 4.1 accepts."""
    spacing = grid.spacing_zyx_mm[0]
    if spacing > MAXIMUM_SLICE_SPACING_MM + _SPACING_TOLERANCE_MM:
        raise SliceTooThick(
            f"Slices lie {spacing:.4g} mm apart; at most {MAXIMUM_SLICE_SPACING_MM:g} mm are accepted for texture."
        )


def _direction(row: NDArray[np.float64], column: NDArray[np.float64], normal: NDArray[np.float64]) -> Direction:
    # Adding zero turns -0.0 into 0.0, so that equal grids also print equally.
    columns = np.column_stack([row, column, normal]) + 0.0
    a, b, c = (tuple(line) for line in columns.tolist())
    return (a, b, c)


def _require_distinct(along: NDArray[np.float64], numbers: Sequence[int | None]) -> None:
    same = np.flatnonzero(np.diff(along) < _SAME_POSITION_MM)
    if not same.size:
        return
    runs = np.split(same, np.flatnonzero(np.diff(same) > 1) + 1)
    most = max(runs, key=len)
    together = numbers[most[0] : most[-1] + 2]
    places = int(np.count_nonzero(np.diff(along) >= _SAME_POSITION_MM)) + 1
    raise DuplicateSlice(
        f"{len(together)} images lie at one position, {along[most[0]]:.4g} mm along the slice normal "
        f"({images(together)}); {len(runs)} of {places} positions are taken twice or more"
        ": copied files, or several phases in one series."
    )


def _line_of(
    positions: NDArray[np.float64],
    along: NDArray[np.float64],
    normal: NDArray[np.float64],
    numbers: Sequence[int | None],
) -> Line:
    """Return the line of evenly spaced slices, or raise with the gap."""
    steps = np.diff(along)
    # Positions carry rounding; the last digits of their mean distance are noise.
    step = round(float((along[-1] - along[0]) / steps.size), 7)
    regular = along[0] + step * np.arange(along.size)
    if np.abs(along - regular).max() <= _STEP_TOLERANCE * step:
        return Line(float(along[0]), step, 0.0)
    if line := line_of(positions, normal, numbers):
        return line
    raise _uneven(along, steps)


def _uneven(along: NDArray[np.float64], steps: NDArray[np.float64]) -> SeriesRefused:
    """Return the refusal of slices that are not evenly spaced, with the gap."""
    usual = float(np.median(steps))
    multiples = steps / usual
    gaps = np.flatnonzero(multiples > 1.5)
    whole = np.abs(multiples - np.rint(multiples)).max() <= _STEP_TOLERANCE and multiples.min() > 0.5
    if whole and 0 < gaps.size < steps.size / 2:
        return MissingSlice(_describe_gaps(along, steps, gaps, usual=usual))
    odd = np.flatnonzero(np.abs(steps - usual) > _STEP_TOLERANCE * usual)
    where = f": between {_gaps_at(along, steps, odd)} along the slice normal" if odd.size else ""
    return UnevenSpacing(
        f"The distance between slices changes within the series, from {steps.min():.4g} mm to {steps.max():.4g} mm; "
        f"{odd.size} of {steps.size} gaps differ from the usual {usual:.4g} mm{where}."
    )


def _describe_gaps(
    along: NDArray[np.float64], steps: NDArray[np.float64], gaps: NDArray[np.intp], *, usual: float
) -> str:
    missing = int(np.rint(steps[gaps] / usual).sum()) - gaps.size
    verb = "slice is" if missing == 1 else "slices are"
    return (
        f"{missing} {verb} missing: slices lie {usual:.4g} mm apart, but none lies between "
        f"{_gaps_at(along, steps, gaps)} along the slice normal."
    )


def _gaps_at(along: NDArray[np.float64], steps: NDArray[np.float64], gaps: NDArray[np.intp]) -> str:
    shown = [f"{along[g]:.6g} and {along[g + 1]:.6g} mm (a gap of {steps[g]:.4g} mm)" for g in gaps[:3]]
    return ", ".join(shown) + (f" and at {gaps.size - 3} more places" if gaps.size > 3 else "")


def _is_upright(travel: NDArray[np.float64], normal: NDArray[np.float64], *, slices: int) -> bool:
    drift, length = _drift(travel, normal, slices=slices)
    return drift <= _DRIFT_TOLERANCE_MM or drift <= 1e-3 * length


def _drift(travel: NDArray[np.float64], normal: NDArray[np.float64], *, slices: int) -> tuple[float, float]:
    """Give how far the last slice lies sideways of the first, and how far along the normal, in mm."""
    length = float(travel @ normal) * (slices - 1)
    return float(np.linalg.norm(travel - (travel @ normal) * normal)) * (slices - 1), length


def _require_tilt(travel: NDArray[np.float64], normal: NDArray[np.float64], *, slices: int, accepted: bool) -> None:
    drift, length = _drift(travel, normal, slices=slices)
    angle = float(np.degrees(np.arctan2(drift, length)))
    if accepted and angle <= MAXIMUM_TILT_DEGREES:
        return
    raise TiltedGantry(
        f"The gantry was tilted: the stack of {slices} slices leans {angle:.1f} degrees against the slice normal "
        f"({drift:.4g} mm sideways over {length:.4g} mm)"
        + (f"; at most {MAXIMUM_TILT_DEGREES:g} degrees are straightened." if accepted else ".")
    )


def _require_straight(
    positions: NDArray[np.float64], travel: NDArray[np.float64], numbers: Sequence[int | None]
) -> None:
    """Refuse slices that are shifted sideways against the line along which the stack runs."""
    unit = travel / np.linalg.norm(travel)
    from_first = positions - positions[0]
    sideways = np.linalg.norm(from_first - np.outer(from_first @ unit, unit), axis=1)
    length = float(from_first[-1] @ unit)
    limit = max(_DRIFT_TOLERANCE_MM, 1e-3 * length)
    if (worst := float(sideways.max())) > limit:
        off = [n for n, shift in zip(numbers, sideways, strict=True) if shift > limit]
        raise UnevenSpacing(
            f"Slices are shifted sideways against each other by up to {worst:.4g} mm ({images(off)} against the first)."
        )
