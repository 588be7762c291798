"""What a new model changes for the patients of an old one: net reclassification and discrimination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modeling.core.performance.resampling import draw_counts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Goes with every such result.
CAUTION = (
    "Net reclassification can favour a model that is badly calibrated and adds nothing "
    "(Hilden & Gerds 2014; Pepe et al. 2015): read it beside calibration and decision curves."
)


@dataclass(frozen=True)
class Reclassification:
    """A total and its two parts, each with a bootstrap interval; positive favours the new model.

    `index` is ``nri`` (categories), ``nri_continuous`` or ``idi``. The total is the sum of the part
    of events and the part of non-events. Without both classes everything is None and `reason` says
    so; intervals are None with fewer than two patients of a class or without resamples.
    """

    index: str
    n: int
    events: int
    total: float | None = None
    low: float | None = None
    high: float | None = None
    of_events: float | None = None
    of_events_low: float | None = None
    of_events_high: float | None = None
    of_non_events: float | None = None
    of_non_events_low: float | None = None
    of_non_events_high: float | None = None
    reason: str = ""
    caution: str = CAUTION


def net_reclassification(
    y: Ints, p_old: Floats, p_new: Floats, *, cuts: Sequence[float] | None = None, bootstraps: int, seed: int
) -> Reclassification:
    """Give P(up | event) - P(down | event) + P(down | non-event) - P(up | non-event).

    Parameters
    ----------
    y, p_old, p_new : arrays of shape (n_patients,)
        Outcomes, and the probabilities of the old and the new model.
    cuts : sequence of float, optional
        Between the risk categories; a probability on a cut belongs to the upper one. Without cuts
        any rise is a move up (continuous NRI).
    bootstraps : int
        Resamples, each class by itself.
    seed : int

    References
    ----------
    Pencina et al., Stat Med 2008;27:157-172 and 2011;30:11-21. Caution: Hilden & Gerds, Stat Med
    2014;33:3405-3414; Pepe et al., Stat Biosci 2015;7:282-295.
    """
    old, new = (p if cuts is None else np.digitize(p, sorted(cuts)).astype(np.float64) for p in (p_old, p_new))
    name = "nri_continuous" if cuts is None else "nri"
    return _of_moves(name, y, np.sign(new - old), bootstraps=bootstraps, seed=seed)


def integrated_discrimination(
    y: Ints, p_old: Floats, p_new: Floats, *, bootstraps: int, seed: int
) -> Reclassification:
    """Give how far the new model raises the mean probability of events and lowers that of others.

    Parameters
    ----------
    y, p_old, p_new : arrays of shape (n_patients,)
    bootstraps : int
        Resamples, each class by itself.
    seed : int

    References
    ----------
    Pencina et al., Stat Med 2008;27:157-172.
    """
    return _of_moves("idi", y, p_new - p_old, bootstraps=bootstraps, seed=seed)


def _of_moves(index: str, y: Ints, moves: Floats, *, bootstraps: int, seed: int) -> Reclassification:
    n, events = len(y), int(np.sum(y == 1))
    if not 0 < events < n:
        return Reclassification(index, n, events, reason="All patients have the same outcome.")
    gains = np.where(y == 1, moves / events, -moves / (n - events))
    # Sorted first, so that the order of the patients does not change the intervals.
    order = np.lexsort((gains, y))
    gains, y = gains[order], y[order]
    parts = [np.ones(n, dtype=bool), y == 1, y == 0]
    total, of_events, of_non_events = (float(gains[part].sum()) for part in parts)
    found = Reclassification(index, n, events, total=total, of_events=of_events, of_non_events=of_non_events)
    if bootstraps < 1 or min(events, n - events) < 2:
        return found
    counts = draw_counts(y, n=bootstraps, seed=seed)
    ends = [np.quantile(counts @ (gains * part), [0.025, 0.975]).tolist() for part in parts]
    return replace(
        found,
        low=ends[0][0],
        high=ends[0][1],
        of_events_low=ends[1][0],
        of_events_high=ends[1][1],
        of_non_events_low=ends[2][0],
        of_non_events_high=ends[2][1],
    )
