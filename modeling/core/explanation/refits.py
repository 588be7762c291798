"""What models of resampled training patients say: selection, penalty and fit repeated in each sample.

The estimate that is shown is drawn towards the share of responders by a sigmoid, and a fusion draws its parts
together, as far as out-of-fold patients ask for it. A refit is not: that makes the mean patient right, and would hide
how far this one could be from there. So a refit of a fusion is one logistic regression on the features of all parts,
and the share of responders, which samples within the classes keep, is drawn as chance would.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import clone

from modeling.core.estimators.chain import FeatureChain
from modeling.core.estimators.classifiers import make
from modeling.core.estimators.late_fusion import LateFusion, bases_of
from modeling.core.estimators.preprocessing import source_columns
from modeling.core.estimators.view_model import ViewModel
from modeling.core.study.fitted_model import FittedModel, Refits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Steps of a chain that look at one column at a time; the others select.
_COLUMNWISE = ("ratio", "impute", "winsorise", "scale")


def refitted_log_odds(model: FittedModel, X: pd.DataFrame) -> Floats:
    """Compute the log-odds of response by a model of each sample.

    Each sample's own selection is scaled by the sample's patients, and the classifier that the model chose is fitted
    on them with a penalty of its own.

    Parameters
    ----------
    model : FittedModel
        With `refits`, and without harmonisation of centres.
    X : DataFrame of shape (n_patients, n_columns)

    Returns
    -------
    array of shape (n_refits, n_patients)
    """
    y = np.asarray(model.outcomes, dtype=np.int64)
    views, refits = bases_of(model.estimator), _refits_of_bases(model)
    name = views[0].classifier_name_ if len(views) == 1 else "logistic"
    drawn = refits[0].drawn
    said = np.empty((len(drawn), len(X)))
    for number, rows in enumerate(drawn):
        parts = [_scaled(view, own, number, X, y) for view, own in zip(views, refits, strict=True)]
        known, new = (np.hstack(side) for side in zip(*parts, strict=True))
        classifier = make(
            name, class_weight=views[0].class_weight, c_grid=views[0].c_grid, folds=views[0].folds, seed=views[0].seed
        )
        said[number] = classifier.fit(known, y[rows]).decision_function(new)
    return said + _shares(model, y, n=len(drawn))[:, None]


def _refits_of_bases(model: FittedModel) -> list[Refits]:
    if isinstance(model.estimator, LateFusion):
        return [model.refits[name] for name, _, _ in model.estimator.bases]
    return list(model.refits.values())


def _scaled(view: ViewModel, refits: Refits, number: int, X: pd.DataFrame, y: Ints) -> tuple[Floats, Floats]:
    """Return what a classifier sees of the drawn patients and of X, by the selection of one sample."""
    rows, names = refits.drawn[number], refits.selected[number]
    wanted = {column for name in names for column in source_columns(name)}
    places = [place for place, column in enumerate(refits.columns) if column in wanted]
    columns = [refits.columns[place] for place in places]
    chain = FeatureChain([(name, clone(step)) for name, step in view.chain.steps if name in _COLUMNWISE])
    known = chain.fit_transform(refits.values[np.ix_(rows, places)], y[rows])
    given = chain.names(columns)
    kept = [given.index(name) for name in names]
    new = chain.transform(X.loc[:, columns].to_numpy(dtype=np.float64))
    return known[:, kept], new[:, kept]


def _shares(model: FittedModel, y: Ints, *, n: int) -> Floats:
    """Draw the log-odds of the share of responders, on the scale of the classifier. Shape (n,)."""
    view = bases_of(model.estimator)[0]
    responders = np.random.default_rng(view.seed).binomial(len(y), y.mean(), size=n)
    drawn: Floats = logit((responders + 0.5) / (len(y) + 1))
    # Classes that weigh the same have a share of one half, which the model's calibration takes back.
    balanced_away = view.class_weight == "balanced" and view.calibration == "sigmoid"
    return drawn if balanced_away else drawn - float(logit(y.mean()))
