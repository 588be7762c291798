"""Drift at small numbers: whether new patients' inputs look like those on which a model learned.

Only inputs are compared, never outcomes. Each feature is compared in location (standardised difference
of means) and in shape (two-sample Kolmogorov-Smirnov); one permutation test over all of them keeps the
chance of any false alarm at the level, also with few patients and correlated features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: With fewer new patients nothing is compared.
MINIMUM_NEW = 5
LEVEL = 0.05


@dataclass(frozen=True)
class FeatureDrift:
    """One feature of new patients beside that of training patients.

    Parameters
    ----------
    feature : str
    n_new, n_training : int
        Patients with a value.
    shift_sd : float or None
        Mean of the new patients minus mean of the training patients, in standard deviations of the
        training patients; None where they do not vary.
    ks : float
        Largest distance between the two distribution functions, 0 to 1.
    p : float
        Chance of so large a difference in any feature when nothing has changed.
    alarm : bool
    """

    feature: str
    n_new: int
    n_training: int
    shift_sd: float | None
    ks: float
    p: float
    alarm: bool

    @property
    def size_in_words(self) -> str:
        """Name the shift's size (Cohen, Statistical Power Analysis, 2nd ed. 1988, section 2.2)."""
        if self.shift_sd is None:
            return "not defined"
        size = abs(self.shift_sd)
        words = "negligible" if size < 0.2 else "small" if size < 0.5 else "medium" if size < 0.8 else "large"
        return words if size < 0.2 else f"{words}, {'higher' if self.shift_sd > 0 else 'lower'}"


@dataclass(frozen=True)
class Drift:
    """The comparison of new patients with training patients.

    Parameters
    ----------
    n_new, n_training : int
    alarm : bool or None
        None where nothing was compared; `reason` says why.
    p : float or None
        Chance of so large a difference in any feature when nothing has changed.
    level : float
        The alarm sounds at or below it.
    features : tuple of FeatureDrift
        Largest difference first.
    reason : str
    """

    n_new: int
    n_training: int
    alarm: bool | None
    p: float | None
    level: float
    features: tuple[FeatureDrift, ...]
    reason: str = ""


def compare(
    training: pd.DataFrame, new: pd.DataFrame, *, level: float = LEVEL, permutations: int = 999, seed: int = 0
) -> Drift:
    """Compare new patients with training patients, feature by feature, under one error rate.

    Both statistics of every feature are standardised over the permutations of the group labels (the
    observed labelling among them) and the largest is the statistic of the test. The labelling is
    permuted for all features together, so that their correlation is kept.

    Parameters
    ----------
    training : DataFrame of shape (n_training, n_features)
        Inputs of the patients on whom the model learned; NaN where unknown.
    new : DataFrame of shape (n_new, n_features)
        The same columns of other patients.
    level : float
        Chance of a false alarm over all features.
    permutations : int
    seed : int

    Returns
    -------
    Drift

    References
    ----------
    Max-type permutation test: Westfall & Young, Resampling-Based Multiple Testing, 1993, ch. 2. The
    observed labelling counts: Phipson & Smyth, Stat Appl Genet Mol Biol 2010;9:39.
    """
    n_new, n_training = len(new), len(training)
    if n_new < MINIMUM_NEW:
        reason = f"{n_new} new patient{'s' * (n_new != 1)} so far; a comparison needs at least {MINIMUM_NEW}."
        return Drift(n_new, n_training, None, None, level, (), reason)
    values = pd.concat([training, new[training.columns]]).to_numpy(dtype=np.float64)
    is_new = np.arange(n_training + n_new) >= n_training
    usable = [j for j in range(values.shape[1]) if _can_differ(values[:, j], is_new)]
    if not usable:
        return Drift(n_new, n_training, None, None, level, (), "No input varies and is known in both groups.")
    labels = _labellings(is_new, permutations, seed)
    statistics = np.column_stack([_statistics(values[:, j], labels) for j in usable])
    largest, observed = _standardised_maximum(statistics)
    found = [
        _feature(str(training.columns[j]), values[:, j], is_new, p=_share(largest, observed[k]), level=level)
        for k, j in enumerate(usable)
    ]
    p = _share(largest, float(observed.max()))
    ordered = sorted(found, key=lambda f: (f.p, -abs(f.shift_sd or 0.0), f.feature))
    return Drift(n_new, n_training, p <= level, p, level, tuple(ordered))


def _can_differ(x: Floats, is_new: Bools) -> bool:
    known = ~np.isnan(x)
    return bool((known & is_new).any() and (known & ~is_new).any() and np.ptp(x[known]) > 0)


def _labellings(is_new: Bools, permutations: int, seed: int) -> Bools:
    many = np.repeat(is_new[None, :], permutations, axis=0)
    return np.vstack([is_new, np.random.default_rng(seed).permuted(many, axis=1)])


def _statistics(x: Floats, labels: Bools) -> Floats:
    """Give |difference of means| and KS distance of every labelling, shape (n_labellings, 2)."""
    known = ~np.isnan(x)
    order = np.argsort(x[known], kind="stable")
    ranked, new = x[known][order], labels[:, known][:, order].astype(np.float64)
    n_new = new.sum(axis=1, keepdims=True)
    n_old = len(ranked) - n_new
    both = (n_new > 0) & (n_old > 0)
    n_new, n_old = np.maximum(n_new, 1), np.maximum(n_old, 1)
    centred = ranked - ranked.mean()
    total = new @ centred
    # The centred values sum to zero, so the other group's total is the negative.
    means = np.abs(total / n_new[:, 0] + total / n_old[:, 0])
    last_of_tie = np.append(np.diff(ranked) > 0, True)
    below_new = np.cumsum(new, axis=1)[:, last_of_tie]
    below_old = np.arange(1, len(ranked) + 1)[last_of_tie] - below_new
    distances = np.abs(below_new / n_new - below_old / n_old).max(axis=1)
    return np.where(both, np.column_stack([means, distances]), 0.0)


def _standardised_maximum(statistics: Floats) -> tuple[Floats, Floats]:
    """Give the largest statistic of each labelling, and the observed one of each feature."""
    spread = statistics.std(axis=0)
    z = (statistics - statistics.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return z.max(axis=1), z[0].reshape(-1, 2).max(axis=1)


def _share(largest: Floats, observed: float) -> float:
    return float(np.mean(largest >= observed - 1e-12))


def _feature(name: str, x: Floats, is_new: Bools, *, p: float, level: float) -> FeatureDrift:
    known = ~np.isnan(x)
    new, old = x[known & is_new], x[known & ~is_new]
    spread = float(old.std(ddof=1)) if len(old) > 1 else 0.0
    shift = float(new.mean() - old.mean()) / spread if spread > 0 else None
    steps = np.unique(x[known])
    below = [np.searchsorted(np.sort(group), steps, side="right") / len(group) for group in (new, old)]
    distance = float(np.abs(below[0] - below[1]).max())
    return FeatureDrift(name, len(new), len(old), shift, distance, p, p <= level)
