"""What the model of a view and a fusion share: inner folds, in which patients are predicted unseen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.validation import check_is_fitted, validate_data

from modeling.core.estimators.binary_classifier import BinaryClassifier, both_classes
from modeling.core.estimators.penalised import feasible_folds
from modeling.core.estimators.rank_statistics import column_aucs
from modeling.core.recipes import CLASSIFIERS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Splits = list[tuple[Ints, Ints]]


class InnerFolded(BinaryClassifier):
    """A classifier that accepts gaps and centres, and is judged in inner stratified folds."""

    folds: int
    seed: int

    def _given(self, X: ArrayLike, y: ArrayLike) -> tuple[Floats, Ints]:
        values, target = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        return values, self._coded(target)

    def _fresh(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        values: Floats = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return values

    def _splits(self, coded: Ints) -> Splits:
        folds = feasible_folds(coded, wanted=self.folds)
        self.notes_: list[str] = []
        if folds < 2:
            self.notes_.append(
                "The smaller class has a single training patient: no inner fold is possible, and predictions for "
                "the training patients themselves stand in for predictions of unseen patients."
            )
            everyone = np.arange(len(coded))
            return [(everyone, everyone)]
        if folds < self.folds:
            self.notes_.append(
                f"There are {folds} instead of {self.folds} inner folds, because the smaller class has {folds} "
                f"training patients."
            )
        return list(StratifiedKFold(folds, shuffle=True, random_state=self.seed).split(coded, coded))

    def decision_function(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        raise NotImplementedError

    def predict_proba(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give the probabilities of both classes, shape (n_samples, 2)."""
        return both_classes(self.decision_function(X, centre=centre))

    def predict(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> NDArray[Any]:
        """Give the more probable class."""
        second = self.decision_function(X, centre=centre) > 0
        labels: NDArray[Any] = self.classes_[second.astype(int)]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def compared(names: Sequence[str], unseen: Floats, coded: Ints, splits: Splits) -> dict[str, dict[str, Any]]:
    """Judge classifiers by their mean area over the folds; choose the simplest that is about as good as the best.

    Parameters
    ----------
    names : sequence of str
        Of `modeling.core.recipes.CLASSIFIERS`.
    unseen : array of shape (n_samples, n_classifiers)
        Out-of-fold log-odds.
    coded : array of shape (n_samples,)
        1 and 0.
    splits : list of (training rows, test rows)

    Returns
    -------
    dict of str to dict
        The `comparison_` of a `ViewModel`, the simplest classifier first.
    """
    areas = np.array([column_aucs(unseen[test], coded[test]) for _, test in splits])
    mean = areas.mean(axis=0)
    error = areas.std(axis=0, ddof=1) / np.sqrt(len(splits)) if len(splits) > 1 else None
    order = sorted(range(len(names)), key=lambda c: CLASSIFIERS.index(names[c]))
    best = order[int(np.argmax(mean[order]))]
    # Without held-out patients the areas compare memories: the simplest classifier it is.
    eligible = mean >= mean[best] - error[best] if error is not None else np.arange(len(names)) == order[0]
    chosen = next(c for c in order if eligible[c])
    return {
        names[c]: {
            "auc": float(mean[c]),
            "se": None if error is None else float(error[c]),
            "chosen": c == chosen,
            "eligible": bool(eligible[c]),
        }
        for c in order
    }
