"""What all classifiers of two classes share: they give log-odds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
