"""Trachea and main bronchi, followed from slice to slice: they must not join the lungs, and they lead to the hila."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.errors import LungsNotFound

#: Neighbours within a slice only.
IN_PLANE = ndimage.generate_binary_structure(3, 1) & (np.arange(3) == 1)[:, None, None]

Index = tuple[float, float, float]


@dataclass(frozen=True)
class AirwaySettings:
    """What counts as an airway; all are our defaults.

    Parameters
    ----------
    lumen_hu : float
        The lumen lies below; lower than the lungs' limit, so that a thin wall still parts the two.
    lumen_mm2 : tuple of float
        Smallest and largest area of a lumen in a slice; a larger one has run into the lung.
    trachea_mm : float
        Shortest stretch that is followed before it divides.
    bronchus_mm : float
        Both parts are followed at least so far below the division, or it is none.
    hilum_mm : float
        A bronchus is followed at most so far below the division, or until it can no longer be told from the lung.
    """

    lumen_hu: float = -700.0
    lumen_mm2: tuple[float, float] = (25.0, 900.0)
    trachea_mm: float = 15.0
    bronchus_mm: float = 7.5
    hilum_mm: float = 30.0


@dataclass(frozen=True, eq=False)
class Airways:
    """Trachea and main bronchi on an upright grid.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        Their lumen.
    carina : tuple of float
        Index (z, y, x) of the last undivided slice's lumen.
    ends : tuple of tuple of float
        Index (z, y, x) of the end of the right and of the left main bronchus: the hila.
    """

    mask: NDArray[np.bool_]
    carina: Index
    ends: tuple[Index, Index]


class _Lumens:
    """Lumen-sized pieces of air of each slice, numbered from 1, and how they hang together."""

    def __init__(self, air: NDArray[np.bool_], spacing_zyx_mm: tuple[float, float, float], limits: AirwaySettings):
        pieces, count = ndimage.label(air, structure=IN_PLANE)
        area = np.bincount(pieces.ravel(), minlength=count + 1) * spacing_zyx_mm[1] * spacing_zyx_mm[2]
        low, high = limits.lumen_mm2
        wrong = (area < low) | (area > high)
        wrong[0] = True
        self.pieces = np.where(wrong[pieces], 0, pieces)
        self.step_mm = spacing_zyx_mm[0]
        voxels = np.nonzero(self.pieces)
        numbers = self.pieces[voxels]
        share = 1 / np.maximum(1, np.bincount(numbers, minlength=count + 1))
        self._centres = np.stack(
            [np.bincount(numbers, weights=v, minlength=count + 1) * share for v in voxels], axis=1
        )
        #: Numbers of all pieces, those of the highest slice first.
        self.downwards = [int(n) for n in np.unique(numbers)[::-1]]
        upper, lower = self.pieces[1:], self.pieces[:-1]
        both = (upper > 0) & (lower > 0)
        self._below: dict[int, set[int]] = {}
        for over, under in zip(upper[both].tolist(), lower[both].tolist(), strict=True):
            self._below.setdefault(over, set()).add(under)

    def below(self, numbers: list[int]) -> list[int]:
        """Give the pieces of the next slice towards the feet that overlap with some of these, from right to left."""
        found: set[int] = set().union(*(self._below.get(number, set()) for number in numbers))
        return sorted(found, key=lambda number: (self._centres[number, 2], number))

    def follow(self, numbers: list[int]) -> Iterator[list[int]]:
        """Walk towards the feet while there is something to follow; the start comes first."""
        while numbers:
            yield numbers
            numbers = self.below(numbers)

    def centre(self, number: int) -> Index:
        """Give the centre (z, y, x) of a piece."""
        z, y, x = self._centres[number]
        return (float(z), float(y), float(x))


def find_airways(
    air: NDArray[np.bool_], *, spacing_zyx_mm: tuple[float, float, float], settings: AirwaySettings
) -> Airways:
    """Find trachea, carina and main bronchi.

    Parameters
    ----------
    air : ndarray of bool, shape (z, y, x)
        Enclosed air below ``settings.lumen_hu``, upright (z to the head, x to the patient's left).
    spacing_zyx_mm : tuple of float
        Its spacing.
    settings : AirwaySettings
        What counts as an airway.

    Raises
    ------
    LungsNotFound
        If no tube divides into two in the way that a trachea does.

    Notes
    -----
    A tube is a chain of lumens, one a slice, that overlap from slice to slice. The trachea is the tube that divides
    with most air around the division, which tells it from bowel.
    """
    lumens = _Lumens(air, spacing_zyx_mm, settings)
    divisions = list(_divisions(lumens, settings))
    if not divisions:
        raise LungsNotFound(
            f"No windpipe that divides into two main bronchi was found in the {air.shape[0]} slices "
            f"({air.shape[0] * spacing_zyx_mm[0]:.0f} mm) of the scan, so no hilum is known."
        )
    trunk, right, left = max(
        divisions, key=lambda found: _air_around(air, lumens.centre(found[0][-1]), spacing_zyx_mm=spacing_zyx_mm)
    )
    lumen = [*trunk, *(number for level in (*right, *left) for number in level)]
    ends = (lumens.centre(_largest(lumens, right[-1])), lumens.centre(_largest(lumens, left[-1])))
    return Airways(np.isin(lumens.pieces, lumen), lumens.centre(trunk[-1]), ends)


def _air_around(air: NDArray[np.bool_], centre: Index, *, spacing_zyx_mm: tuple[float, float, float]) -> int:
    """Count the air within 30 mm up and down and 70 mm to front and back, all the way to both sides."""
    band = (
        slice(max(0, round(at - reach / step)), round(at + reach / step) + 1)
        for at, reach, step in zip(centre, (30.0, 70.0), spacing_zyx_mm, strict=False)
    )
    return int(np.count_nonzero(air[tuple(band)]))


def _largest(lumens: _Lumens, numbers: list[int]) -> int:
    return max(numbers, key=lambda number: int(np.count_nonzero(lumens.pieces == number)))


Branch = list[list[int]]


def _divisions(lumens: _Lumens, settings: AirwaySettings) -> Iterator[tuple[list[int], Branch, Branch]]:
    """Give every tube from its top to the last slice before it divides, and its two branches."""
    seen: set[int] = set()
    for top in lumens.downwards:
        trunk: list[int] = []
        for numbers in lumens.follow([top]):
            if len(numbers) > 1 or numbers[0] in seen:
                break
            seen.add(numbers[0])
            trunk.append(numbers[0])
            if len(trunk) * lumens.step_mm >= settings.trachea_mm and (
                parts := _branches(lumens, trunk[-1], settings)
            ):
                yield trunk, *parts
                break


def _branches(lumens: _Lumens, number: int, settings: AirwaySettings) -> tuple[Branch, Branch] | None:
    """Follow the outermost two of the pieces below; None unless there are two that stay apart long enough."""
    parts = lumens.below([number])
    if len(parts) < 2:
        return None
    reach = max(1, int(settings.hilum_mm / lumens.step_mm))
    right, left = (list(islice(lumens.follow([part]), reach)) for part in (parts[0], parts[-1]))
    if any(set(a) & set(b) for a, b in zip(right, left, strict=False)):
        return None
    return (right, left) if min(len(right), len(left)) * lumens.step_mm >= settings.bronchus_mm else None
