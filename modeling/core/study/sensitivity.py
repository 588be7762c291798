"""Whether what a model says hangs on how and when the scans were made: no model is fitted again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from modeling.core.performance.logistic import log_odds, maximum_likelihood
from modeling.core.performance.subgroups import SubgroupRow, forest
from modeling.core.study.validation import Predictions
from modeling.core.table import FeatureTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Days from the last dose to the CT after treatment; no built-in view holds a column of this group.
DAYS_DOSE_TO_CT = "timing|days_dose_to_ct"
#: How the facts begin that tell whether both scans of a patient were made alike.
PAIR = "subgroup|pair_"

#: Events and non-events that an adjustment needs (our choice).
MINIMUM = 10
#: Splits whose predictions come from several models: their patients are not independent of each other's predictions.
OF_MANY_MODELS = ("nested_cv",)
#: Splits that are looked at, in the order in which they are shown.
LOOKED_AT = ("nested_cv", "internal_test", "external")
_NOT_INDEPENDENT = "Predictions come from the models of several folds, so no p value is given."


@dataclass(frozen=True)
class AdjustedRow:
    """The association of a model's log-odds with MPR on one split, alone and beside the days from dose to CT.

    Parameters
    ----------
    split : str
    n, events, n_of_split : int
        Patients whose days are known, MPR among them, and all patients of the split.
    alone, adjusted : float or None
        Coefficient of logit(p) in y ~ logit(p), and in y ~ logit(p) + days.
    p_model : float or None
        Likelihood ratio test of logit(p) beside the days.
    per_week : float or None
        Coefficient of seven more days beside logit(p).
    p_days : float or None
        Likelihood ratio test of the days beside logit(p).
    reason : str
        Why a number is absent.
    """

    split: str
    n: int
    events: int
    n_of_split: int
    alone: float | None
    adjusted: float | None
    p_model: float | None
    per_week: float | None
    p_days: float | None
    reason: str


def adjusted_for_days(table: FeatureTable, found: Mapping[str, Predictions]) -> list[AdjustedRow]:
    """Return whether a model's association with MPR remains beside the days from the last dose to the CT.

    Parameters
    ----------
    table : FeatureTable
        Without the column `DAYS_DOSE_TO_CT` there is nothing to adjust for, and the list is empty.
    found : mapping of str to Predictions
        Of one model, by split.
    """
    if DAYS_DOSE_TO_CT not in table.X:
        return []
    return [_adjusted(split, table, found[split]) for split in LOOKED_AT if split in found]


def _adjusted(split: str, table: FeatureTable, of_split: Predictions) -> AdjustedRow:
    days = table.X[DAYS_DOSE_TO_CT].loc[of_split.y.index].to_numpy(dtype=np.float64)
    known = ~np.isnan(days)
    y, score, weeks = of_split.outcomes[known], log_odds(of_split.probabilities[known]), days[known] / 7
    row = AdjustedRow(split, len(y), int(y.sum()), len(days), None, None, None, None, None, "")
    if why := _why_not(y, score, weeks):
        return replace(row, reason=why)
    fits = association_beside(y, score, weeks)
    if fits is None:
        return replace(row, reason="The classes are separated perfectly, so no coefficient is finite.")
    row = replace(row, alone=fits.alone, adjusted=fits.adjusted, per_week=fits.per_unit)
    if split in OF_MANY_MODELS:
        return replace(row, reason=_NOT_INDEPENDENT)
    return replace(row, p_model=fits.p_score, p_days=fits.p_other)


def _why_not(y: Ints, score: Floats, weeks: Floats) -> str:
    events, others = int(y.sum()), int((1 - y).sum())
    if min(events, others) < MINIMUM:
        return f"{events} with and {others} without MPR whose days are known; at least {MINIMUM} of each are needed."
    if np.ptp(weeks) == 0:
        return "The days are the same in all patients."
    return "The model gives all patients the same probability." if np.ptp(score) == 0 else ""


@dataclass(frozen=True)
class Association:
    """Coefficients of a score alone and beside another column, and likelihood ratio tests of both."""

    alone: float
    adjusted: float
    per_unit: float
    p_score: float
    p_other: float


#: Log-likelihood from which on a fit tells all classes apart.
_SEPARATED = -1e-3


def association_beside(y: Ints, score: Floats, other: Floats) -> Association | None:
    """Compute the logistic regressions y ~ score, y ~ other and y ~ score + other.

    Parameters
    ----------
    y : array of shape (n_patients,)
        0 or 1, with both.
    score, other : arrays of shape (n_patients,)
        Neither is constant.

    Returns
    -------
    Association or None
        None where the columns separate the classes, so that no coefficient is finite.
    """
    ones = np.ones(len(y))
    # Of a unit spread, so that the fit converges whatever the range; coefficients are turned back below.
    spreads = float(score.std()), float(other.std())
    a, b = (score - score.mean()) / spreads[0], (other - other.mean()) / spreads[1]
    alone, beside = (
        maximum_likelihood(np.column_stack([ones, a]), y),
        maximum_likelihood(np.column_stack([ones, b]), y),
    )
    both = maximum_likelihood(np.column_stack([ones, a, b]), y)
    if both.log_likelihood > _SEPARATED:
        return None
    return Association(
        alone=float(alone.coefficients[1]) / spreads[0],
        adjusted=float(both.coefficients[1]) / spreads[0],
        per_unit=float(both.coefficients[2]) / spreads[1],
        p_score=float(stats.chi2.sf(max(0.0, 2 * (both.log_likelihood - beside.log_likelihood)), 1)),
        p_other=float(stats.chi2.sf(max(0.0, 2 * (both.log_likelihood - alone.log_likelihood)), 1)),
    )


def scan_pairs(table: FeatureTable, found: Mapping[str, Predictions]) -> dict[str, list[SubgroupRow]]:
    """Return how one model does where both scans were made alike and where they were not, by split.

    Parameters
    ----------
    table : FeatureTable
        Without facts of scan pairs the result is empty.
    found : mapping of str to Predictions
        Of one model, by split.
    """
    names = [str(name) for name in table.facts.columns if str(name).startswith(PAIR)]
    rows = {}
    for split in LOOKED_AT if names else ():
        if split in found:
            one = found[split]
            groups = table.facts.loc[one.y.index, names].rename(
                columns=lambda name: str(name).removeprefix("subgroup|")
            )
            here = forest(one.outcomes, one.probabilities, groups)
            rows[split] = [_without_test(row) for row in here] if split in OF_MANY_MODELS else here
    return rows


def _without_test(row: SubgroupRow) -> SubgroupRow:
    if row.auc is None:
        return row
    # An area over all folds' predictions describes; its interval and p would take them as one model's.
    return replace(row, low=None, high=None, interaction_p=None, interaction_p_holm=None, reason=_NOT_INDEPENDENT)
