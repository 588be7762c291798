"""The steps before the classifier, as one transformer that knows where each column came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from modeling.core.estimators.filters import StabilityFilter
from modeling.core.estimators.harmonise import Harmoniser
from modeling.core.estimators.selector import SupervisedSelector

Floats = NDArray[np.float64]


class FeatureChain(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Transformers one after the other, like a scikit-learn Pipeline.

    Beyond a Pipeline it hands the centres to the harmoniser and to the stability filter the
    reproducibility of the columns that are still there.

    Parameters
    ----------
    steps : sequence of (name, transformer)
    harmonised : array of bool of shape (n_features,), optional
        The columns of X that a harmoniser may change, all by default.

    Attributes
    ----------
    steps_ : list of (name, fitted transformer)
    """

    def __init__(self, steps: Sequence[tuple[str, Any]], *, harmonised: ArrayLike | None = None) -> None:
        self.steps = steps
        self.harmonised = harmonised

    @property
    def harmonises(self) -> bool:
        """Say whether the centres are needed."""
        return any(isinstance(step, Harmoniser) for _, step in self.steps)

    def fit(
        self, X: Floats, y: NDArray[Any], *, centre: NDArray[Any] | None = None, icc: ArrayLike | None = None
    ) -> Self:
        """Fit each step on what the steps before it leave of X, shape (n_samples, n_features)."""
        self.fit_transform(X, y, centre=centre, icc=icc)
        return self

    def fit_transform(
        self, X: Floats, y: NDArray[Any], *, centre: NDArray[Any] | None = None, icc: ArrayLike | None = None
    ) -> Floats:
        """Fit and give what the classifier sees of the training patients, shape (n_samples, n_selected)."""
        values = X
        self.steps_: list[tuple[str, Any]] = []
        for name, blank in self.steps:
            step = clone(blank)
            if isinstance(step, Harmoniser):
                chosen = self._carried(self.harmonised, X.shape[1], absent=False)
                values = step.fit(values, centre=centre, harmonised=chosen).transform(values, centre=centre)
            elif isinstance(step, StabilityFilter):
                values = step.fit(values, icc=self._carried(icc, X.shape[1], absent=np.nan)).transform(values)
            else:
                values = step.fit(values, y).transform(values)
            self.steps_.append((name, step))
        return values

    def count_unselected(self, X: Floats, *, icc: ArrayLike | None = None) -> int:
        """Count the columns that are left of X, shape (n_samples, n_features), when a step first looks at the outcome."""
        # Harmonising changes values and no number of columns.
        blind = [pair for pair in self.steps if not isinstance(pair[1], SupervisedSelector | Harmoniser)]
        return int(FeatureChain(blind).fit_transform(X, np.zeros(len(X)), icc=icc).shape[1])

    def transform(self, X: Floats, *, centre: NDArray[Any] | None = None) -> Floats:
        """Give what the classifier sees, shape (n_samples, n_selected)."""
        check_is_fitted(self)
        for _, step in self.steps_:
            X = step.transform(X, centre=centre) if isinstance(step, Harmoniser) else step.transform(X)
        return X

    def names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Name what the classifier sees, given the names of the columns of X."""
        names = np.array(columns, dtype=object)
        for _, step in self.steps_:
            names = step.get_feature_names_out(names)
        return tuple(str(name) for name in names)

    def _carried(self, given: ArrayLike | None, n_columns: int, *, absent: float) -> NDArray[Any] | None:
        if given is None:
            return None
        # An indicator of gaps has a name of its own, so that nothing is known about it.
        known = dict(zip(map(str, range(n_columns)), np.asarray(given).tolist(), strict=True))
        return np.array([known.get(name, absent) for name in self.names(list(known))])
