"""Classification at a threshold: counts, proportions with intervals, and where to cut.

Everywhere ``y`` holds 1 for an event (a responder) and 0 otherwise, ``p`` a predicted probability
or score, both of shape (n_patients,);
a patient is called positive when ``p >= threshold``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Confusion:
    """Counts of a two-by-two table."""

    tp: int
    fp: int
    tn: int
    fn: int


def wilson(successes: int, n: int, *, level: float = 0.95) -> tuple[float, float] | None:
    """Give the Wilson score interval of a proportion, or None when n is 0.

    References
    ----------
    Wilson, J Am Stat Assoc 1927;22:209-212.
    """
    if n == 0:
        return None
    z = float(stats.norm.ppf(0.5 + level / 2))
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))) / (1 + z**2 / n)
    # The formula is exact at both ends; rounding is not.
    return (0.0 if successes == 0 else centre - half), (1.0 if successes == n else centre + half)


def confusion(y: Ints, p: Floats, *, threshold: float) -> Confusion:
    """Count true and false positives and negatives."""
    called = p >= threshold
    return Confusion(
        tp=int(np.sum(called & (y == 1))),
        fp=int(np.sum(called & (y == 0))),
        tn=int(np.sum(~called & (y == 0))),
        fn=int(np.sum(~called & (y == 1))),
    )


def youden_threshold(y: Ints, p: Floats) -> float:
    """Give the threshold with the largest sensitivity + specificity - 1.

    It lies halfway between two neighbouring scores; of equal ones the lowest, which misses fewer
    events.

    References
    ----------
    Youden, Cancer 1950;3:32-35.
    """
    cuts, sensitivity, specificity = _cuts(y, p)
    gain = np.round(sensitivity + specificity, 12)
    return float(cuts[np.flatnonzero(gain == gain.max())[0]])


def sensitive_threshold(y: Ints, p: Floats, *, sensitivity: float) -> float:
    """Give the highest threshold that still finds this share of the events."""
    cuts, found, _ = _cuts(y, p)
    return float(cuts[np.flatnonzero(found >= sensitivity - 1e-12)[-1]])


def _cuts(y: Ints, p: Floats) -> tuple[Floats, Floats, Floats]:
    scores = np.unique(p)
    cuts = np.append(scores[0], (scores[1:] + scores[:-1]) / 2)
    events, others = p[y == 1], p[y == 0]
    sensitivity = 1 - np.searchsorted(np.sort(events), cuts) / len(events)
    specificity = np.searchsorted(np.sort(others), cuts) / len(others)
    return cuts, sensitivity, specificity
