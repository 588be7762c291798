"""How a model does on patients that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.errors import NotComparable, OverlapError
from modeling.core.performance.discrimination import holm, paired_delong
from modeling.core.performance.measure import EvaluationResult, measure
from modeling.core.table import FeatureTable
from modeling.core.training import FittedModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """Two models on the same patients: difference of their areas by paired DeLong.

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


def evaluate(model: FittedModel, table: FeatureTable) -> list[EvaluationResult]:
    """Evaluate a model on everything that the table holds.

    Parameters
    ----------
    model : FittedModel
    table : FeatureTable

    Returns
    -------
    list of EvaluationResult
        Cross-validation (if the table holds the patients the model was fitted on), the internal
        test, the external test of all centres together (centre None) and of each centre. Splits
        without a patient are absent.

    Raises
    ------
    OverlapError
        If a test patient was among those the model was fitted on.
    MissingColumns
        If the table lacks columns of the model.
    """
    require_unseen(model, table)
    return [
        measure(y, p, threshold=model.threshold, split=split, centre=centre)
        for split, centre, y, p in _predictions(model, table)
    ]


def compare(models: Mapping[str, FittedModel], table: FeatureTable, *, model: str) -> list[Comparison]:
    """Compare one model with each of the others on every split, Holm-adjusted over all of it.

    Parameters
    ----------
    models : mapping of str to FittedModel
        All fitted on the same patients.
    table : FeatureTable
    model : str
        The one that the others are compared with, usually ``integrated``.

    Returns
    -------
    list of Comparison

    Raises
    ------
    NotComparable
        If the models were fitted on different patients.
    OverlapError
        If a test patient was among those a model was fitted on.
    """
    for fitted in models.values():
        require_unseen(fitted, table)
    strangers = [name for name in models if set(models[name].fitted_on) != set(models[model].fitted_on)]
    if strangers:
        raise NotComparable(f"{', '.join(strangers)} and {model} were not fitted on the same patients.")
    own = _pooled(models[model], table)
    theirs = {other: _pooled(models[other], table) for other in models if other != model}
    rows = [
        _compared(split, (model, other), y, own[split][1], theirs[other][split][1].loc[y.index])
        for other in theirs
        for split, (y, _) in own.items()
    ]
    tested = [row.p for row in rows if row.p is not None]
    adjusted = iter(holm(tested))
    return [Comparison(**{**asdict(row), "p_holm": None if row.p is None else next(adjusted)}) for row in rows]


def require_unseen(model: FittedModel, table: FeatureTable) -> None:
    """Refuse a table whose test patients were among those the model was fitted on."""
    tested = set(table.X.index[table.split != "training"])
    seen = sorted(tested & set(model.fitted_on))
    if seen:
        raise OverlapError(
            f"{len(seen)} test patients are among those the model {model.name} was fitted on: "
            f"{', '.join(seen[:3])}{' …' if len(seen) > 3 else ''}."
        )


def _predictions(model: FittedModel, table: FeatureTable) -> Iterator[tuple[str, str | None, Ints, Floats]]:
    for split, (y, p) in _pooled(model, table).items():
        outcomes, predictions = np.asarray(y, dtype=np.int64), np.asarray(p, dtype=np.float64)
        yield split, None, outcomes, predictions
        if split == "external":
            centres = table.centre.loc[y.index]
            for centre in sorted(centres.unique()):
                here = (centres == centre).to_numpy()
                yield split, str(centre), outcomes[here], predictions[here]


def _pooled(model: FittedModel, table: FeatureTable) -> dict[str, tuple[pd.Series[int], pd.Series[float]]]:
    pooled: dict[str, tuple[pd.Series[int], pd.Series[float]]] = {}
    if set(model.fitted_on) <= set(table.X.index):
        pooled["cross_validation"] = (table.y.loc[list(model.fitted_on)], model.oof)
    for split in ("internal_test", "external"):
        chosen = table.split == split
        if chosen.any():
            X = table.X[chosen]
            pooled[split] = (table.y[chosen], pd.Series(model.predict_proba(X), index=X.index))
    return pooled


def _compared(
    split: str, names: tuple[str, str], y: pd.Series[int], one: pd.Series[float], two: pd.Series[float]
) -> Comparison:
    outcomes = np.asarray(y, dtype=np.int64)
    found = paired_delong(outcomes, np.asarray(one, dtype=np.float64), np.asarray(two, dtype=np.float64))
    if found is None:
        reason = "The paired test needs two patients of each class and predictions that vary."
        return Comparison(split, *names, len(y), None, None, None, None, None, reason)
    return Comparison(split, *names, len(y), found.difference, found.low, found.high, found.p, None)
