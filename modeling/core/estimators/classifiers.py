"""The classifiers that are compared, the simplest first: each gives log-odds.

Hyper-parameters are small and fixed; with some hundred patients and at most a few dozen z-scored
features a search over them would choose noise. What is tuned is what is cheap: the penalty of the
two regressions. Both classes weigh the same, so that the share of responders, which differs a
little from fold to fold, moves no prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from modeling.core.estimators.penalised import (
    Penalties,
    class_weights,
    cross_validated_loss,
    feasible_folds,
    fit_paths,
)
from modeling.core.recipes import CLASSIFIERS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Probabilities of trees are kept this far from 0 and 1: an ensemble of 100 votes knows no more.
EDGE = 0.01


class BinaryClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of two classes whose log-odds are known."""

    classes_: NDArray[Any]

    def decision_function(self, X: ArrayLike) -> Floats:
        """Give the log-odds of the second class."""
        raise NotImplementedError

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Give the probabilities of both classes, shape (n_samples, 2)."""
        return both_classes(self.decision_function(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Give the more probable class."""
        second = self.decision_function(X) > 0
        labels: NDArray[Any] = self.classes_[second.astype(int)]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _coded(self, y: NDArray[Any]) -> Ints:
        check_classification_targets(y)
        self.classes_, coded = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported. The type of the target holds {len(self.classes_)} classes."
            )
        return coded.astype(np.int64)

    def _training(self, X: ArrayLike, y: ArrayLike) -> tuple[Floats, Ints]:
        values, target = validate_data(self, X, y, dtype=np.float64)
        return values, self._coded(target)

    def _new(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        values: Floats = validate_data(self, X, dtype=np.float64, reset=False)
        return values


def both_classes(log_odds: Floats) -> Floats:
    """Turn the log-odds of the second class into probabilities of both, shape (n_samples, 2)."""
    second = expit(log_odds)
    return np.column_stack([1 - second, second])


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
        if self.kind not in _ENSEMBLES:
            raise ValueError(f"kind must be one of {', '.join(_ENSEMBLES)}, not {self.kind!r}.")
        values, coded = self._training(X, y)
        weights = class_weights(coded, balanced=self.balanced) * len(coded)
        self.classifier_ = _ENSEMBLES[self.kind](self.trees, self.seed).fit(values, coded, sample_weight=weights)
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        values = self._new(X)
        p = self.classifier_.predict_proba(values)[:, 1]
        scores: Floats = logit(np.clip(p, EDGE, 1 - EDGE))
        return scores


_ENSEMBLES: dict[str, Callable[[int, int], Any]] = {
    "random_forest": lambda trees, seed: RandomForestClassifier(trees, min_samples_leaf=5, random_state=seed),
    "extra_trees": lambda trees, seed: ExtraTreesClassifier(trees, min_samples_leaf=5, random_state=seed),
    "gradient_boosting": lambda trees, seed: GradientBoostingClassifier(
        n_estimators=trees, max_depth=2, learning_rate=0.1, min_samples_leaf=5, random_state=seed
    ),
}


def make(name: str, *, class_weight: str | None, c_grid: Sequence[float], folds: int, seed: int) -> BinaryClassifier:
    """Give an unfitted classifier of the catalogue.

    Parameters
    ----------
    name : str
        One of `modeling.core.recipes.CLASSIFIERS`.
    class_weight : {"balanced", None}
    c_grid : sequence of float
        Inverse strengths of the logistic regression.
    folds : int
        Folds for whatever a classifier chooses or calibrates inside.
    seed : int

    Returns
    -------
    BinaryClassifier

    Raises
    ------
    ValueError
        If the name is not in the catalogue.
    """
    if name not in CLASSIFIERS:
        raise ValueError(f"There is no classifier {name!r}; known are {', '.join(CLASSIFIERS)}.")
    if name == "logistic":
        return TunedLogistic(c_grid=c_grid, folds=folds, class_weight=class_weight, seed=seed)
    balanced = class_weight == "balanced"
    if name == "elastic_net":
        return ElasticNet(folds=folds, balanced=balanced, seed=seed)
    if name.endswith("_svm"):
        return SupportVectors(kernel=name.removesuffix("_svm"), folds=folds, balanced=balanced, seed=seed)
    if name == "knn":
        return Neighbours(balanced=balanced)
    return Trees(kind=name, balanced=balanced, seed=seed)


def rising_sigmoid(scores: Floats, y: Ints, *, balanced: bool) -> tuple[float, float]:
    """Fit log-odds = slope * score + intercept with a slope that is never negative.

    Parameters
    ----------
    scores : array of shape (n_samples,)
        Of patients that the scoring model had not seen.
    y : array of shape (n_samples,)
        1 and 0.
    balanced : bool
        Give both classes equal weight.

    Returns
    -------
    slope, intercept : float
        Where higher scores do not go with the second class, the slope is the smallest that keeps
        the order of the patients, and the intercept says the share of the class.
    """
    spread = float(np.std(scores))
    if spread <= 1e-9 * (1 + np.abs(scores).max()):
        spread = 1.0
    fitted = LogisticRegression(class_weight="balanced" if balanced else None, tol=1e-8, max_iter=10_000)
    fitted.fit(scores[:, None] / spread, y)
    slope = float(fitted.coef_[0, 0]) / spread
    if slope >= _FLAT / spread:
        return slope, float(fitted.intercept_[0])
    share = class_weights(y, balanced=balanced) @ y
    return _FLAT / spread, float(logit(share) - _FLAT / spread * np.mean(scores))


_FLAT = 0.01
