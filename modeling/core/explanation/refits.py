"""The final classifier fitted again on resamples of its training patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from modeling.core.estimators.late_fusion import LateFusion, bases_of
from modeling.core.estimators.penalised import Penalties, class_weights, fit_paths
from modeling.core.estimators.view_model import ViewModel
from modeling.core.explanation.additive import TREES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_USUAL, _USUAL_OF_TREES = 200, 50


def usual_refits(estimator: ViewModel | LateFusion) -> int:
    """Give the number of refits: 200, or 50 where a part of the model is made of trees."""
    trees = any(base.classifier_name_ in TREES for base in bases_of(estimator))
    return _USUAL_OF_TREES if trees else _USUAL


def refitted_log_odds(estimator: ViewModel | LateFusion, scores: Floats, *, y: Ints, n: int, seed: int) -> Floats:
    """Give what refits on stratified resamples of the training patients say.

    The features, the penalties, the sigmoid of a support vector machine and the calibration stay as they
    are. The parts of a fusion share the resamples, and the fusion learns again from the out-of-fold
    log-odds of the resampled patients.

    Parameters
    ----------
    estimator : ViewModel or LateFusion
        Fitted.
    scores : array of shape (n_patients, n_selected)
        What the classifiers see of the patients.
    y : array of shape (n_training,)
        Outcomes of the training patients, 1 and 0.
    n : int
        Number of refits.
    seed : int

    Returns
    -------
    array of shape (n, n_patients)
    """
    drawn = resamples(y, n=n, seed=seed)
    if not isinstance(estimator, LateFusion):
        return _of_view(estimator, scores, y, drawn)
    parts = [_of_view(base, own, y, drawn) for base, own in estimator.by_base(scores)]
    unseen = np.column_stack([base.oof_log_odds_ for base in estimator.bases_])
    balanced = estimator.class_weight == "balanced"
    shares = _regressions(unseen, y, drawn, balanced=balanced, l1=0.0, l2=1 / (estimator.fusion_.C * len(y)))
    fused: Floats = shares[:, :1] + sum(shares[:, 1 + k, None] * part for k, part in enumerate(parts))
    return fused


def resamples(y: Ints, *, n: int, seed: int) -> Ints:
    """Draw training patients with replacement, each class among itself; rows of places, shape (n, n_training)."""
    random = np.random.default_rng(seed)
    classes = [np.flatnonzero(y == label) for label in np.unique(y)]
    return np.hstack([random.choice(members, size=(n, len(members))) for members in classes])


def _of_view(view: ViewModel, scores: Floats, y: Ints, drawn: Ints) -> Floats:
    said = _linear(view, scores, y, drawn) if view.classifier_name_ in _PENALISED else _others(view, scores, y, drawn)
    return view.slope_ * said + view.intercept_


_PENALISED = ("logistic", "elastic_net")


def _linear(view: ViewModel, scores: Floats, y: Ints, drawn: Ints) -> Floats:
    fitted = view.classifier_
    logistic = view.classifier_name_ == "logistic"
    l1, l2 = (0.0, 1 / (fitted.c_ * len(y))) if logistic else (fitted.strength_ / 2, fitted.strength_ / 2)
    balanced = view.class_weight == "balanced"
    solved = _regressions(view.training_scores_, y, drawn, balanced=balanced, l1=l1, l2=l2)
    said: Floats = solved[:, :1] + solved[:, 1:] @ scores.T
    return said


def _regressions(X: Floats, y: Ints, drawn: Ints, *, balanced: bool, l1: float, l2: float) -> Floats:
    """Fit all resamples at once: a patient drawn twice weighs twice. Shape (n, 1 + n_features)."""
    counts = np.stack([np.bincount(row, minlength=len(y)) for row in drawn])
    weights = counts * class_weights(y, balanced=balanced)
    penalties = Penalties(np.array([l1]), np.array([l2]))
    return fit_paths(X, y, weights=weights, penalties=penalties, tolerance=1e-5)[:, 0]


def _others(view: ViewModel, scores: Floats, y: Ints, drawn: Ints) -> Floats:
    fitted = view.classifier_
    said = np.empty((len(drawn), len(scores)))
    machine = view.classifier_name_.endswith("_svm")
    for place, rows in enumerate(drawn):
        # The sigmoid of a machine stays: patients drawn twice would stand on both sides of its folds.
        again = clone(fitted.classifier_ if machine else fitted).fit(view.training_scores_[rows], y[rows])
        distances = again.decision_function(scores)
        said[place] = fitted.slope_ * distances + fitted.intercept_ if machine else distances
    return said
