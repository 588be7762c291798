"""How well repeated measurements of features agree: ICC(2,1), absolute agreement, with its interval.

A case is a tumour at a timepoint, a rater a way to measure it: a reader, or a perturbation. Cases and
raters are both taken as drawn from larger populations (a two-way random model), and what counts is
that the values themselves agree, not only their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imaging.core.errors import TooFewCases

FloatArray = NDArray[np.float64]

#: From here on a feature counts as stable (METHOD 4.7).
STABLE_FROM = 0.75
#: Cases that METHOD 4.7 asks for before a filter is built on the coefficient.
RECOMMENDED_CASES = 30

#: Why a coefficient stands without limits.
NO_LIMITS = "no interval: McGraw and Wong's degrees of freedom vanish where agreement is no better than chance"

#: What is computed from fewer cannot be computed at all.
_MINIMUM = 2
#: What rounding may leave, relative to what was summed.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Reliability:
    """Agreement of the measurements of each feature.

    Parameters
    ----------
    names : tuple of str
        Features.
    icc, lower, upper : ndarray of float64, shape (n_features,)
        ICC(2,1) and its limits; NaN where undefined. It is 1 at most and may be below 0.
    cases : ndarray of int64, shape (n_features,)
        Cases that count: those in which every rater has a value.
    raters : int
        Measurements of each case.
    confidence : float
        Of the two-sided interval.
    undefined : mapping of str to str
        For each feature without a coefficient, or without limits, why.
    """

    names: tuple[str, ...]
    icc: FloatArray
    lower: FloatArray
    upper: FloatArray
    cases: NDArray[np.int64]
    raters: int
    confidence: float = 0.95
    undefined: Mapping[str, str] = field(default_factory=dict)

    def stable(self, *, at_least: float = STABLE_FROM, by_lower_limit: bool = False) -> NDArray[np.bool_]:
        """Tell which features reach a threshold, by the coefficient or by its lower limit; NaN does not."""
        return np.asarray((self.lower if by_lower_limit else self.icc) >= at_least)


def reliability(values: FloatArray, *, names: Sequence[str], confidence: float = 0.95) -> Reliability:
    """Compute ICC(2,1) of many features at once.

    With n cases, c raters and the mean squares of rows, columns and error of a two-way analysis of
    variance without replication::

        ICC(2,1) = (MSR - MSE) / (MSR + (c - 1) MSE + c (MSC - MSE) / n)

    A case in which any rater has no value of a feature does not count for that feature.

    Parameters
    ----------
    values : ndarray of float64, shape (n_cases, n_raters, n_features)
        Measurements; NaN where there is none.
    names : sequence of str
        One for each feature.
    confidence : float
        Of the two-sided interval, which assumes normal deviations.

    Returns
    -------
    Reliability
        NaN with a reason where fewer than two cases are complete, or nothing varies.

    Raises
    ------
    TooFewCases
        If there are fewer than two cases or two raters.

    References
    ----------
    Shrout PE, Fleiss JL, Psychol Bull 86(2):420-428, 1979 (case 2). Interval: McGraw KO, Wong SP, Psychol
    Methods 1(1):30-46, 1996, ICC(A,1) with the correction of 1(4):390.
    """
    n_cases, raters, n_features = values.shape
    if len(names) != n_features:
        raise ValueError(f"{len(names)} names cannot go with {n_features} features.")
    if n_cases < _MINIMUM or raters < _MINIMUM:
        raise TooFewCases(
            f"Agreement needs at least {_MINIMUM} cases, each measured at least {_MINIMUM} times; "
            f"there are {n_cases}, each measured {raters} times."
        )
    complete: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=1))
    squares = _mean_squares(values, complete)
    n = complete.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        icc = _coefficient(squares, n, raters)
        lower, upper = _limits(squares, icc, n, raters, confidence)
    undefined = {name: _reason(int(k)) for name, k, value in zip(names, n, icc, strict=True) if np.isnan(value)}
    withheld = np.isfinite(icc) & np.isnan(lower)
    undefined |= {name: NO_LIMITS for name, without in zip(names, withheld, strict=True) if without}
    return Reliability(tuple(names), icc, lower, upper, n.astype(np.int64), raters, confidence, undefined)


@dataclass(frozen=True, eq=False)
class _MeanSquares:
    rows: FloatArray
    columns: FloatArray
    error: FloatArray


def _mean_squares(values: FloatArray, complete: NDArray[np.bool_]) -> _MeanSquares:
    """Analyse the variance of the complete cases of each feature; incomplete ones weigh nothing."""
    raters = values.shape[1]
    n = np.maximum(complete.sum(axis=0), 1)
    kept = np.where(complete[:, None, :], values, 0.0)
    weight = complete.astype(np.float64)
    mean = kept.sum(axis=(0, 1)) / (n * raters)
    centred = (kept - mean) * weight[:, None, :]
    # Features of one value for all: what summing leaves of it is not a variation.
    negligible = np.abs(mean) * np.finfo(np.float64).eps * n * raters
    centred[np.broadcast_to(np.abs(centred).max(axis=(0, 1)) <= negligible, centred.shape)] = 0.0
    rows, columns = centred.mean(axis=1), centred.sum(axis=0) / n
    residual = (centred - rows[:, None, :] - columns) * weight[:, None, :]
    freedom = np.maximum(n - 1, 1)
    return _MeanSquares(
        rows=raters * (rows**2).sum(axis=0) / freedom,
        columns=n * (columns**2).sum(axis=0) / (raters - 1),
        error=(residual**2).sum(axis=(0, 1)) / (freedom * (raters - 1)),
    )


def _coefficient(squares: _MeanSquares, n: NDArray[np.int64], raters: int) -> FloatArray:
    rows, columns, error = squares.rows, squares.columns, squares.error
    icc = (rows - error) / (rows + (raters - 1) * error + raters * (columns - error) / n)
    return np.asarray(np.where((n >= _MINIMUM) & np.isfinite(icc), icc, np.nan))


def _limits(
    squares: _MeanSquares, icc: FloatArray, n: NDArray[np.int64], raters: int, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Compute the limits; where all raters agree in everything, both are 1, and where they mean nothing, NaN."""
    rows, columns, error = squares.rows, squares.columns, squares.error
    # McGraw and Wong's a and b, both times n (1 - ICC): their ratio is all that counts, and it stays finite.
    a, of_cases, of_raters = raters * icc * columns, n * (1 - icc) * error, raters * icc * (n - 1) * error
    b = of_cases + of_raters
    freedom = (a + b) ** 2 / (a**2 / (raters - 1) + b**2 / ((n - 1) * (raters - 1)))
    # Of parts of one sign, Satterthwaite's degrees of freedom are at least those of one part. Below an ICC of zero the
    # parts have two signs and may cancel each other: the quantiles then grow beyond all bounds.
    known = np.abs(a + b) > _ROUNDING * (np.abs(a) + np.abs(of_cases) + np.abs(of_raters))
    freedom = np.where(known & (freedom >= 1 - _ROUNDING), freedom, np.nan)
    quantile = 0.5 + confidence / 2
    f_lower = stats.f.ppf(quantile, n - 1, freedom)
    f_upper = stats.f.ppf(quantile, freedom, n - 1)
    rest = raters * columns + (raters * n - raters - n) * error
    lower = n * (rows - f_lower * error) / (f_lower * rest + n * rows)
    upper = n * (f_upper * rows - error) / (rest + n * f_upper * rows)
    perfect = (rows > 0) & (columns == 0) & (error == 0)
    sound = np.isfinite(lower) & np.isfinite(upper) & (lower <= upper + _ROUNDING)
    found = perfect | sound
    return np.where(found, np.where(perfect, 1.0, lower), np.nan), np.where(
        found, np.where(perfect, 1.0, upper), np.nan
    )


def _reason(cases: int) -> str:
    if cases < _MINIMUM:
        return f"{cases} cases have a value in every measurement; at least {_MINIMUM} are needed"
    return "no two measurements differ, so there is nothing to tell cases apart by"
