"""How far a single prediction could be from where it is: other training patients, other contours.

With l_b(x) the log-odds of the b-th refit of the whole chain on a resample of the training patients
(`modeling.core.explanation.refits`), and l(x_m) those of the model itself for the m-th disturbed version of the
patient,

    L_bm = l_b(x) + (l(x_m) - l(x_0)),

x_0 being the undisturbed version. The interval reaches from the 2.5th to the 97.5th percentile of all L_bm,
which is the distribution of a sum of one draw from each source (a convolution: the sources are taken as
independent), turned back into probabilities, and as far as the shown probability where that lies outside. Riley &
Collins, Biom J 2023;65:2200302; resampling within the classes: Efron & Tibshirani (1993), chapter 8. How often such
intervals hold the true probability: `python -m bench --only coverage`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from modeling.core.estimators.late_fusion import bases_of
from modeling.core.estimators.preprocessing import source_columns
from modeling.core.explanation.refits import refitted_log_odds
from modeling.core.study.fitted_model import FittedModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Gives the asked columns of a patient under each disturbance, the undisturbed row first; None where there are none.
Disturbed = Callable[[str, Sequence[str]], pd.DataFrame | None]

#: Fewer refits have no 2.5th percentile worth the name.
FEWEST_REFITS = 30
_PERCENTILES = (2.5, 97.5)
#: Classifiers whose intervals were measured to hold the true probability as often as they say (docs/methods/coverage.md).
MEASURED = ("logistic",)
#: Keeps log-odds of a probability of exactly 0 or 1 finite.
_EDGE = 1e-9
_HELD = "Habitats are held as they are."


@dataclass(frozen=True)
class Interval:
    """The interval of one probability, and what it rests on.

    Parameters
    ----------
    low, high : float or None
        Probabilities; None where there is no interval.
    sources : dict
        JSON-ready. ``bootstrap``: number of refits, the interval from them alone, and whether it was measured how
        often such intervals hold the truth; or the reason why there is none. ``perturbations``: number of disturbed
        rows and the interval from them alone, or 0 and the reason.
    """

    low: float | None
    high: float | None
    sources: dict[str, Any]


def intervals(
    model: FittedModel,
    X: pd.DataFrame,
    *,
    shown: pd.Series[float] | None = None,
    disturbed: Disturbed | None = None,
    centre: Sequence[str] | None = None,
) -> list[Interval]:
    """Compute an interval around each probability.

    Parameters
    ----------
    model : FittedModel
    X : DataFrame of shape (n_patients, n_columns)
        Indexed by patient code. Of a training patient only refits count that had not drawn the patient.
    shown : Series of shape (n_patients,), optional
        The probability that each interval belongs to, by code; the model's own by default. (Of training
        patients the out-of-fold probability is shown.)
    disturbed : callable, optional
        From a code and the columns that matter to these columns under every disturbance.
    centre : sequence of str, optional
        The centre of each patient, for a model that harmonises.

    Returns
    -------
    list of Interval, in the order of X

    Raises
    ------
    MissingColumns
        If X lacks columns of the model.
    """
    if shown is None:
        shown = pd.Series(model.predict_proba(X, centre=centre), index=X.index)
    why_not = _why_no_refits(model)
    again = np.empty((0, len(X))) if why_not else refitted_log_odds(model, X)
    measured = all(base.classifier_name_ in MEASURED for base in bases_of(model.estimator))
    found = []
    for place, code in enumerate(X.index):
        others = again[_unseen(model, str(code)), place] if len(again) else again[:, place]
        few = len(others) < FEWEST_REFITS
        reason = why_not or (f"Only {len(others)} refits had not seen this patient." if few else "")
        own_centre = None if centre is None else centre[place]
        moved, missing = _moved(model, X.loc[[code]], str(code), disturbed, own_centre)
        p = float(shown.loc[code])
        found.append(_interval(p, others, moved, missing=missing, reason=reason, measured=measured))
    return found


def _why_no_refits(model: FittedModel) -> str:
    """Return why a model has no refits that could speak, or nothing where it has."""
    if any(base.chain.harmonises for base in bases_of(model.estimator)):
        return "A model that harmonises hospitals is not refitted for a single patient."
    if not model.refits:
        return "This model was stored without its refits; train again to have them."
    n = min(len(one.drawn) for one in model.refits.values())
    if n < FEWEST_REFITS:
        return f"The recipe made {n} refits; an interval needs {FEWEST_REFITS}."
    return ""


def _unseen(model: FittedModel, code: str) -> Bools:
    """Return which refits had not drawn a patient; all of them where it is no training patient."""
    drawn = next(iter(model.refits.values())).drawn
    if code not in model.fitted_on:
        return np.ones(len(drawn), dtype=bool)
    unseen: Bools = ~(drawn == model.fitted_on.index(code)).any(axis=1)
    return unseen


def columns_disturbed(model: FittedModel) -> tuple[str, ...]:
    """Name the whole-tumour columns that reach what the model selected: those that a contour moves."""
    names = dict.fromkeys(column for name in model.selected for column in source_columns(name))
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


def _interval(p: float, others: Floats, moved: Floats, *, missing: str, reason: str, measured: bool) -> Interval:
    sources: dict[str, Any] = {"bootstrap": {"refits": 0, "reason": reason}}
    low, high = None, None
    if not reason:
        low, high = _ends(np.add.outer(others, moved), p)
        alone = dict(zip(("low", "high"), _ends(others, p), strict=True))
        sources["bootstrap"] = {"refits": len(others), "measured": measured, **alone}
    if missing:
        sources["perturbations"] = {"rows": 0, "reason": missing}
    else:
        alone = dict(zip(("low", "high"), _ends(_log_odds(p) + moved, p), strict=True))
        sources["perturbations"] = {"rows": len(moved) - 1, **alone, "reason": _HELD}
    return Interval(low, high, sources)


def _ends(log_odds: Floats, shown: float) -> tuple[float, float]:
    low, high = expit(np.percentile(log_odds, _PERCENTILES))
    return min(float(low), shown), max(float(high), shown)


def _log_odds(p: float) -> float:
    return float(logit(np.clip(p, _EDGE, 1 - _EDGE)))
