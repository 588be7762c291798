"""How models do on patients that they have not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.errors import NotComparable, OverlapError, UnseenCentre
from modeling.core.performance.discrimination import cross_validated_auc, holm, paired_delong
from modeling.core.performance.measure import EvaluationResult, measure
from modeling.core.recipes import Recipe
from modeling.core.study.fitted_model import FittedModel
from modeling.core.study.nested import Held, Nested
from modeling.core.table import FeatureTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Outcomes and probabilities of the same patients, each a Series indexed by code."""

    y: pd.Series[int]
    p: pd.Series[float]

    @property
    def outcomes(self) -> Ints:
        """Give the outcomes as an array of shape (n_patients,)."""
        return np.asarray(self.y, dtype=np.int64)

    @property
    def probabilities(self) -> Floats:
        """Give the probabilities in the order of the outcomes, shape (n_patients,)."""
        return np.asarray(self.p.loc[self.y.index], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class FoldPredictions:
    """Outcomes, and probabilities by the models of several test folds.

    Parameters
    ----------
    y : Series of int, shape (n_patients,)
        Indexed by code.
    p : DataFrame of float, shape (n_patients, n_repeats)
    folds : DataFrame of int, of the shape of p
        The test fold of each prediction.
    """

    y: pd.Series[int]
    p: pd.DataFrame
    folds: pd.DataFrame

    def area(self) -> float | None:
        """Return the mean area within the folds; patients of different models are never compared."""
        codes = self.y.index
        found = cross_validated_auc(
            np.asarray(self.y, dtype=np.int64),
            self.p.loc[codes].to_numpy(dtype=np.float64),
            self.folds.loc[codes].to_numpy(),
        )
        return found.auc if found else None

    def mean(self) -> Predictions:
        """Return the mean over repeats, which describes each patient and ranks no two of different folds."""
        return Predictions(self.y, self.p.mean(axis=1))


AnyPredictions = Predictions | FoldPredictions


def out_of_fold(nested: Nested, table: FeatureTable) -> FoldPredictions:
    """Return the predictions of a nested cross-validation with their outcomes."""
    return FoldPredictions(table.y.loc[nested.predictions.index], nested.predictions, nested.folds)


#: Within-fold tests called two models different in one of five simulated studies in which both were alike in truth.
NO_TEST_OVER_FOLDS = "The models of folds share training patients, so no interval and no p value is given."


@dataclass(frozen=True)
class Comparison:
    """Two models on the same patients: difference of their areas.

    By paired DeLong where one model of each predicted them all; within test folds the difference alone.

    `p_holm` is adjusted for all comparisons of one call. Where the test is undefined the numbers are
    None and `reason` says why.
    """

    split: str
    model: str
    reference: str
    n: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    reason: str = ""


def evaluate(
    model: FittedModel, table: FeatureTable, *, bootstraps: int = 0, seed: int = 0
) -> list[EvaluationResult]:
    """Evaluate a stored model on the test patients of a table.

    Parameters
    ----------
    model : FittedModel
    table : FeatureTable
    bootstraps : int, default=0
        Resamples for the bootstrapped interval; none by default.
    seed : int, default=0

    Returns
    -------
    list of EvaluationResult
        The internal test, the external test of all centres together (centre None) and of each
        centre. Splits without a patient are absent, and those of hospitals that a model which
        harmonises has not seen.

    Raises
    ------
    OverlapError
        If a test patient was among those the model was fitted on.
    MissingColumns
        If the table lacks columns of the model.
    """
    rows = []
    for split, found in predict_splits(model, table).items():
        centres = table.centre.loc[found.y.index]
        for centre in (None, *sorted(centres.unique())) if split == "external" else (None,):
            here = np.ones(len(centres), dtype=bool) if centre is None else (centres == centre).to_numpy()
            y, p = found.outcomes[here], found.probabilities[here]
            rows.append(
                measure(y, p, threshold=model.threshold, split=split, centre=centre, bootstraps=bootstraps, seed=seed)
            )
    return rows


def predict_splits(model: FittedModel, table: FeatureTable) -> dict[str, Predictions]:
    """Predict the internal and the external test patients of a table; see `evaluate`."""
    require_unseen(model, table)
    found = {}
    for split in ("internal_test", "external"):
        chosen = table.split == split
        # A model that harmonises has no estimate for a hospital that it was not fitted on.
        with suppress(UnseenCentre):
            if chosen.any():
                p = model.predict_proba(table.X[chosen], centre=table.centre[chosen].tolist())
                found[split] = Predictions(table.y[chosen], pd.Series(p, index=table.X.index[chosen]))
    return found


def require_unseen(model: FittedModel, table: FeatureTable) -> None:
    """Refuse a table whose test patients were among those the model was fitted on."""
    tested = set(table.X.index[table.split != "training"])
    seen = sorted(tested & set(model.fitted_on))
    if seen:
        raise OverlapError(
            f"{len(seen)} test patients are among those the model {model.name} was fitted on: "
            f"{', '.join(seen[:3])}{' …' if len(seen) > 3 else ''}."
        )


def nested_row(nested: Nested, table: FeatureTable, recipe: Recipe, *, threshold: float) -> EvaluationResult:
    """Measure a nested cross-validation; each fold's own threshold calls its patients."""
    return measure(
        table.outcomes(nested.predictions.index),
        nested.predictions.to_numpy(),
        threshold=threshold,
        split="nested_cv",
        centre=None,
        called=nested.called.to_numpy(),
        folds=nested.folds.to_numpy(),
        bootstraps=recipe.bootstraps,
        seed=recipe.seed,
        development=True,
    )


def held_rows(
    held: Mapping[str, Held], recipe: Recipe, *, split: str, threshold: float
) -> Iterator[EvaluationResult]:
    """Measure patients that were held out together, all of them (centre None) and each group by its name.

    A model's probabilities are compared among its own test patients only.
    """
    if not held:
        return
    groups = list(held.values())
    yield measure(
        np.concatenate([one.y for one in groups]),
        np.concatenate([one.p for one in groups]),
        threshold=threshold if len(groups) > 1 else groups[0].threshold,
        split=split,
        centre=None,
        called=np.concatenate([one.called for one in groups]),
        folds=np.repeat(np.arange(len(groups)), [len(one.y) for one in groups]) if len(groups) > 1 else None,
        bootstraps=recipe.bootstraps,
        seed=recipe.seed,
    )
    for name, one in held.items():
        if name:
            yield measure(
                one.y,
                one.p,
                threshold=one.threshold,
                split=split,
                centre=name,
                called=one.called,
                bootstraps=recipe.bootstraps,
                seed=recipe.seed,
            )


def compare(found: Mapping[str, Mapping[str, AnyPredictions]], *, model: str) -> list[Comparison]:
    """Compare one model with each of the others on every split, Holm-adjusted over all of it.

    Parameters
    ----------
    found : mapping of str to mapping of str to Predictions or FoldPredictions
        Model → split → predictions.
    model : str
        The one that the others are compared with, usually ``integrated``.

    Returns
    -------
    list of Comparison

    Raises
    ------
    NotComparable
        If two models predict different patients of a split.
    """
    rows = [
        _compared(split, (model, other), one, found[other][split])
        for other in found
        if other != model
        for split, one in found[model].items()
    ]
    adjusted = iter(holm([row.p for row in rows if row.p is not None]))
    return [Comparison(**{**asdict(row), "p_holm": None if row.p is None else next(adjusted)}) for row in rows]


def _compared(split: str, names: tuple[str, str], one: AnyPredictions, two: AnyPredictions) -> Comparison:
    if set(one.p.index) != set(two.p.index):
        raise NotComparable(f"{names[1]} and {names[0]} do not predict the same patients of the split {split}.")
    if isinstance(one, FoldPredictions) or isinstance(two, FoldPredictions):
        areas = [each.area() if isinstance(each, FoldPredictions) else None for each in (one, two)]
        difference = None if areas[0] is None or areas[1] is None else areas[0] - areas[1]
        return Comparison(split, *names, len(one.y), difference, None, None, None, None, NO_TEST_OVER_FOLDS)
    found = paired_delong(one.outcomes, one.probabilities, Predictions(one.y, two.p).probabilities)
    if found is None:
        reason = "The paired test needs two patients of each class and predictions that vary."
        return Comparison(split, *names, len(one.y), None, None, None, None, None, reason)
    return Comparison(split, *names, len(one.y), found.difference, found.low, found.high, found.p, None)
