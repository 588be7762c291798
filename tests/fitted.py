"""Models that see all their columns, so that a test knows what they select: one of a view, one of a fusion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler

from modeling.core.estimators.chain import FeatureChain
from modeling.core.estimators.late_fusion import LateFusion, bases_of
from modeling.core.estimators.preprocessing import Winsorizer
from modeling.core.estimators.view_model import ViewModel
from modeling.core.study.fitted_model import FittedModel, Refits


def draw(n: int = 120, n_features: int = 4, *, seed: int = 0, shift: float = 1.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Give z-like features, of which the first half follows the outcome, and the outcome of every other patient."""
    random = np.random.default_rng(seed)
    y = np.arange(n) % 2
    values = random.normal(size=(n, n_features))
    values[:, : n_features // 2] += shift * y[:, None]
    names = [f"whole_tumour|post|x{j}" if j % 2 else f"whole_tumour|pre|x{j}" for j in range(n_features)]
    return pd.DataFrame(values, index=[f"P-{i:03d}" for i in range(n)], columns=names), y


def view_model(classifier: str, **settings: Any) -> ViewModel:
    """Give an unfitted model that scales its columns and selects nothing."""
    chain = FeatureChain([("winsorise", Winsorizer(low=1, high=99)), ("scale", StandardScaler())])
    return ViewModel(chain, classifiers=(classifier,), folds=3, **settings)


def fit_view(X: pd.DataFrame, y: np.ndarray, classifier: str, **settings: Any) -> FittedModel:
    """Fit one classifier on all columns of all patients."""
    return fitted(view_model(classifier, **settings).fit(X.to_numpy(), y), X, y, classifier)


def fit_fusion(X: pd.DataFrame, y: np.ndarray, one: str, other: str) -> FittedModel:
    """Fit a fusion of two classifiers, each on half of the columns."""
    places = np.array_split(np.arange(X.shape[1]), 2)
    bases = [("one", view_model(one), places[0]), ("other", view_model(other), places[1])]
    return fitted(LateFusion(bases, folds=3).fit(X.to_numpy(), y), X, y, "logistic")


def with_refits(model: FittedModel, X: pd.DataFrame, *, n: int = 100, seed: int = 0) -> FittedModel:
    """Attach samples of the training patients to a model, each of which selects all columns."""
    random = np.random.default_rng(seed)
    y = np.asarray(model.outcomes)
    classes = [np.flatnonzero(y == label) for label in (0, 1)]
    drawn = np.hstack([random.choice(members, size=(n, len(members))) for members in classes]).astype(np.int32)
    views = bases_of(model.estimator)
    parts = np.array_split(np.arange(X.shape[1]), len(views))
    names = ("one", "other") if len(views) > 1 else ("whole_tumour",)
    return replace(
        model,
        refits={
            name: Refits(
                columns=tuple(X.columns[places]),
                values=X.to_numpy()[:, places],
                drawn=drawn,
                selected=(tuple(X.columns[places]),) * n,
            )
            for name, places in zip(names, parts, strict=True)
        },
    )


def fitted(estimator: ViewModel | LateFusion, X: pd.DataFrame, y: np.ndarray, classifier: str) -> FittedModel:
    """Wrap a fitted estimator."""
    return FittedModel(
        name="whole_tumour",
        estimator=estimator,
        columns=tuple(X.columns),
        threshold=0.5,
        threshold_sensitive=0.3,
        oof=pd.Series(1 / (1 + np.exp(-estimator.oof_log_odds_)), index=X.index, name="probability"),
        fitted_on=tuple(X.index),
        selected=tuple(estimator.selected_names(list(X.columns))),
        recipe_digest="",
        selection_frequency={},
        classifier=classifier,
        outcomes=tuple(int(one) for one in y),
    )
