"""Where one patient stands among others in one measure: a strip with quartiles and the patient's mark."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

#: Up to so many patients each is a line of its own; beyond, quartiles tell more.
_LINES_UP_TO = 60
_QUANTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class Strip:
    """Positions run from 0 (left end) to 100 (right end)."""

    value: float
    percentile: float
    n: int
    at: float
    quantiles: tuple[float, ...]
    lines: tuple[float, ...]

    @property
    def low(self) -> float:
        """Left end of the middle half."""
        return self.quantiles[1]

    @property
    def middle_width(self) -> float:
        """Width of the middle half."""
        return self.quantiles[3] - self.quantiles[1]

    @property
    def median(self) -> float:
        """Place of the median."""
        return self.quantiles[2]


def strip_of(value: float | None, others: Iterable[float | None]) -> Strip | None:
    """Place a value among those of other patients; None where it or all others are not known.

    The percentile is the share of the others that lie lower, those of equal value counted half.
    """
    known = np.array([other for other in others if other is not None], dtype=float)
    known = known[np.isfinite(known)]
    if value is None or not np.isfinite(value) or known.size == 0:
        return None
    below, equal = np.count_nonzero(known < value), np.count_nonzero(known == value)
    first = min(value, float(known.min()))
    span = max(value, float(known.max())) - first or 1.0
    quantiles = tuple(float(100 * (q - first) / span) for q in np.percentile(known, _QUANTILES))
    lines = tuple(float(100 * (one - first) / span) for one in known) if known.size <= _LINES_UP_TO else ()
    percentile = 100 * (below + equal / 2) / known.size
    return Strip(
        float(value), float(percentile), int(known.size), float(100 * (value - first) / span), quantiles, lines
    )
