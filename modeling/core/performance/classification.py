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
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Confusion:
    """Counts of a two-by-two table; over repeats their means, which need not be whole numbers."""

    tp: float
    fp: float
    tn: float
    fn: float


@dataclass(frozen=True)
class Rates:
    """What a two-by-two table says: values, 95 % Wilson intervals, and why a value is None."""

    values: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    undefined: dict[str, str]


_NOBODY = {
    "sensitivity": "No patient is a responder.",
    "specificity": "No patient is a non-responder.",
    "ppv": "No patient is called positive.",
    "npv": "No patient is called negative.",
    "accuracy": "There is no patient.",
}


def wilson(successes: float, n: float, *, level: float = 0.95) -> tuple[float, float] | None:
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
    return count_calls(y, p >= threshold)


def count_calls(y: Ints, called: Bools) -> Confusion:
    """Count true and false positives and negatives of calls, shape (n_patients,) or (n_patients, n_repeats).

    The counts of several repeats are their means, so that they always add up to n_patients.
    """
    calls = called.reshape(len(y), -1)
    repeats = calls.shape[1]
    event = (y == 1)[:, None]
    totals = (calls & event, calls & ~event, ~calls & ~event, ~calls & event)
    return Confusion(*(_divided(int(np.sum(cell)), repeats) for cell in totals))


def rates(counts: Confusion) -> Rates:
    """Give the proportions of a two-by-two table, their Wilson intervals and what combines them.

    Over repeats a proportion is that of the mean counts and its interval is that of so many
    patients, not of so many predictions.
    """
    tp, fp, tn, fn = counts.tp, counts.fp, counts.tn, counts.fn
    shares = {
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
        "accuracy": (tp + tn, tp + fp + tn + fn),
    }
    values: dict[str, float | None] = {
        name: part / whole if whole else None for name, (part, whole) in shares.items()
    }
    undefined = {name: _NOBODY[name] for name, value in values.items() if value is None}
    sensitivity, specificity = values["sensitivity"], values["specificity"]
    values |= {"balanced_accuracy": None, "f1": None, "mcc": None}
    if sensitivity is None or specificity is None:
        undefined["balanced_accuracy"] = undefined["sensitivity" if sensitivity is None else "specificity"]
    else:
        values["balanced_accuracy"] = (sensitivity + specificity) / 2
    if 2 * tp + fp + fn == 0:
        undefined["f1"] = "No patient is a responder or called positive."
    else:
        values["f1"] = 2 * tp / (2 * tp + fp + fn)
    margins = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    if margins == 0:
        undefined["mcc"] = "A row or column of the two-by-two table is empty."
    else:
        values["mcc"] = (tp * tn - fp * fn) / float(np.sqrt(margins))
    intervals = {name: found for name, share in shares.items() if (found := wilson(*share)) is not None}
    return Rates(values, intervals, undefined)


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


def _divided(total: int, repeats: int) -> float:
    return total // repeats if total % repeats == 0 else total / repeats
