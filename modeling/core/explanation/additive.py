"""How contributions pass from a classifier to its view, and from a view through a fusion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from modeling.core.estimators.trees import EDGE
from modeling.core.estimators.view_model import ViewModel

Floats = NDArray[np.float64]

#: Classifiers whose log-odds are a weighted sum, and those whose probability is a mean of votes.
LINEAR = ("logistic", "elastic_net", "linear_svm")
FORESTS = ("random_forest", "extra_trees")
BOOSTING = "gradient_boosting"
TREES = (*FORESTS, BOOSTING)

#: Below this distance from the base the slope there stands in for a quotient.
_STEP = 1e-9


@dataclass(frozen=True, eq=False)
class Part:
    """Contributions of all features of a part of a model, and what they are added to."""

    values: Floats
    base: float

    def times(self, weight: float) -> Part:
        """Give what reaches the sum of a fusion."""
        return Part(weight * self.values, weight * self.base)


def through(part: Part, link: Callable[[Floats], Floats]) -> Part:
    """Stretch the contributions of each patient to sum to what comes out of a link.

    Through a straight line this is exact; through anything else it is the rescale rule.
    """
    moved = part.values.sum(axis=1)
    ends = link(np.append(part.base + moved, [part.base, part.base + _STEP]))
    slope_here = (ends[-1] - ends[-2]) / _STEP
    steady = np.abs(moved) > _STEP
    stretch = np.where(steady, (ends[:-2] - ends[-2]) / np.where(steady, moved, 1.0), slope_here)
    return Part(part.values * stretch[:, None], float(ends[-2]))


def link_of(view: ViewModel) -> Callable[[Floats], Floats]:
    """Give the way from what adds up in a classifier to the calibrated log-odds of its view."""
    low, high = float(logit(EDGE)), float(logit(1 - EDGE))

    def link(sums: Floats) -> Floats:
        log_odds = sums
        if view.classifier_name_ in FORESTS:
            log_odds = logit(np.clip(sums, EDGE, 1 - EDGE))
        elif view.classifier_name_ == BOOSTING:
            log_odds = np.clip(sums, low, high)
        calibrated: Floats = view.slope_ * log_odds + view.intercept_
        return calibrated

    return link


def weights_of(view: ViewModel) -> Floats:
    """Give what one unit of each score adds to a linear classifier's log-odds."""
    # Asked of the classifier itself, since each kind keeps its coefficients under another name.
    probes = np.vstack([np.zeros(view.training_scores_.shape[1]), np.eye(view.training_scores_.shape[1])])
    said = view.classifier_.decision_function(probes)
    weights: Floats = said[1:] - said[0]
    return weights
