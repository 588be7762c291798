"""Outcomes and two correlated predictions of them."""

from __future__ import annotations

import numpy as np


def samples(seed: int, n: int = 60, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = np.append(random.integers(0, 2, n - 4), [0, 0, 1, 1])
    shared = random.normal(size=n) + 0.5 * y
    one, two = (1 / (1 + np.exp(-(shared + random.normal(size=n)))) for _ in range(2))
    return (y, np.round(one, 1), np.round(two, 1)) if ties else (y, one, two)
