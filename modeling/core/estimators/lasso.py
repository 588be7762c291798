"""The last selection: few columns by an L1-penalised logistic regression."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedKFold

from modeling.core.estimators.penalised import (
    Penalties,
    class_weights,
    cross_validated_loss,
    feasible_folds,
    fit_paths,
)
from modeling.core.estimators.selector import SupervisedSelector, never_empty

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class LassoSelector(SupervisedSelector):
    """Keep the columns with a coefficient in an L1-penalised logistic regression.

    The penalty is chosen by cross-validated log-loss: the largest one within one standard error of
    the best (``1se``) or the best itself (``min``). A hard cap then keeps at most one column for
    every `patients_per_feature` patients of the smaller class, those with the largest coefficients.
    Columns are expected to be z-scored.

    Parameters
    ----------
    folds : int, default=10
        Folds of the inner cross-validation; fewer if the smaller class has fewer patients.
    rule : {"1se", "min"}, default="1se"
    patients_per_feature : int, default=10
    balanced : bool, default=True
        Give both classes equal weight.
    seed : int, default=0
        Seed of the folds.

    Attributes
    ----------
    folds_ : int
        Folds that were possible; 0 if the smaller class has a single patient.
    cap_ : int
    coef_ : array of shape (n_features,)
        At the chosen penalty, before the cap.
    penalty_ : float
    """

    def __init__(
        self,
        *,
        folds: int = 10,
        rule: str = "1se",
        patients_per_feature: int = 10,
        balanced: bool = True,
        seed: int = 0,
    ) -> None:
        self.folds = folds
        self.rule = rule
        self.patients_per_feature = patients_per_feature
        self.balanced = balanced
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose columns of X, shape (n_samples, n_features)."""
        if self.rule not in ("1se", "min"):
            raise ValueError(f"rule must be 1se or min, not {self.rule!r}.")
        values, target = self._validated(X, y)
        weights = class_weights(target, balanced=self.balanced)
        gradient = np.abs((weights * (target - weights @ target)) @ values)
        path = max(gradient.max(), np.finfo(float).tiny) * _fractions(*values.shape)
        self.penalty_ = self._choose(values, target, path)
        chosen = Penalties(np.array([self.penalty_]), np.zeros(1))
        fitted = fit_paths(values, target, weights=weights[None], penalties=chosen, tolerance=1e-6)
        self.coef_ = fitted[0, 0, 1:]
        self.cap_ = max(1, int(np.bincount(target).min()) // self.patients_per_feature)
        size = np.abs(self.coef_)
        largest = np.argsort(-size, kind="stable")[: self.cap_]
        inside = np.isin(np.arange(len(size)), largest) & (size > 0)
        self.support_ = never_empty(inside, gradient)
        return self

    def _choose(self, values: Floats, target: Ints, path: Floats) -> float:
        self.folds_ = feasible_folds(target, wanted=self.folds)
        if self.folds_ < 2:
            self.folds_ = 0
            return float(path[0])
        folds = StratifiedKFold(self.folds_, shuffle=True, random_state=self.seed)
        mean, error = cross_validated_loss(
            values, target, penalties=Penalties(path, np.zeros_like(path)), folds=folds, balanced=self.balanced
        )
        best = int(np.argmin(mean))
        if self.rule == "min":
            return float(path[best])
        return float(path[np.flatnonzero(mean <= mean[best] + error[best])[0]])


def _fractions(n_samples: int, n_features: int) -> Floats:
    # With few patients the end of the path is saturated: slow to fit and never chosen for a reason.
    return np.geomspace(1, 0.1 if n_samples < 2 * n_features else 0.03, 25)
