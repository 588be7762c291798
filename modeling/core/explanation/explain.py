"""Why a patient has a probability: Shapley values of the selected features, for every classifier.

Contributions are in log-odds wherever the classifier computes log-odds. A forest averages votes, which
adds up in probability and nowhere else; alone it is explained in probability, and through a fusion its
contributions are stretched by one factor for each patient to sum to its log-odds (the rescale rule of
Shrikumar et al., ICML 2017). What a patient is compared with is the training set: its mean for linear
classifiers, a sample for trees (Lundberg et al., Nat Mach Intell 2020;2:56), its k-means centres for
the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.cluster import KMeans

from modeling.core.estimators.late_fusion import LateFusion, bases_of
from modeling.core.estimators.preprocessing import MISSING, RATIOS, LogRatio
from modeling.core.estimators.view_model import ViewModel
from modeling.core.explanation import shapley
from modeling.core.explanation.additive import FORESTS, LINEAR, TREES, Part, link_of, through, weights_of
from modeling.core.study.fitted_model import FittedModel

Floats = NDArray[np.float64]

LOG_ODDS, PROBABILITY = "log_odds", "probability"

#: Features up to which every coalition is asked for; above, random orders are.
_EXACT = 10
_ORDERS = 20
_CENTRES = 10
_SAMPLE = 50
_ASKED = 100
_SEED = 0


@dataclass(frozen=True, eq=False)
class Explanation:
    """Additive explanations of patients: each row of values and the base sum to what the model says.

    Parameters
    ----------
    values : array of shape (n_patients, n_selected)
        Positive towards response.
    base : float
        What the model says of the background, on the same scale.
    scale : {"log_odds", "probability"}
    names : tuple of str
        The selected features.
    """

    values: Floats
    base: float
    scale: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Contribution:
    """What one feature adds to what the model says of one patient.

    Parameters
    ----------
    feature : str
    value : float or None
        As measured; None if it was missing and the training median stood in. An indicator of a
        missing value has 1 or 0.
    amount : float
        Positive towards response.
    scale : {"log_odds", "probability"}
        Of the amount.
    """

    feature: str
    value: float | None
    amount: float
    scale: str


@dataclass(frozen=True)
class Coefficient:
    """What one standard deviation of a feature adds to the log-odds."""

    feature: str
    log_odds_per_sd: float


def explain(model: FittedModel, X: pd.DataFrame, *, centre: Sequence[str] | None = None) -> Explanation:
    """Explain what a model says of each patient.

    Parameters
    ----------
    model : FittedModel
    X : DataFrame of shape (n_patients, n_columns)
    centre : sequence of str of length n_patients, optional
        The hospitals; only a model that harmonises needs them.

    Returns
    -------
    Explanation

    Raises
    ------
    MissingColumns
        If X lacks columns of the model.
    """
    scores = model.scores(X, centre=centre)
    estimator = model.estimator
    if isinstance(estimator, LateFusion) or estimator.classifier_name_ not in FORESTS:
        part, scale = _in_log_odds(estimator, scores), LOG_ODDS
    else:
        part, scale = through(_of_classifier(estimator, scores), lambda p: expit(link_of(estimator)(p))), PROBABILITY
    return Explanation(part.values, part.base, scale, model.selected)


def contributions_of_all(
    model: FittedModel, X: pd.DataFrame, *, top: int | None = 8, centre: Sequence[str] | None = None
) -> list[list[Contribution]]:
    """Give the largest contributions to what a model says of each patient, largest first, in the order of X.

    Parameters
    ----------
    model : FittedModel
    X : DataFrame of shape (n_patients, n_columns)
    top : int or None, default=8
        How many of each patient; None gives all.
    centre : sequence of str of length n_patients, optional
        The hospitals; only a model that harmonises needs them.

    Returns
    -------
    list of list of Contribution

    Raises
    ------
    MissingColumns
        If X lacks columns of the model.
    """
    found = explain(model, X, centre=centre)
    values = model.values_of(X)
    return [_listed(found, place, measured, top) for place, measured in enumerate(_measured(model, values))]


def importance(model: FittedModel) -> list[tuple[str, float]]:
    """Give the mean absolute contribution of each selected feature, largest first.

    Over the training patients, a sample of 100 where there are more, and always in log-odds.
    """
    part = _in_log_odds(model.estimator, _sample(model.estimator.training_scores_, _ASKED))
    means = np.abs(part.values).mean(axis=0)
    listed = [(name, float(mean)) for name, mean in zip(model.selected, means, strict=True)]
    return sorted(listed, key=lambda one: -one[1])


def coefficients(model: FittedModel) -> list[Coefficient]:
    """Give the weight of each selected feature, largest first; none if a part of the model is not linear."""
    bases = bases_of(model.estimator)
    if any(base.classifier_name_ not in LINEAR for base in bases):
        return []
    shares = model.estimator.fusion_.coef_[0] if isinstance(model.estimator, LateFusion) else [1.0]
    pairs = zip(bases, shares, strict=True)
    weights = np.concatenate([share * base.slope_ * weights_of(base) for base, share in pairs])
    listed = [Coefficient(name, float(weight)) for name, weight in zip(model.selected, weights, strict=True)]
    return sorted(listed, key=lambda one: -abs(one.log_odds_per_sd))


def _in_log_odds(estimator: ViewModel | LateFusion, scores: Floats) -> Part:
    if not isinstance(estimator, LateFusion):
        return through(_of_classifier(estimator, scores), link_of(estimator))
    shares = estimator.fusion_.coef_[0]
    bases = zip(estimator.by_base(scores), shares, strict=True)
    parts = [_in_log_odds(base, own).times(float(share)) for (base, own), share in bases]
    constant = float(estimator.fusion_.intercept_[0])
    return Part(np.hstack([part.values for part in parts]), constant + sum(part.base for part in parts))


def _of_classifier(view: ViewModel, scores: Floats) -> Part:
    """Explain a classifier by itself, on the scale on which it adds up."""
    training = view.training_scores_
    if view.classifier_name_ in LINEAR:
        weights, mean = weights_of(view), training.mean(axis=0)
        return Part(weights * (scores - mean), float(view.classifier_.decision_function(mean[None])[0]))
    if view.classifier_name_ in TREES:
        return _of_trees(view, scores)
    centres, weights = _centres(training)
    answer = view.classifier_.decision_function
    if scores.shape[1] <= _EXACT:
        return Part(*shapley.exact(answer, scores, centres, weights))
    return Part(*shapley.sampled(answer, scores, centres, weights, orders=_ORDERS, seed=_SEED))


def _of_trees(view: ViewModel, scores: Floats) -> Part:
    import shap  # type: ignore[import-untyped]  # half a second, and only where trees were chosen

    background = _sample(view.training_scores_, _SAMPLE)
    explainer = shap.TreeExplainer(view.classifier_.classifier_, background, feature_perturbation="interventional")
    values = np.asarray(explainer.shap_values(scores, check_additivity=False))
    base = np.ravel(explainer.expected_value)[-1]
    # Forests answer for both classes, boosting for the second alone.
    return Part(values[..., 1] if values.ndim == 3 else values, float(base))


def _sample(training: Floats, n: int) -> Floats:
    chosen = np.random.default_rng(_SEED).permutation(len(training))[:n]
    return training[np.sort(chosen)]


def _centres(training: Floats) -> tuple[Floats, Floats]:
    """Summarise the training patients by a few centres and the share of patients that each stands for."""
    distinct = len(np.unique(training, axis=0))
    fitted = KMeans(min(_CENTRES, distinct), n_init=10, random_state=_SEED).fit(training)
    shares = np.bincount(fitted.labels_, minlength=len(fitted.cluster_centers_)) / len(training)
    return fitted.cluster_centers_, shares


def _listed(found: Explanation, place: int, measured: list[float | None], top: int | None) -> list[Contribution]:
    everything = [
        Contribution(name, value, float(amount), found.scale)
        for name, value, amount in zip(found.names, measured, found.values[place], strict=True)
    ]
    everything.sort(key=lambda one: -abs(one.amount))
    return everything if top is None else everything[:top]


def _measured(model: FittedModel, values: Floats) -> list[list[float | None]]:
    """Give the selected features of each patient as they were measured."""
    known = dict(zip(model.columns, values.T, strict=True))
    for ratio, (before, after) in RATIOS.items():
        if before in known and after in known:
            known[ratio] = LogRatio(name=ratio).fit_transform(np.column_stack([known[before], known[after]]))[:, 0]
    columns = [
        known[name] if name in known else np.isnan(known[name.removesuffix(MISSING)]).astype(float)
        for name in model.selected
    ]
    return [[None if np.isnan(value) else float(value) for value in row] for row in np.column_stack(columns)]
