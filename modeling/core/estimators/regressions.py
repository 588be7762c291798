"""The two logistic regressions, whose penalty is chosen by cross-validated log-loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from modeling.core.estimators.binary_classifier import BinaryClassifier
from modeling.core.estimators.penalised import (
    Penalties,
    class_weights,
    cross_validated_loss,
    feasible_folds,
    fit_paths,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class TunedLogistic(BinaryClassifier):
    """L2 logistic regression whose strength is chosen by cross-validated log-loss.

    Parameters
    ----------
    c_grid : sequence of float
        Inverse strengths to choose from; the smallest wins a tie.
    folds : int, default=5
        Folds; fewer if the smaller class has fewer patients.
    class_weight : {"balanced", None}, default="balanced"
    seed : int, default=0
        Seed of the folds.

    Attributes
    ----------
    c_ : float
    classifier_ : LogisticRegression
        The final fit, scikit-learn's own.
    """

    def __init__(
        self,
        *,
        c_grid: Sequence[float] = (0.01, 0.1, 1.0, 10.0),
        folds: int = 5,
        class_weight: str | None = "balanced",
        seed: int = 0,
    ) -> None:
        self.c_grid = c_grid
        self.folds = folds
        self.class_weight = class_weight
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose the strength and fit X, shape (n_samples, n_features)."""
        values, coded = self._training(X, y)
        self.c_ = self._choose(values, coded)
        self.classifier_ = LogisticRegression(C=self.c_, class_weight=self.class_weight, tol=1e-8, max_iter=10_000)
        self.classifier_.fit(values, coded)
        return self

    def _choose(self, values: Floats, coded: Ints) -> float:
        grid = np.sort(np.asarray(self.c_grid, dtype=np.float64))
        folds = feasible_folds(coded, wanted=self.folds)
        if len(grid) == 1 or folds < 2:
            return float(grid[0])
        # scikit-learn's C multiplies the summed loss, our penalty stands beside the mean loss.
        l2 = 1 / (grid * len(values))
        mean, _ = cross_validated_loss(
            values,
            coded,
            penalties=Penalties(np.zeros_like(l2), l2),
            folds=StratifiedKFold(folds, shuffle=True, random_state=self.seed),
            balanced=self.class_weight == "balanced",
        )
        return float(grid[int(np.argmin(mean))])

    def decision_function(self, X: ArrayLike) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        values = self._new(X)
        scores: Floats = self.classifier_.decision_function(values)
        return scores


class ElasticNet(BinaryClassifier):
    """Logistic regression with the elastic-net penalty, half L1 and half L2.

    The strength is the one of ten, from the smallest that leaves no feature downwards to a
    hundredth of it, with the smallest cross-validated log-loss.

    Parameters
    ----------
    folds : int, default=5
        Folds; fewer if the smaller class has fewer patients.
    balanced : bool, default=True
        Give both classes equal weight.
    seed : int, default=0
        Seed of the folds.

    Attributes
    ----------
    strength_ : float
    intercept_ : float
    coef_ : array of shape (n_features,)
    """

    def __init__(self, *, folds: int = 5, balanced: bool = True, seed: int = 0) -> None:
        self.folds = folds
        self.balanced = balanced
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose the strength and fit X, shape (n_samples, n_features)."""
        values, coded = self._training(X, y)
        weights = class_weights(coded, balanced=self.balanced)
        gradient = np.abs((weights * (coded - weights @ coded)) @ values).max()
        path = 2 * max(gradient, np.finfo(float).tiny) * np.geomspace(1, 0.01, 10)
        folds = feasible_folds(coded, wanted=self.folds)
        best = 0
        if folds >= 2:
            splitter = StratifiedKFold(folds, shuffle=True, random_state=self.seed)
            halves = Penalties(path / 2, path / 2)
            mean, _ = cross_validated_loss(values, coded, penalties=halves, folds=splitter, balanced=self.balanced)
            best = int(np.argmin(mean))
        self.strength_ = float(path[best])
        chosen = Penalties(path[[best]] / 2, path[[best]] / 2)
        fitted = fit_paths(values, coded, weights=weights[None], penalties=chosen, tolerance=1e-6)[0, 0]
        self.intercept_, self.coef_ = float(fitted[0]), fitted[1:]
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        values = self._new(X)
        scores: Floats = values @ self.coef_ + self.intercept_
        return scores
