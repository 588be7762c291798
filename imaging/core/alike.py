"""What the slices of one series have in common: size, pixel spacing and orientation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imaging.core.errors import MissingGeometry, MixedOrientation, MixedPixelSpacing
from imaging.core.planes import Slice, images

#: Largest difference between direction cosines that rounding explains.
_COSINE_TOLERANCE = 1e-3
_SPACING_TOLERANCE_MM = 1e-3

Pair = tuple[int, int] | tuple[float, float]


def require_alike(slices: Sequence[Slice]) -> None:
    """Raise unless all slices have one size, one pixel spacing and one orientation."""
    _require_one_size(slices)
    _require_one_orientation(slices)


def axes_of(orientation: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
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


def _require_one_size(slices: Sequence[Slice]) -> None:
    sizes: Counter[Pair] = Counter(s.shape for s in slices)
    if len(sizes) > 1:
        raise MixedPixelSpacing(
            f"The slices have {len(sizes)} different sizes (rows x columns): {_tally(sizes)}; "
            f"{_odd(slices, [s.shape for s in slices], sizes)}."
        )
    spacings: Counter[Pair] = Counter(s.pixel_spacing_mm for s in slices)
    usual = np.array(spacings.most_common(1)[0][0])
    if any(np.abs(np.array(spacing) - usual).max() > _SPACING_TOLERANCE_MM for spacing in spacings):
        raise MixedPixelSpacing(
            f"The slices have {len(spacings)} different pixel spacings: {_tally(spacings)} mm; "
            f"{_odd(slices, [s.pixel_spacing_mm for s in slices], spacings)}."
        )


def _odd(slices: Sequence[Slice], values: Sequence[Pair], counts: Counter[Pair]) -> str:
    usual = counts.most_common(1)[0][0]
    others = [s.number for s, value in zip(slices, values, strict=True) if value != usual]
    return f"{images(others)} {'differs' if len(others) == 1 else 'differ'} from the rest"


def _tally(counts: Counter[Pair]) -> str:
    shown = [f"{a:g} x {b:g} ({n} slices)" for (a, b), n in counts.most_common(3)]
    return ", ".join(shown) + (" and more" if len(counts) > 3 else "")


def _require_one_orientation(slices: Sequence[Slice]) -> None:
    usual = Counter(tuple(round(v, 2) for v in s.orientation) for s in slices).most_common(1)[0][0]
    first = next(s for s in slices if tuple(round(v, 2) for v in s.orientation) == usual)
    off = [s for s in slices if _turn(s, first) > _COSINE_TOLERANCE]
    if off:
        point = "points" if len(off) == 1 else "point"
        raise MixedOrientation(
            f"{len(off)} of {len(slices)} slices ({images([s.number for s in off])}) {point} in another direction "
            f"than the rest: {_cosines(off[0].orientation)} against {_cosines(first.orientation)} (row and column "
            f"cosines), {_degrees(off[0], first):.3g} degrees apart."
        )


def _turn(one: Slice, other: Slice) -> float:
    return float(np.abs(np.array(one.orientation) - np.array(other.orientation)).max())


def _degrees(one: Slice, other: Slice) -> float:
    """Give the angle by which one plane's axes are turned against another's."""
    frames = [np.column_stack(axes_of(s.orientation)) for s in (one, other)]
    cosine = (np.trace(frames[0].T @ frames[1]) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _cosines(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{v:.3g}" for v in values) + ")"
