"""From a recipe to unfitted estimators: the chain of a single view, and the fusion of two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from modeling.core.penalised import Penalties, cross_validated_loss, feasible_folds
from modeling.core.preprocessing import LogVolumeRatio, MedianImputer, Winsorizer
from modeling.core.recipes import Recipe
from modeling.core.selection import (
    ConstantFilter,
    CorrelationPruner,
    LassoSelector,
    MannWhitneyFilter,
    MissingFilter,
    MRMRSelector,
)
from modeling.core.views import FUSED, columns_of

Floats = NDArray[np.float64]


class _LinearClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A binary classifier whose log-odds are known."""

    classes_: NDArray[Any]

    def decision_function(self, X: ArrayLike) -> Floats:
        """Give the log-odds of the second class."""
        raise NotImplementedError

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Give the probabilities of both classes, shape (n_samples, 2)."""
        second = expit(self.decision_function(X))
        return np.column_stack([1 - second, second])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Give the more probable class."""
        second = self.decision_function(X) > 0
        labels: NDArray[Any] = self.classes_[second.astype(int)]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _coded(self, y: NDArray[Any]) -> NDArray[np.int64]:
        check_classification_targets(y)
        self.classes_, coded = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported. The type of the target holds {len(self.classes_)} classes."
            )
        return coded.astype(np.int64)


class TunedLogistic(_LinearClassifier):
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
        values, target = validate_data(self, X, y, dtype=np.float64)
        coded = self._coded(target)
        self.c_ = self._choose(values, coded)
        self.classifier_ = LogisticRegression(C=self.c_, class_weight=self.class_weight, tol=1e-8, max_iter=10_000)
        self.classifier_.fit(values, coded)
        return self

    def _choose(self, values: Floats, coded: NDArray[np.int64]) -> float:
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
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, reset=False)
        scores: Floats = self.classifier_.decision_function(values)
        return scores


class LateFusion(_LinearClassifier):
    """Logistic regression on the log-odds that two or more models give out of fold.

    The fusion learns from predictions for patients that a model had not seen; afterwards each
    model is fitted on all of them.

    Parameters
    ----------
    bases : sequence of (name, estimator, columns)
        Columns are an array of positions in X.
    folds : int, default=5
    class_weight : {"balanced", None}, default="balanced"
    seed : int, default=0

    Attributes
    ----------
    bases_ : list of fitted estimators, in the order of `bases`
    fusion_ : LogisticRegression
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

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the bases and their fusion on X, shape (n_samples, n_features)."""
        values, target = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        coded = self._coded(target)
        self.folds_ = feasible_folds(coded, wanted=self.folds)
        unseen = np.empty((len(values), len(self.bases)))
        folds = StratifiedKFold(self.folds_, shuffle=True, random_state=self.seed)
        for train, test in folds.split(values, coded):
            for b, (_, base, columns) in enumerate(self.bases):
                fitted = clone(base).fit(values[np.ix_(train, columns)], coded[train])
                unseen[test, b] = fitted.decision_function(values[np.ix_(test, columns)])
        self.fusion_ = LogisticRegression(class_weight=self.class_weight, tol=1e-8, max_iter=10_000)
        self.fusion_.fit(unseen, coded)
        self.bases_ = [clone(base).fit(values[:, columns], coded) for _, base, columns in self.bases]
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        logits = [
            fitted.decision_function(values[:, columns])
            for fitted, (_, _, columns) in zip(self.bases_, self.bases, strict=True)
        ]
        scores: Floats = self.fusion_.decision_function(np.column_stack(logits))
        return scores

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def build(view: str, recipe: Recipe, *, columns: Sequence[str]) -> Pipeline | LateFusion:
    """Give the unfitted estimator of a view.

    Parameters
    ----------
    view : str
        One of `modeling.core.views.VIEWS`.
    recipe : Recipe
    columns : sequence of str
        The names of the columns that the estimator will see, in order.

    Returns
    -------
    Pipeline or LateFusion
    """
    if view == "volume_change":
        return Pipeline([("ratio", LogVolumeRatio()), *_scaling(recipe, indicator=False), _classifier(recipe)])
    if view == "integrated":
        place = {column: position for position, column in enumerate(columns)}
        bases = []
        for part in FUSED:
            own = columns_of(columns, part)
            bases.append((part, build(part, recipe, columns=own), np.array([place[column] for column in own])))
        return LateFusion(bases, folds=recipe.fusion_folds, class_weight=recipe.class_weight, seed=recipe.seed)
    return Pipeline([*_cleaning(recipe), *_scaling(recipe, indicator=True), *_selecting(recipe), _classifier(recipe)])


def _cleaning(recipe: Recipe) -> list[tuple[str, Any]]:
    return [("missing", MissingFilter(max_fraction=recipe.max_missing_fraction)), ("constant", ConstantFilter())]


def _scaling(recipe: Recipe, *, indicator: bool) -> list[tuple[str, Any]]:
    low, high = recipe.winsor_percentiles
    return [
        ("impute", MedianImputer(indicator=indicator)),
        ("winsorise", Winsorizer(low=low, high=high)),
        ("scale", StandardScaler()),
    ]


def _selecting(recipe: Recipe) -> list[tuple[str, Any]]:
    return [
        ("univariate", MannWhitneyFilter(alpha=recipe.univariate_p)),
        ("redundancy", CorrelationPruner(threshold=recipe.max_abs_spearman)),
        ("mrmr", MRMRSelector(n_features=recipe.mrmr_features)),
        (
            "lasso",
            LassoSelector(
                folds=recipe.lasso_folds,
                rule=recipe.lasso_rule,
                patients_per_feature=recipe.patients_per_feature,
                balanced=recipe.class_weight == "balanced",
                seed=recipe.seed,
            ),
        ),
    ]


def _classifier(recipe: Recipe) -> tuple[str, Any]:
    tuned = TunedLogistic(
        c_grid=recipe.c_grid, folds=recipe.cv_folds, class_weight=recipe.class_weight, seed=recipe.seed
    )
    return ("logistic", tuned)
