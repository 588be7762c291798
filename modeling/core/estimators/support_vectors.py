"""Support vector machines that give log-odds."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

from modeling.core.estimators.binary_classifier import BinaryClassifier
from modeling.core.estimators.penalised import feasible_folds
from modeling.core.estimators.sigmoid import rising_sigmoid

Floats = NDArray[np.float64]


class SupportVectors(BinaryClassifier):
    """Support vector machine whose distances become log-odds by a sigmoid.

    The sigmoid (Platt 1999) learns from distances of patients that the machine had not seen. Its
    slope is never negative: without signal such distances point the wrong way by chance, and a
    model must not turn round for that. C = 1 and, for the radial kernel, gamma = 1 / n_features are
    the usual values for z-scored features.

    Parameters
    ----------
    kernel : {"linear", "rbf"}, default="linear"
    folds : int, default=5
        Folds for the sigmoid; fewer if the smaller class has fewer patients.
    balanced : bool, default=True
        Give both classes equal weight.
    seed : int, default=0
        Seed of the folds.

    Attributes
    ----------
    classifier_ : SVC
    slope_, intercept_ : float
        Of the sigmoid.
    """

    def __init__(self, *, kernel: str = "linear", folds: int = 5, balanced: bool = True, seed: int = 0) -> None:
        self.kernel = kernel
        self.folds = folds
        self.balanced = balanced
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the machine on all of X, shape (n_samples, n_features), and the sigmoid out of fold."""
        values, coded = self._training(X, y)
        self.classifier_ = self._machine().fit(values, coded)
        folds = feasible_folds(coded, wanted=self.folds)
        if folds < 2:
            self.slope_, self.intercept_ = 1.0, 0.0
            return self
        unseen = np.empty(len(coded))
        for train, test in StratifiedKFold(folds, shuffle=True, random_state=self.seed).split(values, coded):
            unseen[test] = self._machine().fit(values[train], coded[train]).decision_function(values[test])
        self.slope_, self.intercept_ = rising_sigmoid(unseen, coded, balanced=self.balanced)
        return self

    def _machine(self) -> SVC:
        return SVC(kernel=self.kernel, gamma="auto", class_weight="balanced" if self.balanced else None)

    def decision_function(self, X: ArrayLike) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        values = self._new(X)
        distances: Floats = self.classifier_.decision_function(values)
        return self.slope_ * distances + self.intercept_
