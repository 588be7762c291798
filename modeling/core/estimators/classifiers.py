"""The classifiers that are compared, the simplest first: each gives log-odds.

Hyper-parameters are small and fixed; with some hundred patients and at most a few dozen z-scored
features a search over them would choose noise. What is tuned is what is cheap: the penalty of the
two regressions. Both classes weigh the same, so that the share of responders, which differs a
little from fold to fold, moves no prediction.
"""

from __future__ import annotations

from collections.abc import Sequence

from modeling.core.estimators.binary_classifier import BinaryClassifier
from modeling.core.estimators.neighbours import Neighbours
from modeling.core.estimators.regressions import ElasticNet, TunedLogistic
from modeling.core.estimators.support_vectors import SupportVectors
from modeling.core.estimators.trees import Trees
from modeling.core.recipes import CLASSIFIERS


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
