"""Votes of similar training patients that give log-odds."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modeling.core.estimators.binary_classifier import BinaryClassifier
from modeling.core.estimators.penalised import class_weights

Floats = NDArray[np.float64]


class Neighbours(BinaryClassifier):
    """Votes of the nearest training patients, each class weighing the same.

    The number of neighbours is the square root of the number of patients, at least 5: the usual
    compromise, with which the votes of some hundred patients are not all one class. One vote is
    added to each class (Laplace), so that the log-odds stay finite.

    Parameters
    ----------
    balanced : bool, default=True
        Weigh votes by the inverse frequency of the class.

    Attributes
    ----------
    training_ : array of shape (n_samples, n_features)
    votes_ : array of shape (n_samples,)
        Positive for the second class; the absolute values have the mean 1.
    neighbours_ : int
    """

    def __init__(self, *, balanced: bool = True) -> None:
        self.balanced = balanced

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Remember X, shape (n_samples, n_features)."""
        self.training_, coded = self._training(X, y)
        weights = class_weights(coded, balanced=self.balanced) * len(coded)
        self.votes_ = np.where(coded == 1, weights, -weights)
        self.neighbours_ = min(max(5, round(len(coded) ** 0.5)), len(coded))
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        values = self._new(X)
        distances = ((values**2).sum(axis=1)[:, None] - 2 * values @ self.training_.T) + (self.training_**2).sum(
            axis=1
        )
        nearest = np.argsort(distances, axis=1, kind="stable")[:, : self.neighbours_]
        votes = self.votes_[nearest]
        scores: Floats = np.log1p(np.maximum(votes, 0).sum(axis=1)) - np.log1p(np.maximum(-votes, 0).sum(axis=1))
        return scores
