"""A column that tells the outcome itself: found before anything is fitted, and refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modeling.core.errors import LeakedOutcome
from modeling.core.table import FeatureTable

#: Among fewer patients two values can match the outcome by chance.
MINIMUM_PATIENTS = 12
#: People who brought a table know its columns without the group's name.
_OWN = "own|"


def require_no_leak(table: FeatureTable) -> None:
    """Refuse a table one of whose columns is the outcome under another name.

    Such a column takes exactly two values (a gap counts as one), and each stands for one outcome in
    every patient, among all patients or those of one split. It has to be at least twelve patients
    with both outcomes.

    Raises
    ------
    LeakedOutcome
        Naming the column and the patients.
    """
    split = table.split.to_numpy()
    groups = {
        "training": split == "training",
        "test": split != "training",
        "training and test": np.ones(len(split), dtype=bool),
        "internal test": split == "internal_test",
        "external": split == "external",
    }
    for name, chosen in groups.items():
        y = table.outcomes(table.X.index[chosen])
        if len(y) < MINIMUM_PATIENTS or len(set(y.tolist())) < 2:
            continue
        leaked = table.X.columns[_tells(table.X.to_numpy()[chosen], y)]
        if len(leaked):
            others = f", and so do {len(leaked) - 1} others" if len(leaked) > 1 else ""
            raise LeakedOutcome(
                f"The column {str(leaked[0]).removeprefix(_OWN)!r} tells the outcome of all {len(y)} {name} patients: "
                f"it has two values, one for responders and one for the others{others}."
            )


def _tells(X: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.bool_]:
    events, others = X[y == 1], X[y == 0]
    one, two = events[0], others[0]
    constant = _same(events, one).all(axis=0) & _same(others, two).all(axis=0)
    told: NDArray[np.bool_] = constant & ~_same(one, two)
    return told


def _same(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (a == b) | (np.isnan(a) & np.isnan(b))
    return same
