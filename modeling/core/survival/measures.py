"""How risks agree with survival: concordance, risk groups, curves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.core.errors import NotEstimable
from modeling.core.recipes import Recipe
from modeling.core.survival.concordance import harrell
from modeling.core.survival.cox import fit_cox, log_rank
from modeling.core.survival.kaplan_meier import kaplan_meier, median_survival, numbers_at_risk, times_shown

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class SurvivalEvaluation:
    """How risks of one model agree with survival on one split; numbers that are undefined are None, with a reason.

    `hazard_ratio` compares patients above the training patients' median risk with the others. `risk_groups` holds for
    each of the two its patients, events, median time to the event with 95 % limits (None where the curve does not
    come down to a half), and the numbers ``at_risk`` at some ``times``.
    """

    split: str
    centre: str | None
    n: int
    events: int
    c_index: float | None
    c_low: float | None
    c_high: float | None
    n_high_risk: int
    log_rank_p: float | None
    hazard_ratio: float | None
    hazard_ratio_low: float | None
    hazard_ratio_high: float | None
    kaplan_meier: list[dict[str, Any]]
    risk_groups: list[dict[str, Any]]
    undefined: dict[str, str] = field(default_factory=dict)


def evaluate_risks(
    split: str,
    centre: str | None,
    risks: Floats,
    high: Bools,
    time: Floats,
    event: Floats,
    recipe: Recipe,
    *,
    folds: Ints | None = None,
) -> SurvivalEvaluation:
    """Measure risks against survival.

    Parameters
    ----------
    split, centre : str, str or None
        What the patients are, for the result.
    risks : array of shape (n_patients,) or (n_patients, n_repeats)
    high : array of bool of shape (n_patients,)
        Who is in the group of high risk.
    time, event : arrays of shape (n_patients,)
    recipe : Recipe
        Its bootstraps and seed are used.
    folds : array of the shape of `risks`, optional
        See `modeling.core.survival.concordance.harrell`.

    Returns
    -------
    SurvivalEvaluation
    """
    found = harrell(risks, time, event, folds=folds, bootstraps=recipe.bootstraps, seed=recipe.seed)
    undefined = {} if found.value is not None else {"c_index": "No two patients can be compared."}
    ratio, p = _groups(high, time, event, undefined)
    return SurvivalEvaluation(
        split=split,
        centre=centre,
        n=len(time),
        events=int(event.sum()),
        c_index=found.value,
        c_low=found.low,
        c_high=found.high,
        n_high_risk=int(high.sum()),
        log_rank_p=p,
        hazard_ratio=ratio[0],
        hazard_ratio_low=ratio[1],
        hazard_ratio_high=ratio[2],
        kaplan_meier=_curves(high, time, event),
        risk_groups=_risk_groups(high, time, event),
        undefined=undefined,
    )


def _groups(
    high: Bools, time: Floats, event: Floats, undefined: dict[str, str]
) -> tuple[tuple[float | None, float | None, float | None], float | None]:
    nothing = (None, None, None)
    if not event.any() or not high.any() or high.all():
        undefined |= dict.fromkeys(("log_rank_p", "hazard_ratio"), "All patients are in one risk group, or no event.")
        return nothing, None
    p = log_rank(time, event, high)
    if not event[high].any() or not event[~high].any():
        undefined["hazard_ratio"] = "One risk group has no event."
        return nothing, p
    try:
        cox = fit_cox(high[:, None].astype(np.float64), time, event)
    except NotEstimable as problem:
        undefined["hazard_ratio"] = problem.message
        return nothing, p
    ratio, low, high_limit = (float(np.exp(part[0])) for part in (cox.coefficients, cox.low, cox.high))
    return (ratio, low, high_limit), p


def _by_group(high: Bools) -> dict[str, Bools]:
    groups = {"low risk": ~high, "high risk": high}
    return {name: chosen for name, chosen in groups.items() if chosen.any()}


def _curves(high: Bools, time: Floats, event: Floats) -> list[dict[str, Any]]:
    return [
        {"group": name, **point}
        for name, chosen in _by_group(high).items()
        for point in kaplan_meier(time[chosen], event[chosen])
    ]


def _risk_groups(high: Bools, time: Floats, event: Floats) -> list[dict[str, Any]]:
    times, rows = times_shown(time), []
    for name, chosen in _by_group(high).items():
        median = median_survival(kaplan_meier(time[chosen], event[chosen]))
        rows.append(
            {
                "group": name,
                "n": int(chosen.sum()),
                "events": int(event[chosen].sum()),
                "median": median.value,
                "median_low": median.low,
                "median_high": median.high,
                "times": times,
                "at_risk": numbers_at_risk(time[chosen], times),
            }
        )
    return rows
