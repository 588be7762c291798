"""Filters that look at each column by itself and at no outcome: gaps, variation, reproducibility."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import validate_data

from modeling.core.estimators.selector import GapTolerantSelector, Selector, never_empty


class MissingFilter(GapTolerantSelector):
    """Drop columns with too many gaps.

    Parameters
    ----------
    max_fraction : float, default=0.2
        Largest share of missing values that is still accepted.
    """

    def __init__(self, *, max_fraction: float = 0.2) -> None:
        self.max_fraction = max_fraction

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Count the gaps of X, shape (n_samples, n_features); y is ignored."""
        if not 0 <= self.max_fraction <= 1:
            raise ValueError(f"max_fraction must lie between 0 and 1, not {self.max_fraction}.")
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        self.missing_fraction_ = np.isnan(values).mean(axis=0)
        self.support_ = never_empty(self.missing_fraction_ <= self.max_fraction, -self.missing_fraction_)
        return self


class ConstantFilter(GapTolerantSelector):
    """Drop columns whose known values are all the same."""

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Look at the range of X, shape (n_samples, n_features); y is ignored."""
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        self.range_ = np.nan_to_num(np.fmax.reduce(values, axis=0) - np.fmin.reduce(values, axis=0))
        self.support_ = never_empty(self.range_ > 0, self.range_)
        return self


class StabilityFilter(Selector):
    """Drop columns that were measured as not reproducible.

    Parameters
    ----------
    minimum : float or None, default=0.75
        Smallest intraclass correlation of a column that stays; None keeps all.

    Attributes
    ----------
    dropped_ : array of int
        Positions of the columns that went.
    """

    def __init__(self, *, minimum: float | None = 0.75) -> None:
        self.minimum = minimum

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, *, icc: ArrayLike | None = None) -> Self:
        """Judge the columns of X, shape (n_samples, n_features), by icc, shape (n_features,).

        NaN means that nobody measured the column; it stays. So do all without `icc`. y is ignored.
        """
        if self.minimum is not None and not 0 <= self.minimum <= 1:
            raise ValueError(f"minimum must lie between 0 and 1, not {self.minimum}.")
        n_features = validate_data(self, X, dtype=np.float64).shape[1]
        known = np.full(n_features, np.nan) if icc is None else np.asarray(icc, dtype=np.float64)
        if known.shape != (n_features,):
            raise ValueError(f"icc must have one value for each of the {n_features} columns, not {known.shape}.")
        unstable = known < (-np.inf if self.minimum is None else self.minimum)
        self.support_ = never_empty(~unstable, known)
        self.dropped_ = np.flatnonzero(~self.support_)
        return self
