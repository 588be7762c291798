"""Training patients whose features, as the model sees them, resemble those of a patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from modeling.core.errors import InvalidTable
from modeling.core.study.fitted_model import FittedModel

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Neighbour:
    """A training patient near another patient.

    Parameters
    ----------
    code : str
    distance : float
        Euclidean, in training standard deviations of the selected features.
    outcome : int
        1 for a responder, 0 otherwise.
    """

    code: str
    distance: float
    outcome: int


@dataclass(frozen=True)
class Similar:
    """The nearest training patients, nearest first.

    Parameters
    ----------
    neighbours : tuple of Neighbour
    percentile : float
        Share, in percent, of the training patients whose own nearest neighbour is nearer than this
        patient's is: 100 says that no training patient stands so far apart.
    """

    neighbours: tuple[Neighbour, ...]
    percentile: float


def most_similar(
    model: FittedModel, X: pd.DataFrame, *, k: int = 5, centre: Sequence[str] | None = None
) -> list[Similar]:
    """Find the training patients nearest to each patient in the standardised selected features.

    A training patient is not compared with themselves. Of equal distances the earlier code comes first.

    Parameters
    ----------
    model : FittedModel
    X : DataFrame of shape (n_patients, n_columns)
        Indexed by patient code.
    k : int, default=5
        How many; fewer if fewer trained.
    centre : sequence of str of length n_patients, optional
        The hospitals; only a model that harmonises needs them.

    Returns
    -------
    list of Similar, in the order of X

    Raises
    ------
    InvalidTable
        If k is below 1.
    MissingColumns
        If X lacks columns of the model.
    """
    if k < 1:
        raise InvalidTable(f"At least one similar patient must be asked for, not {k}.")
    training: Floats = model.estimator.training_scores_
    codes = np.array(model.fitted_on)
    among = _apart(cdist(training, training), codes, codes).min(axis=1)
    distances = _apart(cdist(model.scores(X, centre=centre), training), X.index.to_numpy(), codes)
    return [_nearest(model, row, among, k) for row in distances]


def _apart(distances: Floats, rows: NDArray[np.str_], codes: NDArray[np.str_]) -> Floats:
    """Put everybody infinitely far from themselves."""
    distances[rows[:, None] == codes[None, :]] = np.inf
    return distances


def _nearest(model: FittedModel, row: Floats, among: Floats, k: int) -> Similar:
    places = [place for place in np.lexsort((np.array(model.fitted_on), row)) if np.isfinite(row[place])][:k]
    neighbours = tuple(
        Neighbour(model.fitted_on[place], float(row[place]), int(model.outcomes[place])) for place in places
    )
    return Similar(neighbours, 100 * float(np.mean(among < row.min())))
