"""The fusion of two or more models of views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from modeling.core.estimators.inner_folds import InnerFolded, compared
from modeling.core.estimators.view_model import ViewModel

Floats = NDArray[np.float64]


class LateFusion(InnerFolded):
    """Logistic regression on the log-odds that two or more models give out of fold.

    The fusion learns from the inner out-of-fold log-odds of its bases, which each base has for
    patients that it had not seen; nothing is fitted a second time for it.

    Parameters
    ----------
    bases : sequence of (name, ViewModel, columns)
        Columns are an array of positions in X.
    folds : int, default=5
        Folds for the fusion's own out-of-fold log-odds.
    class_weight : {"balanced", None}, default="balanced"
    seed : int, default=0

    Attributes
    ----------
    bases_ : list of fitted ViewModel, in the order of `bases`
    fusion_ : LogisticRegression
    classifier_ : LogisticRegression
        The same.
    classifier_name_, comparison_, oof_log_odds_, training_scores_, notes_
        As of a `ViewModel`; the fusion itself is always logistic.
    """

    def __init__(
        self,
        bases: Sequence[tuple[str, Any, NDArray[np.int64]]],
        *,
        folds: int = 5,
        class_weight: str | None = "balanced",
        seed: int = 0,
    ) -> None:
        self.bases = bases
        self.folds = folds
        self.class_weight = class_weight
        self.seed = seed

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        centre: ArrayLike | None = None,
        icc: ArrayLike | None = None,
        fitted: Mapping[str, ViewModel] | None = None,
    ) -> Self:
        """Fit the bases and their fusion.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        centre : array of str of shape (n_samples,), optional
        icc : array of shape (n_features,), optional
        fitted : mapping of str to ViewModel, optional
            Bases by name that have already been fitted on these very patients and columns; they
            are taken as they are.
        """
        values, coded = self._given(X, y)
        known = None if icc is None else np.asarray(icc, dtype=np.float64)
        self.bases_ = [
            (fitted or {}).get(name)
            or clone(base).fit(values[:, places], coded, centre=centre, icc=None if known is None else known[places])
            for name, base, places in self.bases
        ]
        unseen = np.column_stack([base.oof_log_odds_ for base in self.bases_])
        splits = self._splits(coded)
        self.oof_log_odds_ = np.empty(len(coded))
        for train, test in splits:
            self.oof_log_odds_[test] = self._blank().fit(unseen[train], coded[train]).decision_function(unseen[test])
        self.fusion_ = self.classifier_ = self._blank().fit(unseen, coded)
        self.comparison_ = compared(("logistic",), self.oof_log_odds_[:, None], coded, splits)
        self.classifier_name_ = "logistic"
        self.training_scores_ = np.hstack([base.training_scores_ for base in self.bases_])
        self.notes_ = list(dict.fromkeys(note for base in self.bases_ for note in [*base.notes_, *self.notes_]))
        return self

    def decision_function(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        parts = [base.decision_function(own, centre=centre) for base, own in self._parts(X)]
        log_odds: Floats = self.fusion_.decision_function(np.column_stack(parts))
        return log_odds

    def scores(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give what the bases' classifiers see, side by side, shape (n_samples, n_selected)."""
        return np.hstack([base.scores(own, centre=centre) for base, own in self._parts(X)])

    def selected_names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Name the columns of `scores`, those of one base after another."""
        return tuple(
            name
            for base, (_, _, places) in zip(self.bases_, self.bases, strict=True)
            for name in base.selected_names([columns[place] for place in places])
        )

    def by_base(self, scores: Floats) -> list[tuple[ViewModel, Floats]]:
        """Give each base with its own columns of `scores`."""
        ends = np.cumsum([base.training_scores_.shape[1] for base in self.bases_])[:-1]
        return list(zip(self.bases_, np.split(scores, ends, axis=1), strict=True))

    def _blank(self) -> LogisticRegression:
        return LogisticRegression(class_weight=self.class_weight, tol=1e-8, max_iter=10_000)

    def _parts(self, X: ArrayLike) -> list[tuple[ViewModel, Floats]]:
        values = self._fresh(X)
        return [(base, values[:, places]) for base, (_, _, places) in zip(self.bases_, self.bases, strict=True)]


def bases_of(estimator: ViewModel | LateFusion) -> list[ViewModel]:
    """Give the models of single views that a fitted estimator is made of: its bases, or itself."""
    return estimator.bases_ if isinstance(estimator, LateFusion) else [estimator]
