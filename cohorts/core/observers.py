"""How well two readers agree: in per cent, and in the call of a major response.

Sources: Shrout and Fleiss, Psychol Bull 1979;86:420 and McGraw and Wong, Psychol Methods 1996;1:30 for the intraclass
correlation ICC(2,1), absolute agreement of single readings; Cohen, Educ Psychol Meas 1960;20:37 for kappa, with the
large-sample error of Fleiss, Cohen and Everitt, Psychol Bull 1969;72:323; Bland and Altman, Lancet 1986;i:307 for the
limits of agreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cohorts.core.errors import gettext_noop

FloatArray = NDArray[np.float64]
#: Fewer patients than this give no interval worth showing.
MINIMUM_PAIRS = 3
#: Why an intraclass correlation stands without limits.
NO_LIMITS = gettext_noop(
    "No interval: McGraw and Wong's degrees of freedom vanish where agreement is no better than chance."
)
#: What rounding may leave, relative to what was summed.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Estimate:
    """A coefficient with its 95 % interval; None where it is not defined, with the reason where limits are not."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Agreement:
    """Agreement of two readings of the same patients.

    Parameters
    ----------
    n : int
        Patients that were read twice.
    icc : Estimate
        ICC(2,1) of the percentages.
    kappa : Estimate
        Cohen's kappa of the two calls of a major response.
    same_call : int
        Patients of which both readings give the same call.
    bias_points : float
        Mean of first minus second, in percentage points.
    limits_points : tuple of float
        Between them lie 95 % of the differences.
    """

    n: int
    icc: Estimate
    kappa: Estimate
    same_call: int
    bias_points: float
    limits_points: tuple[float, float]


def agreement(pairs: Sequence[tuple[float, float]], *, threshold_percent: float) -> Agreement | None:
    """Compare the readings of patients that were read twice.

    Parameters
    ----------
    pairs : sequence of tuple of float
        Two viable percentages of each patient.
    threshold_percent : float
        The MPR line: at or below it a response is major.

    Returns
    -------
    Agreement or None
        None with fewer than `MINIMUM_PAIRS` patients.
    """
    if len(pairs) < MINIMUM_PAIRS:
        return None
    values: FloatArray = np.asarray(pairs, dtype=np.float64)
    calls = values <= threshold_percent
    table = np.array(
        [[np.sum((calls[:, 0] == a) & (calls[:, 1] == b)) for b in (True, False)] for a in (True, False)]
    )
    difference = values[:, 0] - values[:, 1]
    bias, spread = float(difference.mean()), 1.96 * float(difference.std(ddof=1))
    return Agreement(
        n=len(values),
        icc=intraclass_correlation(values),
        kappa=cohens_kappa(table),
        same_call=int(np.trace(table)),
        bias_points=bias,
        limits_points=(bias - spread, bias + spread),
    )


def intraclass_correlation(values: FloatArray) -> Estimate:
    """Give ICC(2,1): two-way random effects, absolute agreement, single reading.

    Parameters
    ----------
    values : ndarray of float64, shape (n_patients, n_readers)
        One row per patient, complete.

    Returns
    -------
    Estimate
        Without a value if no two readings differ; without limits, with the reason, where these mean nothing.
    """
    n, k = values.shape
    mean, rows, columns = values.mean(), values.mean(axis=1), values.mean(axis=0)
    between = k * float(((rows - mean) ** 2).sum()) / (n - 1)
    readers = n * float(((columns - mean) ** 2).sum()) / (k - 1)
    residual = values - rows[:, None] - columns + mean
    error = float((residual**2).sum()) / ((n - 1) * (k - 1))
    denominator = between + (k - 1) * error + k * (readers - error) / n
    if not np.ptp(values) or denominator <= 0:
        return Estimate(None)
    icc = (between - error) / denominator
    if np.isclose(readers, 0) and np.isclose(error, 0):
        return Estimate(icc, 1.0, 1.0)
    limits = _icc_limits(icc, between, readers, error, n=n, k=k)
    return Estimate(icc, reason=NO_LIMITS) if limits is None else Estimate(icc, *limits)


def _icc_limits(
    icc: float, between: float, readers: float, error: float, *, n: int, k: int
) -> tuple[float, float] | None:
    # Satterthwaite's degrees of freedom after McGraw and Wong, times n (1 - ICC), so that the ratio stays finite.
    a, of_cases, of_readers = k * icc * readers, n * (1 - icc) * error, k * icc * (n - 1) * error
    b = of_cases + of_readers
    spread = a**2 / (k - 1) + b**2 / ((n - 1) * (k - 1))
    # Of parts of one sign, Satterthwaite's degrees of freedom are at least those of one part. Below an ICC of zero the
    # parts have two signs and may cancel each other: the quantiles then grow beyond all bounds.
    freedom = (a + b) ** 2 / spread if spread > 0 else 0.0
    cancelled = abs(a + b) <= _ROUNDING * (abs(a) + abs(of_cases) + abs(of_readers))
    if cancelled or freedom < 1 - _ROUNDING:
        return None
    f_low, f_high = stats.f.ppf(0.975, n - 1, freedom), stats.f.ppf(0.975, freedom, n - 1)
    rest = k * readers + (k * n - k - n) * error
    low = n * (between - f_low * error) / (f_low * rest + n * between)
    high = n * (f_high * between - error) / (rest + n * f_high * between)
    return (float(low), float(high)) if np.isfinite(low) and np.isfinite(high) and low <= high + _ROUNDING else None


def cohens_kappa(table: NDArray[np.int64]) -> Estimate:
    """Give Cohen's kappa of a square table of counts.

    Parameters
    ----------
    table : ndarray of int64, shape (n_classes, n_classes)
        Rows by the first reader, columns by the second.

    Returns
    -------
    Estimate
        Without a value if both readers gave one and the same call throughout.
    """
    n = int(table.sum())
    p = table / n
    first, second = p.sum(axis=1), p.sum(axis=0)
    observed, expected = float(np.trace(p)), float(first @ second)
    if np.isclose(expected, 1):
        return Estimate(None)
    kappa = (observed - expected) / (1 - expected)
    margins = second[:, None] + first[None, :]  # of cell (i, j): column total of i plus row total of j
    on = float((np.diag(p) * (1 - np.diag(margins) * (1 - kappa)) ** 2).sum())
    off = p * margins**2
    off_sum = (1 - kappa) ** 2 * float(off.sum() - np.trace(off))
    rest = (kappa - expected * (1 - kappa)) ** 2
    spread = 1.96 * float(np.sqrt(max(on + off_sum - rest, 0.0) / n)) / (1 - expected)
    return Estimate(kappa, max(kappa - spread, -1.0), min(kappa + spread, 1.0))
