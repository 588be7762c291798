"""Harrell's concordance of risks with survival, over all pairs or within folds, with a bootstrap interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modeling.core.estimators.rank_statistics import average_ranks
from modeling.core.performance.shared_training import widening

Floats = NDArray[np.float64]

#: Resamples that are weighed at once.
_AT_ONCE = 200


@dataclass(frozen=True)
class Concordance:
    """Share of comparable pairs in which the patient with the higher risk has the event first; None where none is."""

    value: float | None
    low: float | None = None
    high: float | None = None


def harrell(
    risks: Floats,
    time: Floats,
    event: Floats,
    *,
    folds: NDArray[np.int64] | None = None,
    bootstraps: int = 0,
    seed: int = 0,
) -> Concordance:
    """Compute Harrell's C-index with a percentile interval over resampled patients, widened where folds are given.

    A pair is comparable if the earlier time is an event; at equal times an event comes before a censored patient,
    and two events are not compared. Equal risks count half (Harrell et al., JAMA 1982;247:2543).

    Parameters
    ----------
    risks : array of shape (n_patients,) or (n_patients, n_repeats)
        Larger means an earlier event. Several repeats of a cross-validation are pooled.
    time, event : arrays of shape (n_patients,)
    folds : array of the shape of `risks`, optional
        Only patients of one test fold are compared: risks of different models have no common scale.
    bootstraps : int
        Resamples of patients; 0 gives no interval.
    seed : int

    Returns
    -------
    Concordance
    """
    order = np.argsort(time, kind="stable")
    time, event = time[order], event[order]
    columns = risks.reshape(len(time), -1)[order]
    places = None if folds is None else folds.reshape(len(time), -1)[order]
    pairs = _comparable(time, event)
    won, counted = np.zeros(pairs.shape), np.zeros(pairs.shape)
    for repeat in range(columns.shape[1]):
        here = pairs if places is None else pairs & (places[:, None, repeat] == places[None, :, repeat])
        rank = average_ranks(columns[:, [repeat]])[:, 0]
        difference = rank[:, None] - rank[None, :]
        won += here * (0.5 + 0.5 * np.sign(difference))
        counted += here
    if not counted.any():
        return Concordance(None)
    value = float(won.sum() / counted.sum())
    if not bootstraps:
        return Concordance(value)
    # Resampled patients are tested by the same models again, which share their training patients.
    wider = 1.0 if places is None else widening(_mean_folds(places))
    low, high = (value + wider * (end - value) for end in _interval(won, counted, bootstraps, seed))
    return Concordance(value, max(0.0, low), min(1.0, high))


def _mean_folds(places: NDArray[np.int64]) -> float:
    return float(np.mean([len(np.unique(column)) for column in places.T]))


def _comparable(time: Floats, event: Floats) -> NDArray[np.bool_]:
    earlier = time[:, None] < time[None, :]
    tied = (time[:, None] == time[None, :]) & (event[None, :] == 0)
    found: NDArray[np.bool_] = (event[:, None] == 1) & (earlier | tied)
    return found


def _interval(won: Floats, counted: Floats, bootstraps: int, seed: int) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    n = len(won)
    values = np.concatenate(
        [_resampled(won, counted, random.multinomial(n, np.full(n, 1 / n), size=size)) for size in _sizes(bootstraps)]
    )
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def _sizes(total: int) -> list[int]:
    return [min(_AT_ONCE, total - start) for start in range(0, total, _AT_ONCE)]


def _resampled(won: Floats, counted: Floats, weights: NDArray[np.int64]) -> Floats:
    as_floats = weights.astype(np.float64)
    all_pairs = ((as_floats @ counted) * as_floats).sum(axis=1)
    concordant = ((as_floats @ won) * as_floats).sum(axis=1)
    found: Floats = np.divide(concordant, all_pairs, out=np.full(len(all_pairs), np.nan), where=all_pairs > 0)
    return found
