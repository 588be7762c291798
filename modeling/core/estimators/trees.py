"""Ensembles of trees that give log-odds."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from modeling.core.estimators.binary_classifier import BinaryClassifier
from modeling.core.estimators.penalised import class_weights

Floats = NDArray[np.float64]

#: Probabilities of trees are kept this far from 0 and 1: an ensemble of 100 votes knows no more.
EDGE = 0.01

KINDS = ("random_forest", "extra_trees", "gradient_boosting")


class Trees(BinaryClassifier):
    """An ensemble of shallow trees of scikit-learn; its mean probability becomes log-odds.

    Forests ask for five patients in a leaf, because a leaf of one patient repeats its outcome, and
    look at the square root of the number of features at each split. Boosting takes trees of depth 2
    (pairs of features) with the learning rate 0.1.

    Parameters
    ----------
    kind : {"random_forest", "extra_trees", "gradient_boosting"}, default="random_forest"
    trees : int, default=100
        Beyond a hundred, more trees change the third digit of a probability.
    balanced : bool, default=True
        Give both classes equal weight, by weights of the samples.
    seed : int, default=0

    Attributes
    ----------
    classifier_ : RandomForestClassifier, ExtraTreesClassifier or GradientBoostingClassifier
    """

    def __init__(
        self, *, kind: str = "random_forest", trees: int = 100, balanced: bool = True, seed: int = 0
    ) -> None:
        self.kind = kind
        self.trees = trees
        self.balanced = balanced
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Grow the trees on X, shape (n_samples, n_features)."""
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}.")
        values, coded = self._training(X, y)
        weights = class_weights(coded, balanced=self.balanced) * len(coded)
        ensemble = _ensemble(self.kind, trees=self.trees, seed=self.seed)
        self.classifier_ = ensemble.fit(values, coded, sample_weight=weights)
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        values = self._new(X)
        p = self.classifier_.predict_proba(values)[:, 1]
        scores: Floats = logit(np.clip(p, EDGE, 1 - EDGE))
        return scores


def _ensemble(kind: str, *, trees: int, seed: int) -> Any:
    # A tenth of a second, and only where trees are grown.
    from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier

    if kind == "gradient_boosting":
        return GradientBoostingClassifier(
            n_estimators=trees, max_depth=2, learning_rate=0.1, min_samples_leaf=5, random_state=seed
        )
    forest = RandomForestClassifier if kind == "random_forest" else ExtraTreesClassifier
    return forest(trees, min_samples_leaf=5, random_state=seed)
