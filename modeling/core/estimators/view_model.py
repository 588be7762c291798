"""The model of a single view: its feature chain and its classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from modeling.core.estimators.binary_classifier import BinaryClassifier
from modeling.core.estimators.chain import FeatureChain
from modeling.core.estimators.classifiers import make
from modeling.core.estimators.inner_folds import InnerFolded, compared
from modeling.core.estimators.sigmoid import rising_sigmoid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class ViewModel(InnerFolded):
    """The feature chain of a view and the simplest classifier that does about as well as the best.

    Inner stratified folds refit the whole chain once per fold and every classifier on it. The
    simplest classifier whose mean held-out AUC (of patients within one fold) is not more than one
    standard error below the best one's is refitted, with the chain, on all patients.

    Parameters
    ----------
    chain : FeatureChain
        Unfitted.
    classifiers : sequence of str, default=("logistic",)
        Names of `modeling.core.recipes.CLASSIFIERS`.
    c_grid : sequence of float
    folds : int, default=5
        Inner folds; fewer if the smaller class has fewer patients.
    class_weight : {"balanced", None}, default="balanced"
    calibration : {"none", "sigmoid"}, default="none"
        A sigmoid learned on the inner out-of-fold log-odds, with the frequencies as they are: it
        also undoes the balancing of the classes.
    seed : int, default=0

    Attributes
    ----------
    chain_ : FeatureChain
    classifier_ : BinaryClassifier
    classifier_name_ : str
    comparison_ : dict
        Name to ``{"auc", "se", "chosen", "eligible"}``; without inner folds `se` is None.
    oof_log_odds_ : array of shape (n_samples,)
        Of the chosen classifier, for each training patient by a chain and a classifier that had
        not seen the patient; calibrated like the predictions.
    training_scores_ : array of shape (n_samples, n_selected)
    slope_, intercept_ : float
        Of the calibration; 1 and 0 without.
    notes_ : list of str
        What the folds asked for and the number of patients did not allow.
    """

    def __init__(
        self,
        chain: FeatureChain,
        *,
        classifiers: Sequence[str] = ("logistic",),
        c_grid: Sequence[float] = (0.01, 0.1, 1.0, 10.0),
        folds: int = 5,
        class_weight: str | None = "balanced",
        calibration: str = "none",
        seed: int = 0,
    ) -> None:
        self.chain = chain
        self.classifiers = classifiers
        self.c_grid = c_grid
        self.folds = folds
        self.class_weight = class_weight
        self.calibration = calibration
        self.seed = seed

    def fit(
        self, X: ArrayLike, y: ArrayLike, *, centre: ArrayLike | None = None, icc: ArrayLike | None = None
    ) -> Self:
        """Choose a classifier and fit it.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            NaN where a value is missing.
        y : array of shape (n_samples,)
        centre : array of str of shape (n_samples,), optional
            Needed if the chain harmonises.
        icc : array of shape (n_features,), optional
            Intraclass correlations; NaN where unknown.
        """
        values, coded = self._given(X, y)
        centres = self._centres(centre)
        splits = self._splits(coded)
        unseen = np.empty((len(coded), len(self.classifiers)))
        for train, test in splits:
            chain = clone(self.chain)
            known = chain.fit_transform(values[train], coded[train], centre=_at(centres, train), icc=icc)
            new = chain.transform(values[test], centre=_at(centres, test))
            for c, name in enumerate(self.classifiers):
                unseen[test, c] = self._make(name).fit(known, coded[train]).decision_function(new)
        self.comparison_ = compared(self.classifiers, unseen, coded, splits)
        self.classifier_name_ = next(name for name, row in self.comparison_.items() if row["chosen"])
        self.chain_: FeatureChain = clone(self.chain)
        self.training_scores_ = self.chain_.fit_transform(values, coded, centre=centres, icc=icc)
        self.classifier_ = self._make(self.classifier_name_).fit(self.training_scores_, coded)
        self._calibrate(unseen[:, list(self.classifiers).index(self.classifier_name_)], coded)
        return self

    def decision_function(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        scores = self.scores(X, centre=centre)
        log_odds: Floats = self.classifier_.decision_function(scores)
        return self.slope_ * log_odds + self.intercept_

    def scores(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give what the classifier sees: z-scores of shape (n_samples, n_selected)."""
        values = self._fresh(X)
        return self.chain_.transform(values, centre=self._centres(centre))

    def selected_names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Name the columns of `scores`, given the names of the columns of X."""
        return self.chain_.names(columns)

    def _make(self, name: str) -> BinaryClassifier:
        return make(name, class_weight=self.class_weight, c_grid=self.c_grid, folds=self.folds, seed=self.seed)

    def _centres(self, centre: ArrayLike | None) -> NDArray[Any] | None:
        return np.asarray(centre, dtype=str) if self.chain.harmonises and centre is not None else None

    def _calibrate(self, unseen: Floats, coded: Ints) -> None:
        self.slope_, self.intercept_ = 1.0, 0.0
        if self.calibration == "sigmoid":
            self.slope_, self.intercept_ = rising_sigmoid(unseen, coded, balanced=False)
        self.oof_log_odds_ = self.slope_ * unseen + self.intercept_


def _at(centres: NDArray[Any] | None, rows: Ints) -> NDArray[Any] | None:
    return None if centres is None else centres[rows]
