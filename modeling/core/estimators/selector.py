"""What all feature selectors share, in scikit-learn's grammar: init stores, fit judges, an underscore marks what was learned.

None of them ever leaves nothing: if no column passes, the one that comes nearest is kept, so that a
fold without signal gives a model near chance rather than a crash.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import ClassifierTags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Selector(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """A selector keeps `support_`, a mask of shape (n_features,)."""

    support_: Mask

    def _get_support_mask(self) -> Mask:
        check_is_fitted(self, "support_")
        return self.support_


class GapTolerantSelector(Selector):
    """A selector of columns with gaps."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class SupervisedSelector(Selector):
    """A selector that looks at a binary outcome."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    def _validated(self, X: ArrayLike, y: ArrayLike) -> tuple[Floats, Ints]:
        values, target = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(target)
        classes, coded = np.unique(target, return_inverse=True)
        if len(classes) != 2:
            raise ValueError(f"A binary outcome is needed; the training outcomes hold {len(classes)} class(es).")
        return values, coded.astype(np.int64)


def never_empty(support: Mask, score: Floats) -> Mask:
    """Give the mask, or where it keeps nothing, the one column of the highest score."""
    if support.any():
        return support
    fallback = np.zeros_like(support)
    fallback[int(np.argmax(score))] = True
    return fallback
