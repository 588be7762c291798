"""How far a measure differs between centres: random-effects pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Scale = Literal["logit", "identity"]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Pooled:
    """One value for all centres, and how far theirs lie apart.

    `low` and `high` bound the mean over centres with 95 % confidence, `prediction_low` and
    `prediction_high` the value of a new centre (three centres at least). `tau2` and `q` are on the
    scale of the pooling. With one centre the first three are its own; what is unknown is None.
    """

    estimate: float | None
    low: float | None
    high: float | None
    tau2: float | None
    i2_percent: float | None
    q: float | None
    q_p: float | None
    prediction_low: float | None
    prediction_high: float | None
    k: int


def pool(
    values: Sequence[float | None],
    *,
    standard_errors: Sequence[float | None] | None = None,
    intervals: Sequence[Interval | None] | None = None,
    scale: Scale = "logit",
    level: float = 0.95,
) -> Pooled:
    """Pool one value of each centre with random effects.

    Between-centre variance by DerSimonian and Laird, interval by Hartung, Knapp, Sidik and Jonkman
    with their factor held at 1 or more: centres that agree by chance would otherwise give an
    interval narrower than without any heterogeneity (Knapp & Hartung's own remark). Two centres have the
    normal quantile instead of Student's, because one degree of freedom bounds nothing; such an
    interval says little of other hospitals.

    Parameters
    ----------
    values : sequence of float or None
        For example the areas of the centres. A centre without a value or an interval is left out.
    standard_errors, intervals : sequence, of the same length
        One of the two, on the scale of the values. Of an interval that touches 0 or 1 only the other
        end is used.
    scale : {"logit", "identity"}
        Values between 0 and 1 are pooled as log-odds.
    level : float
        Of the intervals, given and returned.

    Returns
    -------
    Pooled

    References
    ----------
    DerSimonian & Laird, Control Clin Trials 1986;7:177-188. Knapp & Hartung, Stat Med
    2003;22:2693-2710. Prediction interval with k - 2 degrees of freedom: Higgins, Thompson &
    Spiegelhalter, J R Stat Soc A 2009;172:137-159. On the logit of the area: Debray et al., Stat
    Methods Med Res 2019;28:2768-2786.
    """
    z = float(stats.norm.ppf(0.5 + level / 2))
    if standard_errors is not None:
        errors = [_error_of(v, e, scale) for v, e in zip(values, standard_errors, strict=True)]
    else:
        errors = [_error_between(v, i, scale, z) for v, i in zip(values, intervals or [], strict=True)]
    kept = [
        (place, _scaled(value, scale), error**2)
        for place, (value, error) in enumerate(zip(values, errors, strict=True))
        if value is not None and error is not None
    ]
    if not kept:
        return Pooled(None, None, None, None, None, None, None, None, None, k=0)
    if len(kept) == 1:
        place, centre, variance = kept[0]
        half = z * float(np.sqrt(variance))
        own = intervals[place] if standard_errors is None and intervals is not None else None
        low, high = own or (_back(centre - half, scale), _back(centre + half, scale))
        return Pooled(_back(centre, scale), low, high, None, None, None, None, None, None, k=1)
    effects, variances = (np.array([row[column] for row in kept]) for column in (1, 2))
    return _random_effects(effects, variances, scale=scale, level=level)


def _random_effects(effects: Floats, variances: Floats, *, scale: Scale, level: float) -> Pooled:
    k, fixed = len(effects), 1 / variances
    q = float(np.sum(fixed * (effects - np.average(effects, weights=fixed)) ** 2))
    tau2 = max(0.0, (q - (k - 1)) / float(fixed.sum() - (fixed**2).sum() / fixed.sum()))
    weights = 1 / (variances + tau2)
    mean = float(np.average(effects, weights=weights))
    factor = max(1.0, float(np.sum(weights * (effects - mean) ** 2)) / (k - 1))
    variance = factor / float(weights.sum())
    # With two centres Student's t has one degree of freedom: the interval would hold every area there is.
    quantile = stats.t.ppf(0.5 + level / 2, k - 1) if k > 2 else stats.norm.ppf(0.5 + level / 2)
    half = float(quantile * np.sqrt(variance))
    ends: list[float | None] = [None, None]
    if k > 2:
        wide = float(stats.t.ppf(0.5 + level / 2, k - 2) * np.sqrt(tau2 + variance))
        ends = [_back(mean - wide, scale), _back(mean + wide, scale)]
    return Pooled(
        estimate=_back(mean, scale),
        low=_back(mean - half, scale),
        high=_back(mean + half, scale),
        tau2=tau2,
        i2_percent=100 * max(0.0, (q - (k - 1)) / q) if q > 0 else 0.0,
        q=q,
        q_p=float(stats.chi2.sf(q, k - 1)),
        prediction_low=ends[0],
        prediction_high=ends[1],
        k=k,
    )


def _error_of(value: float | None, error: float | None, scale: Scale) -> float | None:
    if value is None or error is None or error <= 0:
        return None
    if scale == "identity":
        return error
    return error / (value * (1 - value)) if 0 < value < 1 else None


def _error_between(value: float | None, interval: Interval | None, scale: Scale, z: float) -> float | None:
    if value is None or interval is None or not np.isfinite(_scaled(value, scale)):
        return None
    centre = _scaled(value, scale)
    halves = [abs(_scaled(end, scale) - centre) for end in interval]
    known = [half for half in halves if np.isfinite(half)]
    half = float(np.mean(known)) if known else 0.0
    return half / z if half > 0 else None


def _scaled(value: float, scale: Scale) -> float:
    return float(logit(value)) if scale == "logit" else value


def _back(value: float, scale: Scale) -> float:
    return float(expit(value)) if scale == "logit" else value
