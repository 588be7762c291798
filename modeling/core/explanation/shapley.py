"""Shapley values of any function, by asking it about coalitions of features.

Interventional: a feature outside a coalition takes the values of the background, and the function's
answers are averaged over the background with its weights. Lundberg & Lee (NeurIPS 2017); Shapley (1953).
Written out here because the library's own samplers seed the generator of the whole process and know no
weights of the background; its explanations of trees are used as they are (`modeling.core.explanation.explain`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Answer = Callable[[Floats], Floats]

#: Rows asked about at once.
_ROWS = 200_000


def exact(answer: Answer, X: Floats, background: Floats, weights: Floats) -> tuple[Floats, float]:
    """Give exact Shapley values, from all 2^n_features coalitions.

    Parameters
    ----------
    answer : callable
        From rows, shape (n, n_features), to one number each.
    X : array of shape (n_patients, n_features)
    background : array of shape (n_background, n_features)
    weights : array of shape (n_background,)
        They sum to 1.

    Returns
    -------
    values : array of shape (n_patients, n_features)
        They and the base sum to the answer for each patient.
    base : float
        The weighted mean answer for the background.
    """
    n = X.shape[1]
    coalitions = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
    share = _shares(coalitions)
    worth = _worth(answer, X, background, weights, coalitions)
    return worth @ share, float(worth[0, 0]) if len(X) else float("nan")


def sampled(
    answer: Answer, X: Floats, background: Floats, weights: Floats, *, orders: int, seed: int
) -> tuple[Floats, float]:
    """Estimate Shapley values from random orders of the features, each walked forwards and backwards.

    The same orders serve all patients. The values and the base sum to the answer exactly, however few
    orders there are. Štrumbelj & Kononenko (Knowl Inf Syst 2014;41:647), with antithetic orders.

    Parameters
    ----------
    answer, X, background, weights
        As for `exact`.
    orders : int
        How many random orders; the reverse of each is added.
    seed : int

    Returns
    -------
    values : array of shape (n_patients, n_features)
    base : float
    """
    random = np.random.default_rng(seed)
    n = X.shape[1]
    drawn = [random.permutation(n) for _ in range(orders)]
    walks = [walk for order in drawn for walk in (order, order[::-1])]
    values, base = np.zeros(X.shape), float("nan")
    for walk in walks:
        # The coalition after each step of the walk, from nobody to everybody.
        rank = np.argsort(walk)
        coalitions = rank[None, :] < np.arange(n + 1)[:, None]
        worth = _worth(answer, X, background, weights, coalitions)
        values[:, walk] += np.diff(worth, axis=1) / len(walks)
        base = float(worth[0, 0]) if len(X) else base
    return values, base


def _shares(coalitions: Bools) -> Floats:
    """Give what the worth of each coalition counts for each feature, shape (n_coalitions, n_features)."""
    n = coalitions.shape[1]
    factorial = [math.factorial(k) / math.factorial(n) for k in range(n + 1)]
    joined = [factorial[k - 1] * math.factorial(n - k) if k else 0.0 for k in range(n + 1)]
    left = [factorial[k] * math.factorial(n - k - 1) if k < n else 0.0 for k in range(n + 1)]
    size = coalitions.sum(axis=1)
    shares: Floats = np.where(coalitions, np.array(joined)[size, None], -np.array(left)[size, None])
    return shares


def _worth(answer: Answer, X: Floats, background: Floats, weights: Floats, coalitions: Bools) -> Floats:
    """Give the mean answer of each patient and coalition, shape (n_patients, n_coalitions)."""
    worth = np.empty((len(X), len(coalitions)))
    step = max(1, _ROWS // len(background))
    for patient, row in enumerate(X):
        for start in range(0, len(coalitions), step):
            chosen = coalitions[start : start + step, None, :]
            rows = np.where(chosen, row, background[None])
            answers = answer(rows.reshape(-1, X.shape[1])).reshape(rows.shape[:2])
            worth[patient, start : start + step] = answers @ weights
    return worth
