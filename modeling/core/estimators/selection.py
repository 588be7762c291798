"""Selectors that look at the outcome: a rank test, pruning of columns that say the same, mRMR."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.feature_selection import f_classif

from modeling.core.estimators.rank_statistics import (
    average_ranks,
    false_discovery_rates,
    mann_whitney_p,
    rank_aucs,
    unit_columns,
)
from modeling.core.estimators.selector import SupervisedSelector, never_empty

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Rows that are compared with all later ones by one matrix product.
_BLOCK = 64


class MannWhitneyFilter(SupervisedSelector):
    """Keep columns that differ between the classes by a two-sided Mann-Whitney test.

    Parameters
    ----------
    alpha : float, default=0.05
        Columns with p below it stay.
    false_discovery : bool, default=False
        Adjust p for the number of columns (Benjamini & Hochberg, J R Stat Soc B 1995;57:289).

    Attributes
    ----------
    pvalues_ : array of shape (n_features,)
        Adjusted if so wanted.
    """

    def __init__(self, *, alpha: float = 0.05, false_discovery: bool = False) -> None:
        self.alpha = alpha
        self.false_discovery = false_discovery

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Test each column of X, shape (n_samples, n_features), against y."""
        if not 0 < self.alpha <= 1:
            raise ValueError(f"alpha must lie above 0 and at most 1, not {self.alpha}.")
        values, target = self._validated(X, y)
        p = mann_whitney_p(values, target)
        self.pvalues_ = false_discovery_rates(p) if self.false_discovery else p
        self.support_ = never_empty(self.pvalues_ < self.alpha, -self.pvalues_)
        return self


class CorrelationPruner(SupervisedSelector):
    """Of columns that say the same, keep the one that separates the classes best.

    Columns are visited from the largest distance of their own AUC from 0.5 to the smallest; each
    one that is still there removes all later ones with a larger absolute Spearman correlation.

    Parameters
    ----------
    threshold : float, default=0.9
        Largest absolute correlation that two kept columns may have.
    """

    def __init__(self, *, threshold: float = 0.9) -> None:
        self.threshold = threshold

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Prune the columns of X, shape (n_samples, n_features)."""
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold must lie above 0 and at most 1, not {self.threshold}.")
        values, target = self._validated(X, y)
        ranks = average_ranks(values)
        self.auc_distance_ = np.abs(rank_aucs(ranks, target) - 0.5)
        order = np.argsort(-self.auc_distance_, kind="stable")
        self.support_ = np.zeros(values.shape[1], dtype=bool)
        self.support_[order[_unlike(unit_columns(ranks).T[order], threshold=self.threshold)]] = True
        return self


class MRMRSelector(SupervisedSelector):
    """Keep few columns that are relevant and not redundant (minimum redundancy, maximum relevance).

    The quotient form for continuous features, FCQ: the F statistic divided by the mean absolute
    correlation with the columns chosen so far (Ding & Peng, J Bioinform Comput Biol 2005;3:185).
    A mean correlation below 1 / sqrt(n_samples), the standard error of a correlation between
    independent columns, counts as that much; without this floor the quotient rewards noise that
    happens to be uncorrelated.

    Parameters
    ----------
    n_features : int, default=20
        How many columns to keep at most.
    """

    def __init__(self, *, n_features: int = 20) -> None:
        self.n_features = n_features

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose columns of X, shape (n_samples, n_features), one after the other."""
        if self.n_features < 1:
            raise ValueError(f"n_features must be at least 1, not {self.n_features}.")
        values, target = self._validated(X, y)
        relevance = _f_statistic(values, target)
        scaled = unit_columns(values)
        floor = 1 / np.sqrt(len(values))
        redundancy = np.zeros(values.shape[1])
        chosen: list[int] = []
        for _ in range(min(self.n_features, values.shape[1])):
            score = relevance / np.maximum(redundancy / max(len(chosen), 1), floor)
            score[chosen] = -np.inf
            chosen.append(int(np.argmax(score)))
            redundancy += np.abs(scaled[:, chosen[-1]] @ scaled)
        self.ranking_ = np.array(chosen)
        self.support_ = np.isin(np.arange(values.shape[1]), chosen)
        return self


def _unlike(rows: Floats, *, threshold: float) -> Ints:
    """Visit unit rows in order; each one that is still there removes later ones that are too like it."""
    waiting = np.arange(len(rows))
    kept: list[int] = []
    while len(waiting):
        block, waiting = waiting[:_BLOCK], waiting[_BLOCK:]
        like = np.abs(rows[block] @ rows[block].T) > threshold
        stays = np.ones(len(block), dtype=bool)
        for i in range(len(block)):
            if stays[i]:
                stays[i + 1 :] &= ~like[i, i + 1 :]
        kept.extend(block[stays].tolist())
        waiting = waiting[(np.abs(rows[waiting] @ rows[block[stays]].T) <= threshold).all(axis=1)]
    return np.array(kept)


def _f_statistic(X: Floats, y: Ints) -> Floats:
    varying = np.ptp(X, axis=0) > 0
    F = np.zeros(X.shape[1])
    if varying.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            F[varying] = np.nan_to_num(f_classif(X[:, varying], y)[0], nan=0.0, posinf=1e12)
    return F
