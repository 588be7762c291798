"""Bootstrap resamples as counts: how often each patient is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def draw_counts(y: Ints, *, n: int, seed: int) -> Floats:
    """Draw n resamples of the patients with replacement, each class by itself.

    Parameters
    ----------
    y : array of shape (n_patients,)
        1 and 0.
    n : int
    seed : int

    Returns
    -------
    array of shape (n, n_patients)
        How often each patient is drawn.
    """
    random = np.random.default_rng(seed)
    counts = np.zeros((n, len(y)))
    for outcome in (0, 1):
        places = np.flatnonzero(y == outcome)
        size = len(places)
        if size:
            drawn = random.integers(size, size=(n, size)) + size * np.arange(n)[:, None]
            counts[:, places] = np.bincount(drawn.ravel(), minlength=n * size).reshape(n, size)
    return counts


def areas_of_resamples(y: Ints, p: Floats, counts: Floats) -> Floats:
    """Give the area under the ROC curve of each resample, NaN where one class is not drawn.

    All resamples share one sort: a tie or an order between two patients is the same in each of them.

    Parameters
    ----------
    y, p : arrays of shape (n_patients,)
    counts : array of shape (n, n_patients)

    Returns
    -------
    array of shape (n,)
    """
    order = np.argsort(p, kind="stable")
    first_of_tie = np.flatnonzero(np.append(True, np.diff(p[order]) > 0))
    events = np.add.reduceat(counts[:, order] * (y[order] == 1), first_of_tie, axis=1)
    others = np.add.reduceat(counts[:, order] * (y[order] == 0), first_of_tie, axis=1)
    won = (events * (np.cumsum(others, axis=1) - others / 2)).sum(axis=1)
    pairs = events.sum(axis=1) * others.sum(axis=1)
    areas: Floats = np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)
    return areas
