"""Slices of a series and the one question that matters: do they form a regular grid?

The distance between slices comes from their positions along the slice normal, never from
SliceThickness. Nothing is repaired: a series that is no regular grid is refused with the numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.core.dataset import items, number, numbers
from imaging.core.errors import (
    DuplicateSlice,
    MissingGeometry,
    MissingSlice,
    MixedOrientation,
    MixedPixelSpacing,
    SliceTooThick,
    TiltedGantry,
    TooFewSlices,
    UnevenSpacing,
)
from imaging.core.geometry import Direction, Grid, Triple

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
#: Largest difference between direction cosines that rounding explains.
_COSINE_TOLERANCE = 1e-3
_SPACING_TOLERANCE_MM = 1e-3


@dataclass(frozen=True)
class Slice:
    """Where one image plane lies and how its stored values become HU.

    Positions are LPS mm; `orientation` holds the cosines along a row, then down a column;
    `pixel_spacing_mm` is (between rows, between columns), as DICOM orders them.
    """

    position_lps_mm: Triple
    orientation: tuple[float, ...]
    pixel_spacing_mm: tuple[float, float]
    shape: tuple[int, int]
    slope: float | None
    intercept: float | None


def slices_of(dataset: Dataset) -> list[Slice]:
    """Read the planes of a single-frame or enhanced multi-frame image.

    Raises
    ------
    MissingGeometry
        If a plane has no position, orientation or pixel spacing.
    """
    frames = items(dataset, "PerFrameFunctionalGroupsSequence")
    if not frames:
        return [_plane(dataset, dataset, dataset, dataset, shape=_shape(dataset))]
    shared = (items(dataset, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    return [_frame_plane(frame, shared, shape=_shape(dataset)) for frame in frames]


def functional_group(frame: Dataset, shared: Dataset, keyword: str) -> Dataset:
    """Give the first item of a functional group: the frame's own, else the shared one, else empty."""
    return (items(frame, keyword) or items(shared, keyword) or [Dataset()])[0]


def _shape(dataset: Dataset) -> tuple[int, int]:
    return int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)


def _frame_plane(frame: Dataset, shared: Dataset, *, shape: tuple[int, int]) -> Slice:
    groups = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
    position, orientation, measures = (functional_group(frame, shared, keyword) for keyword in groups)
    transformation = functional_group(frame, shared, "PixelValueTransformationSequence")
    return _plane(position, orientation, measures, transformation, shape=shape)


def _plane(
    position: Dataset, orientation: Dataset, measures: Dataset, transformation: Dataset, *, shape: tuple[int, int]
) -> Slice:
    where = numbers(position.get("ImagePositionPatient"), count=3)
    cosines = numbers(orientation.get("ImageOrientationPatient"), count=6)
    spacing = numbers(measures.get("PixelSpacing"), count=2)
    if where is None or cosines is None or spacing is None or min(spacing) <= 0:
        absent = [
            name
            for name, known in (
                ("position", where is not None),
                ("orientation", cosines is not None),
                ("pixel spacing", spacing is not None and min(spacing) > 0),
            )
            if not known
        ]
        raise MissingGeometry(f"An image of the series has no usable {' and no '.join(absent)}.")
    return Slice(
        position_lps_mm=(where[0], where[1], where[2]),
        orientation=cosines,
        pixel_spacing_mm=(spacing[0], spacing[1]),
        shape=shape,
        slope=number(transformation, "RescaleSlope"),
        intercept=number(transformation, "RescaleIntercept"),
    )


def arrange(slices: Sequence[Slice]) -> tuple[list[int], Grid]:
    """Sort slices along their normal and give the regular grid they form.

    Parameters
    ----------
    slices : sequence of Slice
        The planes in any order.

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
    _require_one_size(slices)
    _require_one_orientation(slices)
    row, column, normal = _axes(slices[0].orientation)
    positions = np.array([s.position_lps_mm for s in slices])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    along = along[order]
    _require_distinct(along)
    require_slice_count(len(slices))
    step = _require_even(along)
    _require_upright(positions[order], normal)
    x, y, z = positions[order[0]].tolist()
    between_rows, between_columns = slices[0].pixel_spacing_mm
    grid = Grid(
        shape_zyx=(len(slices), *slices[0].shape),
        spacing_zyx_mm=(step, between_rows, between_columns),
        origin_lps_mm=(x, y, z),
        direction=_direction(row, column, normal),
    )
    require_thin_slices(grid)
    return order.tolist(), grid


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


def _require_one_size(slices: Sequence[Slice]) -> None:
    sizes = Counter(s.shape for s in slices)
    if len(sizes) > 1:
        raise MixedPixelSpacing(f"The slices have {len(sizes)} different sizes (rows x columns): {_tally(sizes)}.")
    first = np.array(slices[0].pixel_spacing_mm)
    if any(np.abs(np.array(s.pixel_spacing_mm) - first).max() > _SPACING_TOLERANCE_MM for s in slices):
        spacings = Counter(s.pixel_spacing_mm for s in slices)
        raise MixedPixelSpacing(f"The slices have {len(spacings)} different pixel spacings: {_tally(spacings)} mm.")


def _tally(counts: Counter[tuple[int, int]] | Counter[tuple[float, float]]) -> str:
    shown = [f"{a:g} x {b:g} ({n} slices)" for (a, b), n in counts.most_common(3)]
    return ", ".join(shown) + (" and more" if len(counts) > 3 else "")


def _require_one_orientation(slices: Sequence[Slice]) -> None:
    first = np.array(slices[0].orientation)
    off = [s for s in slices if np.abs(np.array(s.orientation) - first).max() > _COSINE_TOLERANCE]
    if off:
        raise MixedOrientation(
            f"{len(off)} of {len(slices)} slices point in another direction than the first: "
            f"{_cosines(off[0].orientation)} against {_cosines(slices[0].orientation)} (row and column cosines)."
        )


def _cosines(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{v:.3g}" for v in values) + ")"


def _axes(orientation: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give orthonormal row, column and normal directions; rounding in the cosines is removed."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
    if np.abs(lengths - 1).max() > 10 * _COSINE_TOLERANCE or abs(row @ column) > 10 * _COSINE_TOLERANCE:
        raise MissingGeometry(
            f"The row and column cosines {_cosines(orientation)} are not perpendicular unit vectors."
        )
    row = row / lengths[0]
    column = column - (column @ row) * row
    column = column / np.linalg.norm(column)
    return row, column, np.cross(row, column)


def _direction(row: NDArray[np.float64], column: NDArray[np.float64], normal: NDArray[np.float64]) -> Direction:
    # Adding zero turns -0.0 into 0.0, so that equal grids also print equally.
    columns = np.column_stack([row, column, normal]) + 0.0
    a, b, c = (tuple(line) for line in columns.tolist())
    return (a, b, c)


def _require_distinct(along: NDArray[np.float64]) -> None:
    same = np.diff(along) < _SAME_POSITION_MM
    if not same.any():
        return
    places = np.unique(np.round(along[:-1][same], 2))
    most = int(max(np.sum(np.abs(along - place) < 2 * _SAME_POSITION_MM) for place in places))
    raise DuplicateSlice(
        f"{most} images lie at one position, {places[0]:.4g} mm along the slice normal"
        + (f", and {places.size - 1} more positions are taken twice or more" if places.size > 1 else "")
        + ": a copied file, or several phases in one series."
    )


def _require_even(along: NDArray[np.float64]) -> float:
    """Give the slice spacing in mm, or raise with the gap."""
    steps = np.diff(along)
    # Positions carry rounding; the last digits of their mean distance are noise.
    step = round(float((along[-1] - along[0]) / steps.size), 7)
    regular = along[0] + step * np.arange(along.size)
    if np.abs(along - regular).max() <= _STEP_TOLERANCE * step:
        return step
    usual = float(np.median(steps))
    multiples = steps / usual
    gaps = np.flatnonzero(multiples > 1.5)
    whole = np.abs(multiples - np.rint(multiples)).max() <= _STEP_TOLERANCE and multiples.min() > 0.5
    if whole and 0 < gaps.size < steps.size / 2:
        raise MissingSlice(_describe_gaps(along, steps, gaps, usual=usual))
    raise UnevenSpacing(
        f"The distance between slices changes within the series, from {steps.min():.4g} mm to {steps.max():.4g} mm."
    )


def _describe_gaps(
    along: NDArray[np.float64], steps: NDArray[np.float64], gaps: NDArray[np.intp], *, usual: float
) -> str:
    shown = [f"{along[g]:.6g} and {along[g + 1]:.6g} mm (a gap of {steps[g]:.4g} mm)" for g in gaps[:3]]
    missing = int(np.rint(steps[gaps] / usual).sum()) - gaps.size
    verb = "slice is" if missing == 1 else "slices are"
    more = f" and at {gaps.size - 3} more places" if gaps.size > 3 else ""
    return (
        f"{missing} {verb} missing: slices lie {usual:.4g} mm apart, but none lies between "
        f"{', '.join(shown)}{more} along the slice normal."
    )


def _require_upright(positions: NDArray[np.float64], normal: NDArray[np.float64]) -> None:
    travel = positions[-1] - positions[0]
    length = float(travel @ normal)
    drift = float(np.linalg.norm(travel - length * normal))
    if drift > _DRIFT_TOLERANCE_MM and drift > 1e-3 * length:
        angle = np.degrees(np.arctan2(drift, length))
        raise TiltedGantry(
            f"The gantry was tilted: the stack leans {angle:.1f} degrees against the slice normal "
            f"({drift:.4g} mm sideways over {length:.4g} mm). Reformat the series to upright slices."
        )
    sideways = positions - positions[0] - np.outer((positions - positions[0]) @ normal, normal)
    if (worst := float(np.linalg.norm(sideways, axis=1).max())) > max(_DRIFT_TOLERANCE_MM, 1e-3 * length):
        raise UnevenSpacing(f"Slices are shifted sideways against each other by up to {worst:.4g} mm.")
