"""How far a single prediction could be from where it is: other training patients, other contours.

With l the log-odds of the probability that is shown, l_b(x) those of the b-th refit on a resample of the
training patients, and l(x_m) those of the model itself for the m-th disturbed version of the patient,

    L_bm = l + (l_b(x) - median over b of l_b(x)) + (l(x_m) - l(x_0)),

x_0 being the undisturbed version. The interval reaches from the 2.5th to the 97.5th percentile of all L_bm,
which is the distribution of a sum of one draw from each source (a convolution: the sources are taken as
independent), turned back into probabilities. Refits keep what was selected and tuned, so the choice of
features is no part of the interval. Resampling within the classes: Efron & Tibshirani (1993), chapter 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from modeling.core.estimators.preprocessing import MISSING
from modeling.core.explanation.explain import RATIOS
from modeling.core.explanation.refits import refitted_log_odds, usual_refits
from modeling.core.study.fitted_model import FittedModel

Floats = NDArray[np.float64]

#: Gives the asked columns of a patient under each disturbance, the undisturbed row first; None where there are none.
Disturbed = Callable[[str, Sequence[str]], pd.DataFrame | None]

_PERCENTILES = (2.5, 97.5)
#: Keeps log-odds of a probability of exactly 0 or 1 finite.
_EDGE = 1e-9
_HELD = "Habitats are held as they are."


@dataclass(frozen=True)
class Interval:
    """The 95 % interval of one probability, and what it rests on.

    Parameters
    ----------
    low, high : float
        Probabilities.
    sources : dict
        JSON-ready. ``bootstrap``: number of refits, and the interval from them alone. ``perturbations``:
        number of disturbed rows and the interval from them alone, or 0 and the reason.
    """

    low: float
    high: float
    sources: dict[str, Any]


def intervals(
    model: FittedModel,
    X: pd.DataFrame,
    *,
    shown: pd.Series[float] | None = None,
    disturbed: Disturbed | None = None,
    centre: Sequence[str] | None = None,
    refits: int | None = None,
    seed: int = 0,
) -> list[Interval]:
    """Give an interval around each probability.

    Parameters
    ----------
    model : FittedModel
    X : DataFrame of shape (n_patients, n_columns)
        Indexed by patient code.
    shown : Series of shape (n_patients,), optional
        The probability around which each interval lies, by code; the model's own by default. (Of training
        patients the out-of-fold probability is shown.)
    disturbed : callable, optional
        From a code and the columns that matter to these columns under every disturbance.
    centre : sequence of str, optional
        The centre of each patient, for a model that harmonises.
    refits : int, optional
        How many; by default 200, and 50 of trees. All patients share them.
    seed : int, default=0
        Of the resamples.

    Returns
    -------
    list of Interval, in the order of X

    Raises
    ------
    MissingColumns
        If X lacks columns of the model.
    """
    n = usual_refits(model.estimator) if refits is None else refits
    spoken = model.log_odds(X, centre=centre)
    scores = model.scores(X, centre=centre)
    again = refitted_log_odds(model.estimator, scores, y=np.asarray(model.outcomes), n=n, seed=seed)
    around = spoken if shown is None else _log_odds(shown.loc[X.index])
    found = []
    for place, code in enumerate(X.index):
        other = again[:, place] - np.median(again[:, place])
        own_centre = None if centre is None else centre[place]
        moved, missing = _moved(model, X.loc[[code]], str(code), disturbed, own_centre)
        found.append(_interval(float(around[place]), other, moved, missing))
    return found


def columns_disturbed(model: FittedModel) -> tuple[str, ...]:
    """Name the whole-tumour columns that reach what the model selected: those that a contour moves."""
    names = dict.fromkeys(
        column for name in model.selected for column in RATIOS.get(name, (name.removesuffix(MISSING),))
    )
    return tuple(name for name in names if name.startswith("whole_tumour|"))


def _moved(
    model: FittedModel, row: pd.DataFrame, code: str, disturbed: Disturbed | None, centre: str | None
) -> tuple[Floats, str]:
    """Give how far each disturbance moves the log-odds, itself 0 first, or why that is not known."""
    columns = columns_disturbed(model)
    if not columns:
        return np.zeros(1), f"The model looks at no feature of the whole tumour. {_HELD}"
    rows = disturbed(code, columns) if disturbed else None
    if rows is None:
        return np.zeros(1), "No perturbed features are stored for the scans of this patient."
    X = row.loc[row.index.repeat(len(rows))].reset_index(drop=True)
    X[list(columns)] = rows[list(columns)].to_numpy()
    said = model.log_odds(X, centre=None if centre is None else [centre] * len(X))
    return said - said[0], ""


def _interval(around: float, other: Floats, moved: Floats, missing: str) -> Interval:
    low, high = _ends(around, np.add.outer(other, moved))
    refits = dict(zip(("low", "high"), _ends(around, other), strict=True))
    sources: dict[str, Any] = {"bootstrap": {"refits": len(other), **refits}}
    if missing:
        sources["perturbations"] = {"rows": 0, "reason": missing}
    else:
        alone = dict(zip(("low", "high"), _ends(around, moved), strict=True))
        sources["perturbations"] = {"rows": len(moved) - 1, **alone, "reason": _HELD}
    return Interval(low, high, sources)


def _ends(around: float, deviations: Floats) -> tuple[float, float]:
    low, high = expit(around + np.percentile(deviations, _PERCENTILES))
    return float(low), float(high)


def _log_odds(p: pd.Series[float]) -> Floats:
    log_odds: Floats = logit(np.clip(p.to_numpy(dtype=np.float64), _EDGE, 1 - _EDGE))
    return log_odds
