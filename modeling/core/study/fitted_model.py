"""A model of one view, fitted, with what it needs to be applied and to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.errors import InvalidTable, MissingColumns
from modeling.core.estimators.late_fusion import LateFusion
from modeling.core.estimators.view_model import ViewModel

Floats = NDArray[np.float64]
Estimator = ViewModel | LateFusion


@dataclass(frozen=True, eq=False)
class Refits:
    """Bootstrap samples of the training patients of one view, and what its chain selected in each.

    Parameters
    ----------
    columns : tuple of str
        The columns that any sample's selection looks at.
    values : array of shape (n_training, n_columns)
        Theirs, as measured; NaN where missing.
    drawn : array of int, shape (n_refits, n_training)
        Places of the drawn patients, in the order of the model's training patients.
    selected : tuple of tuple of str, of length n_refits
        The features that the classifier of each sample sees.
    """

    columns: tuple[str, ...]
    values: Floats
    drawn: NDArray[np.int32]
    selected: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model with everything that was fixed when it was fitted.

    Parameters
    ----------
    name : str
        Its view.
    estimator : ViewModel or LateFusion
        Fitted; sees the columns as an array in the order of `columns`.
    columns : tuple of str
        The columns that it needs.
    threshold, threshold_sensitive : float
        The recipe's cut and the cut for a high sensitivity, both from the inner out-of-fold
        predictions of this fit.
    oof : Series
        Out-of-fold probability of each training patient: the mean over the repeats of the nested
        cross-validation, or the inner one of this fit as long as there is no nested one.
    fitted_on : tuple of str
        Codes of the training patients.
    selected : tuple of str
        The features that the classifier sees.
    recipe_digest : str
    selection_frequency : dict of str to float
        Share of the bootstrap refits, or of the outer folds without them, that selected a feature.
    notes : tuple of str
        What the recipe asked for and the number of patients did not allow.
    classifier : str
        The classifier that was chosen.
    outcomes : tuple of int
        Of the training patients, in the order of `fitted_on`.
    comparison : dict
        Classifier → its inner area, standard error, and whether it was eligible and chosen.
    scans : dict
        Profile of the training scans; empty where nothing is known of them.
    icc : dict of str to float
        Intraclass correlation of the selected features, where it was measured; its lower limit if
        the recipe judges by that.
    centres : tuple of str
        The hospitals of the training patients.
    refits : dict of str to Refits
        Of each view that the model is made of; empty where the recipe draws no samples, and in models that were
        stored before version 0.6.
    """

    name: str
    estimator: Estimator
    columns: tuple[str, ...]
    threshold: float
    threshold_sensitive: float
    oof: pd.Series[float]
    fitted_on: tuple[str, ...]
    selected: tuple[str, ...]
    recipe_digest: str
    selection_frequency: dict[str, float]
    notes: tuple[str, ...] = ()
    classifier: str = ""
    outcomes: tuple[int, ...] = ()
    comparison: dict[str, Any] = field(default_factory=dict)
    scans: dict[str, Any] = field(default_factory=dict)
    icc: dict[str, float] = field(default_factory=dict)
    centres: tuple[str, ...] = ()
    refits: dict[str, Refits] = field(default_factory=dict)

    def values_of(self, X: pd.DataFrame) -> Floats:
        """Give the model's columns of X as an array, whatever else X holds and in whatever order.

        Raises
        ------
        MissingColumns
            If X lacks columns of the model.
        InvalidTable
            If a value is infinite.
        """
        absent = [column for column in self.columns if column not in X.columns]
        if absent:
            raise MissingColumns(
                f"The model {self.name} needs {len(self.columns)} columns and {len(absent)} of them are missing: "
                f"{', '.join(absent[:3])}{' …' if len(absent) > 3 else ''}."
            )
        values: Floats = X.loc[:, list(self.columns)].to_numpy(dtype=np.float64)
        if np.isinf(values).any():
            raise InvalidTable(f"{int(np.isinf(values).any(axis=0).sum())} columns hold infinite values.")
        return values

    def log_odds(self, X: pd.DataFrame, *, centre: Sequence[str] | None = None) -> Floats:
        """Give the log-odds of response of each row of X, shape (n_patients,)."""
        return self.estimator.decision_function(self.values_of(X), centre=centre)

    def predict_proba(self, X: pd.DataFrame, *, centre: Sequence[str] | None = None) -> Floats:
        """Give the probability of response of each row of X, shape (n_patients,).

        Parameters
        ----------
        X : DataFrame of shape (n_patients, n_columns)
        centre : sequence of str of length n_patients, optional
            The hospitals; only a model that harmonises needs them.

        Raises
        ------
        UnseenCentre
            If the model harmonises and was not fitted on patients of a hospital.
        """
        probabilities: Floats = self.estimator.predict_proba(self.values_of(X), centre=centre)[:, 1]
        return probabilities

    def scores(self, X: pd.DataFrame, *, centre: Sequence[str] | None = None) -> Floats:
        """Give what the classifier sees of each row of X, shape (n_patients, n_selected)."""
        return self.estimator.scores(self.values_of(X), centre=centre)
