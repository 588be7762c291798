"""How far two engines agree, stated beside every ratio: speed without equal values is no comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-6
#: Differences are relative to the value, or to this where the value is smaller: pyradiomics' own zeros
#: are sums that cancel to some 1e-13.
SCALAR_FLOOR = 1e-6
#: Maps hold every size of value, zero included; there the scale is never below 1.
MAP_FLOOR = 1.0


@dataclass(frozen=True)
class Agreement:
    """Values that both have, how many of them are equal within 1e-6, and the worst."""

    compared: int
    within: int
    worst: float
    worst_name: str = ""
    absent: int = 0

    def __str__(self) -> str:
        if not self.compared:
            return "no common value"
        worst = f"worst {self.worst:.1e}" + (f" ({self.worst_name})" if self.within < self.compared else "")
        absent = f", {self.absent} of ours absent there" if self.absent else ""
        return f"{self.within:,} of {self.compared:,} within 1e-6, {worst}{absent}"


def compare(ours: Mapping[str, float], peer: Mapping[str, float]) -> Agreement:
    """Compare features by name; names that only the peer has do not count."""
    names = sorted(set(ours) & set(peer))
    a, b = (np.array([float(found[name]) for name in names]) for found in (ours, peer))
    apart = _difference(a, b, floor=SCALAR_FLOOR)
    worst = int(apart.argmax()) if names else 0
    return Agreement(
        compared=len(names),
        within=int((apart <= TOLERANCE).sum()),
        worst=float(apart[worst]) if names else 0.0,
        worst_name=names[worst] if names else "",
        absent=len(set(ours) - set(peer)),
    )


def compare_maps(
    ours: Mapping[str, NDArray[np.float64]], peer: Mapping[str, NDArray[np.float64]], inside: NDArray[np.bool_]
) -> Agreement:
    """Compare maps by name over the voxels of a region."""
    names = sorted(set(ours) & set(peer))
    apart = [_difference(ours[name][inside], peer[name][inside], floor=MAP_FLOOR) for name in names]
    worst = [float(each.max()) for each in apart]
    return Agreement(
        compared=sum(each.size for each in apart),
        within=sum(int((each <= TOLERANCE).sum()) for each in apart),
        worst=max(worst, default=0.0),
        worst_name=names[int(np.argmax(worst))] if names else "",
        absent=len(set(ours) - set(peer)),
    )


def _difference(a: NDArray[np.float64], b: NDArray[np.float64], *, floor: float) -> NDArray[np.float64]:
    """Give relative differences; a value that only one side has is infinitely far, one that neither has is equal."""
    apart = np.abs(a - b) / np.maximum(np.abs(b), floor)
    both_undefined = ~np.isfinite(a) & ~np.isfinite(b)
    return np.where(both_undefined, 0.0, np.where(np.isfinite(apart), apart, np.inf))
