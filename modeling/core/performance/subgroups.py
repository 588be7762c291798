"""Whether one model does as well in one kind of patient as in another, without refitting it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from modeling.core.performance.discrimination import auc, delong_interval, holm
from modeling.core.performance.logistic import log_odds, maximum_likelihood

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: The level of patients of whom a factor is not known.
NOT_KNOWN = "not known"

#: Events and non-events that a level must have for an area.
_MINIMUM = 10

#: Why an area has no interval although both classes are large enough: DeLong's variance is zero.
_NO_INTERVAL = {
    1.0: "The classes are separated perfectly, so the interval is not known.",
    0.0: "The classes are separated perfectly, the wrong way round, so the interval is not known.",
}
_NOT_ORDERED = "The predictions do not order the patients, so the interval is not known."

#: A factor of numbers with more values than this is cut at its median.
_MOST_LEVELS = 5


@dataclass(frozen=True)
class SubgroupRow:
    """One level of one factor: counts, and the area where enough patients of each class are known.

    `interaction_p` belongs to the factor and stands on each of its rows with an area;
    `interaction_p_holm` is adjusted for all factors tested. Where there is no area or no test,
    `reason` says why.
    """

    factor: str
    level: str
    n: int
    events: int
    auc: float | None
    low: float | None
    high: float | None
    reason: str
    interaction_p: float | None
    interaction_p_holm: float | None


def forest(y: Ints, p: Floats, groups: pd.DataFrame) -> list[SubgroupRow]:
    """Give a row for each level of each factor, in the order of a forest plot.

    The interaction is tested by the likelihood ratio of logit P(y = 1) ~ logit(p) * level against
    logit(p) + level, over the patients of the levels that have an area.

    Parameters
    ----------
    y, p : arrays of shape (n_patients,)
        Outcomes and probabilities of one model.
    groups : DataFrame of shape (n_patients, n_factors)
        Rows in the order of y. Text and few-valued numbers are levels; a number with many values is
        cut at its median. Patients without a value form a row of their own with counts only and do
        not enter the test.

    Returns
    -------
    list of SubgroupRow
    """
    factors = [_factor(str(name), y, p, _levels(groups[name])) for name in groups.columns]
    tested = [rows for rows in factors if rows and _tested(rows) is not None]
    adjusted = iter(holm([p_value for rows in tested if (p_value := _tested(rows)) is not None]))
    for rows in tested:
        corrected = next(adjusted)
        rows[:] = [row if row.interaction_p is None else replace(row, interaction_p_holm=corrected) for row in rows]
    return [row for rows in factors for row in rows]


def _tested(rows: list[SubgroupRow]) -> float | None:
    return next((row.interaction_p for row in rows if row.interaction_p is not None), None)


def _factor(name: str, y: Ints, p: Floats, levels: pd.Series[str]) -> list[SubgroupRow]:
    rows = [
        _row(name, level, y[here], p[here])
        for level in [*sorted(set(levels) - {NOT_KNOWN}), *[NOT_KNOWN] * bool((levels == NOT_KNOWN).any())]
        for here in [(levels == level).to_numpy()]
    ]
    shown = [row.level for row in rows if row.auc is not None]
    if len(shown) < 2:
        reason = "No test of interaction: fewer than two levels have enough patients."
        return [row if row.auc is None else replace(row, reason=reason) for row in rows]
    here = levels.isin(shown).to_numpy()
    p_value = interaction_p(y[here], p[here], levels[here].to_numpy())
    return [row if row.auc is None else replace(row, interaction_p=p_value) for row in rows]


def _row(factor: str, level: str, y: Ints, p: Floats) -> SubgroupRow:
    n, events = len(y), int(np.sum(y == 1))
    if level == NOT_KNOWN:
        return SubgroupRow(factor, level, n, events, None, None, None, "The level is not known.", None, None)
    if min(events, n - events) < _MINIMUM:
        reason = f"{events} events and {n - events} non-events; at least {_MINIMUM} of each are needed."
        return SubgroupRow(factor, level, n, events, None, None, None, reason, None, None)
    low, high = delong_interval(y, p) or (None, None)
    area = auc(y, p)
    reason = "" if low is not None else _NO_INTERVAL.get(area or 0.0, _NOT_ORDERED)
    return SubgroupRow(factor, level, n, events, area, low, high, reason, None, None)


def interaction_p(y: Ints, p: Floats, levels: NDArray[np.object_]) -> float:
    """Give the p-value of a different slope of logit(p) in each level, by likelihood ratio.

    Parameters
    ----------
    y, p : arrays of shape (n_patients,)
    levels : array of shape (n_patients,)
        Two levels at least.
    """
    score = log_odds(p)
    # Of a unit spread, so that the fit converges whatever the predictions' range.
    score = (score - score.mean()) / (score.std() or 1.0)
    others = np.unique(levels)[1:]
    dummies = np.column_stack([levels == level for level in others]).astype(np.float64)
    additive = np.column_stack([np.ones(len(y)), score, dummies])
    crossed = np.column_stack([additive, dummies * score[:, None]])
    gain = maximum_likelihood(crossed, y).log_likelihood - maximum_likelihood(additive, y).log_likelihood
    return float(stats.chi2.sf(max(0.0, 2 * gain), len(others)))


def _levels(column: pd.Series[Any]) -> pd.Series[str]:
    known = column.notna() & (column.astype(str) != "")
    if pd.api.types.is_numeric_dtype(column) and column[known].nunique() > _MOST_LEVELS:
        middle = float(column[known].median())
        names = [f"{middle:g} or more" if value >= middle else f"below {middle:g}" for value in column]
    elif pd.api.types.is_float_dtype(column):
        names = [f"{value:g}" for value in column]
    else:
        names = [str(value) for value in column]
    return pd.Series([name if here else NOT_KNOWN for name, here in zip(names, known, strict=True)], dtype="object")
