"""Transformers that make columns comparable: imputing, winsorising, the ratio of two sizes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from modeling.core.views import LOG_DIAMETER_RATIO, LOG_VOLUME_RATIO, VIEWS

Floats = NDArray[np.float64]

#: What the name of an indicator ends with.
MISSING = " (missing)"

#: The features of the baselines, and the two columns that each is made of.
RATIOS = {
    LOG_VOLUME_RATIO: VIEWS["volume_change"].columns,
    LOG_DIAMETER_RATIO: VIEWS["diameter_change"].columns,
}


def source_columns(feature: str) -> tuple[str, ...]:
    """Return the columns of a table that a feature is made of: two of a ratio, one of a value or its indicator."""
    return RATIOS.get(feature, (feature.removesuffix(MISSING),))


class MedianImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Fill gaps with the training median and add a column that says where a gap was.

    Indicators are added for columns that had a gap in training, one for each pattern of gaps: a
    scan that could not be read leaves hundreds of columns with one and the same pattern.

    Parameters
    ----------
    indicator : bool, default=True
        Add the indicator columns.

    Attributes
    ----------
    medians_ : array of shape (n_features,)
        Zero where a column was empty in training.
    indicated_ : array of int
        The columns that have an indicator.
    """

    def __init__(self, *, indicator: bool = True) -> None:
        self.indicator = indicator

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the medians of X, shape (n_samples, n_features); y is ignored."""
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        gaps = np.isnan(values)
        known = len(values) - gaps.sum(axis=0)
        self.medians_ = _medians(values, known)
        partly = (known > 0) & (known < len(values))
        candidates = np.flatnonzero(partly) if self.indicator else np.array([], dtype=np.int64)
        self.indicated_ = _first_of_each_pattern(gaps, candidates)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Give X without gaps, and the indicators to its right."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        gaps = np.isnan(values)
        filled = np.where(gaps, self.medians_, values)
        return np.hstack([filled, gaps[:, self.indicated_].astype(np.float64)]) if len(self.indicated_) else filled

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Give the names of the columns and of their indicators."""
        names = super().get_feature_names_out(input_features)
        return np.concatenate([names, np.array([f"{names[j]}{MISSING}" for j in self.indicated_], dtype=object)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class Winsorizer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Pull values beyond two training percentiles back to them.

    Parameters
    ----------
    low, high : float, default=1, 99
        Percentiles.

    Attributes
    ----------
    bounds_ : array of shape (2, n_features)
    """

    def __init__(self, *, low: float = 1.0, high: float = 99.0) -> None:
        self.low = low
        self.high = high

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the percentiles of X, shape (n_samples, n_features); y is ignored."""
        if not 0 <= self.low < self.high <= 100:
            raise ValueError(f"Percentiles must rise from 0 to 100, not {self.low} and {self.high}.")
        values = validate_data(self, X, dtype=np.float64)
        self.bounds_ = np.percentile(np.ascontiguousarray(values.T), [self.low, self.high], axis=1)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Give X within the learned bounds."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, reset=False)
        bounded: Floats = np.clip(values, self.bounds_[0], self.bounds_[1])
        return bounded


class LogRatio(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn a size of the tumour before and after treatment into ln((after + o) / (before + o)).

    Parameters
    ----------
    name : str, default=`LOG_VOLUME_RATIO`
        What the result is called.
    offset : float, default=1
        o, in mm3 or mm: one voxel at the working resolution; keeps a vanished tumour finite.
    """

    def __init__(self, *, name: str = LOG_VOLUME_RATIO, offset: float = 1.0) -> None:
        self.name = name
        self.offset = offset

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Check that X has the two columns before and after, in mm3 or mm; y is ignored."""
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        if values.shape[1] != 2:
            raise ValueError(f"A ratio needs two columns, before and after, not {values.shape[1]}.")
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Give the log ratio, shape (n_samples, 1); NaN where a size is missing or negative."""
        check_is_fitted(self, "n_features_in_")
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        logs = np.log(np.where(values >= 0, values, np.nan) + self.offset)
        ratio: Floats = logs[:, 1:] - logs[:, :1]
        return ratio

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Give the one name."""
        return np.array([self.name], dtype=object)


def _medians(X: Floats, known: NDArray[np.int64]) -> Floats:
    # Sorting puts gaps last, and rows that are contiguous in memory sort four times as fast as columns.
    rows = np.sort(np.ascontiguousarray(X.T), axis=1)
    column = np.arange(len(rows))
    middle = (rows[column, np.maximum(known - 1, 0) // 2] + rows[column, np.minimum(known // 2, len(X) - 1)]) / 2
    return np.where(known > 0, middle, 0.0)


def _first_of_each_pattern(gaps: NDArray[np.bool_], candidates: NDArray[np.int64]) -> NDArray[np.int64]:
    if not len(candidates):
        return candidates
    bits = np.packbits(gaps[:, candidates], axis=0)
    patterns = np.ascontiguousarray(bits.T).view(np.dtype((np.void, len(bits)))).ravel()
    _, first = np.unique(patterns, return_index=True)
    return candidates[np.sort(first)]
