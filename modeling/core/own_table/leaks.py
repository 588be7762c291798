"""Features that tell the outcome: those that equal it are refused, those that may are named."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modeling.core.errors import LeakedOutcome
from modeling.core.estimators.rank_statistics import average_ranks
from modeling.core.study.leakage import MINIMUM_PATIENTS

Floats = NDArray[np.float64]

_KNOWN_LATER = re.compile(
    r"surviv|follow.?up|time.?to|death|dead|deceas|recur|relapse|progress|respon|viable|residual|regress|surgical.?hist|resected"
    r"|(^|[^a-z])(os|pfs|dfs|efs|mpr|pcr|rvt|ypt|ypn|ypm)([^a-z]|$)",
    re.IGNORECASE,
)


def require_none_tells(values: Floats, names: Sequence[str], y: Floats, time: Floats | None) -> None:
    """Refuse a feature of two values that are the outcome of each patient, or one that orders patients as the time does.

    Parameters
    ----------
    values : array of shape (n_patients, n_features)
    names : sequence of str
    y : array of shape (n_patients,)
    time : array of shape (n_patients,) or None

    Raises
    ------
    LeakedOutcome
        With the name of the column.
    """
    for place, name in enumerate(names):
        column = values[:, place]
        known = ~np.isnan(column)
        if known.sum() < MINIMUM_PATIENTS:
            continue
        if _is_same(column[known], y[known]):
            raise LeakedOutcome(
                f"The column {name!r} tells the outcome: its two values are the outcome of every patient."
            )
        if time is not None and _is_ordered_as(column[known], time[known]):
            raise LeakedOutcome(f"The column {name!r} tells the time: it orders all patients as the time does.")


def _is_same(column: Floats, y: Floats) -> bool:
    levels = np.unique(column)
    return len(levels) == 2 and len(np.unique(y)) == 2 and len({*zip(column, y, strict=True)}) == 2


def _is_ordered_as(column: Floats, time: Floats) -> bool:
    if len(np.unique(column)) < MINIMUM_PATIENTS:
        return False
    ranks = average_ranks(np.column_stack([column, time]))
    return bool(np.all(ranks[:, 0] == ranks[:, 1]) or np.all(ranks[:, 0] == len(time) + 1 - ranks[:, 1]))


def doubts(values: Floats, names: Sequence[str], y: Floats) -> list[str]:
    """Name features that tell the outcome without an error, or whose name sounds like something known later.

    Parameters
    ----------
    values : array of shape (n_patients, n_features)
    names : sequence of str
    y : array of shape (n_patients,)

    Returns
    -------
    list of str
        Sentences.
    """
    telling = [name for place, name in enumerate(names) if _separates(values[:, place], y)]
    later = [name for name in names if _KNOWN_LATER.search(name) and name not in telling]
    found = []
    if telling:
        found.append(f"{_listed(telling)} alone tells the outcome without an error: was it known before the outcome?")
    if later:
        found.append(f"{_listed(later)} sounds like something that is known after the outcome; if so, leave it out.")
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _separates(column: Floats, y: Floats) -> bool:
    events, others = column[(y == 1) & ~np.isnan(column)], column[(y == 0) & ~np.isnan(column)]
    if len(events) < 3 or len(others) < 3:
        return False
    return bool(events.min() > others.max() or events.max() < others.min())
