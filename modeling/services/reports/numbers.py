"""Numbers as a report writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

DASH = "–"
_MINUS = "\N{MINUS SIGN}"


def decimal(value: Any, digits: int = 2) -> str:
    """Write a number with so many decimals; a dash where there is none."""
    if value is None or value != value:
        return DASH
    text = f"{abs(value):.{digits}f}"
    return _MINUS + text if value < 0 and text.strip("0.") else text


def interval(value: Any, low: Any, high: Any, digits: int = 2) -> str:
    """Write an estimate with its 95 % interval, as far as both are known."""
    if value is None or low is None or high is None:
        return decimal(value, digits)
    return f"{decimal(value, digits)} ({decimal(low, digits)} to {decimal(high, digits)})"


def span(low: Any, high: Any) -> str:
    """Write an interval alone."""
    return DASH if low is None or high is None else f"{decimal(low)} to {decimal(high)}"


def percent(value: Any, digits: int = 0) -> str:
    """Write a share (0 to 1) in percent."""
    return DASH if value is None else f"{decimal(100 * value, digits)} %"


def p_value(value: Any) -> str:
    """Write a p value with three decimals, and never as zero."""
    return DASH if value is None else "< 0.001" if value < 0.001 else decimal(value, 3)


def spread(values: Iterable[float | None], unit: str, digits: int = 0) -> str:
    """Write the median with quartiles and how many values there are."""
    known = np.array([v for v in values if v is not None], dtype=float)
    if not len(known):
        return "not known"
    low, middle, high = (decimal(v, digits) for v in np.percentile(known, [25, 50, 75]))
    return f"median {middle} {unit} (quartiles {low} to {high}; n = {len(known)})"


def counted(n: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun: one patient, two patients."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def listed(parts: Sequence[str]) -> str:
    """Write a list in words."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else "none"
