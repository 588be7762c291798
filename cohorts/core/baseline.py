"""Patients of several groups side by side: counts, medians, gaps and standardised mean differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_INDENT = "  "


@dataclass(frozen=True)
class BaselineRow:
    """One line: a characteristic or one of its levels, a cell for each group, and the largest difference.

    `differences` holds the standardised mean difference of the first group from each other one, None
    where it is not defined; the lines of levels have none.
    """

    label: str
    cells: tuple[str, ...]
    differences: tuple[float | None, ...] = ()

    @property
    def is_level(self) -> bool:
        """True for a line below a characteristic: one of its levels, or those who lack it."""
        return self.label.startswith(_INDENT)

    @property
    def largest_difference(self) -> float | None:
        """Give the largest standardised difference that is defined."""
        return max((value for value in self.differences if value is not None), default=None)


def measured(
    label: str, values: pd.Series[float], group: pd.Series[str], order: Sequence[str], *, missing: str = "Missing"
) -> list[BaselineRow]:
    """Describe numbers by group: median and quartiles, and how many are missing.

    Parameters
    ----------
    values, group : Series of shape (n_patients,)
        Indexed alike; NaN is missing.
    order : sequence of str
        The groups; the others are compared with the first.
    missing : str
        The word for the line of those who lack the value.
    """
    parts = [np.asarray(values[group == name].dropna(), dtype=np.float64) for name in order]
    cells = tuple(_quartiles(part) for part in parts)
    rows = [BaselineRow(label, cells, tuple(mean_difference(parts[0], part) for part in parts[1:]))]
    return rows + _missing(missing, values.isna(), group, order)


def counted(
    label: str,
    values: pd.Series[str],
    group: pd.Series[str],
    order: Sequence[str],
    levels: Mapping[str, str],
    *,
    missing: str = "Missing",
) -> list[BaselineRow]:
    """Describe categories by group: n and percent of those known, and how many are missing.

    Parameters
    ----------
    levels : mapping
        Value to words, in the order of the lines; a level that nobody has is left out, "" is missing.
    """
    counts = {name: values[group == name].value_counts() for name in order}
    present = [level for level in levels if any(counts[name].get(level, 0) for name in order)]
    table = np.array([[float(counts[name].get(level, 0)) for level in present] for name in order])
    differences = tuple(share_difference(table[0], other) for other in table[1:])
    rows = [BaselineRow(label, ("",) * len(order), differences)]
    known = [sum(counts[name].get(level, 0) for level in present) for name in order]
    for level in present:
        cells = tuple(_share(int(counts[n].get(level, 0)), int(k)) for n, k in zip(order, known, strict=True))
        rows.append(BaselineRow(f"{_INDENT}{levels[level]}", cells))
    return rows + _missing(missing, ~values.isin(present), group, order)


def mean_difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Give the standardised mean difference: means over the root of the mean variance; None if not defined."""
    if min(len(a), len(b)) < 2:
        return None
    spread = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    return None if spread == 0 else float(abs(a.mean() - b.mean()) / spread)


def share_difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Give the standardised difference of two sets of counts, shape (n_levels,) each; None if not defined.

    References
    ----------
    Yang & Dalton, SAS Global Forum 2012, paper 335: the Mahalanobis distance of the shares.
    """
    if min(len(a), len(b)) < 2 or min(a.sum(), b.sum()) == 0:
        return None
    known = a + b > 0
    p, q = (counts[known] / counts.sum() for counts in (a, b))
    d = (p - q)[1:]
    covariance = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q))[1:, 1:] / 2
    if np.linalg.matrix_rank(covariance) < len(d):
        # Groups that share no level are farther apart than any number.
        return 0.0 if not d.any() else None
    return float(np.sqrt(d @ np.linalg.solve(covariance, d)))


def _quartiles(values: NDArray[np.float64]) -> str:
    if not len(values):
        return "–"
    low, middle, high = (f"{v:.1f}".removesuffix(".0") for v in np.percentile(values, [25, 50, 75]))
    return f"{middle} [{low} to {high}]"


def _share(n: int, whole: int) -> str:
    return f"{n} ({100 * n / whole:.0f} %)" if whole else "–"


def _missing(word: str, absent: pd.Series[bool], group: pd.Series[str], order: Sequence[str]) -> list[BaselineRow]:
    if not absent.any():
        return []
    cells = tuple(_share(int(absent[group == name].sum()), int((group == name).sum())) for name in order)
    return [BaselineRow(f"{_INDENT}{word}", cells)]
