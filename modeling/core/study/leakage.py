"""A column that tells the outcome itself: found before anything is fitted, and refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modeling.core.errors import LeakedOutcome
from modeling.core.table import FeatureTable

#: Among fewer patients two values can match the outcome by chance.
MINIMUM_PATIENTS = 12


def require_no_leak(table: FeatureTable) -> None:
    """Refuse a table one of whose columns is the outcome under another name.

    Such a column takes exactly two values (a gap counts as one), and each stands for one outcome in
    every patient, among all patients, all training patients or all test patients. It has to be at
    least twelve patients with both outcomes.

    Raises
    ------
    LeakedOutcome
        Naming the column and the patients.
    """
    training = (table.split == "training").to_numpy()
    everybody = np.ones(len(training), dtype=bool)
    for name, chosen in (("training", training), ("test", ~training), ("training and test", everybody)):
        y = table.outcomes(table.X.index[chosen])
        if len(y) < MINIMUM_PATIENTS or len(set(y.tolist())) < 2:
            continue
        leaked = table.X.columns[_tells(table.X.to_numpy()[chosen], y)]
        if len(leaked):
            others = f", and so do {len(leaked) - 1} others" if len(leaked) > 1 else ""
            raise LeakedOutcome(
                f"The column {leaked[0]} tells the outcome of all {len(y)} {name} patients: it has two values, one "
                f"for responders and one for the others{others}."
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
