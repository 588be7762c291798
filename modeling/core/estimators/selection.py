"""Feature selectors in scikit-learn's grammar: init stores, fit judges, an underscore marks what was learned.

None of them ever leaves nothing: if no column passes, the one that comes nearest is kept, so that a
fold without signal gives a model near chance rather than a crash.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin, f_classif
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import ClassifierTags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from modeling.core.estimators.penalised import (
    Penalties,
    class_weights,
    cross_validated_loss,
    feasible_folds,
    fit_paths,
)
from modeling.core.estimators.rank_statistics import (
    average_ranks,
    false_discovery_rates,
    mann_whitney_p,
    rank_aucs,
    standardised,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class _Selector(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """A selector keeps `support_`, a mask of shape (n_features,)."""

    support_: Mask

    def _get_support_mask(self) -> Mask:
        check_is_fitted(self, "support_")
        return self.support_


class _GapTolerant(_Selector):
    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class _Supervised(_Selector):
    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    def _validated(self, X: ArrayLike, y: ArrayLike) -> tuple[Floats, Ints]:
        values, target = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(target)
        classes, coded = np.unique(target, return_inverse=True)
        if len(classes) != 2:
            raise ValueError(f"A binary outcome is needed; the training outcomes hold {len(classes)} class(es).")
        return values, coded.astype(np.int64)


class MissingFilter(_GapTolerant):
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
        self.support_ = _never_empty(self.missing_fraction_ <= self.max_fraction, -self.missing_fraction_)
        return self


class ConstantFilter(_GapTolerant):
    """Drop columns whose known values are all the same."""

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Look at the range of X, shape (n_samples, n_features); y is ignored."""
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        self.range_ = np.nan_to_num(np.fmax.reduce(values, axis=0) - np.fmin.reduce(values, axis=0))
        self.support_ = _never_empty(self.range_ > 0, self.range_)
        return self


class StabilityFilter(_Selector):
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
        self.support_ = _never_empty(~unstable, known)
        self.dropped_ = np.flatnonzero(~self.support_)
        return self


class MannWhitneyFilter(_Supervised):
    """Keep columns that differ between the classes by a two-sided Mann-Whitney test.

    Parameters
    ----------
    alpha : float, default=0.05
        Columns with p below it stay.
    false_discovery : bool, default=False
        Adjust p for the number of columns (Benjamini & Hochberg, J R Stat Soc B 1995;57:289).

    Attributes
    ----------
    pvalues_ : array of shape (n_features,)
        Adjusted if so wanted.
    """

    def __init__(self, *, alpha: float = 0.05, false_discovery: bool = False) -> None:
        self.alpha = alpha
        self.false_discovery = false_discovery

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Test each column of X, shape (n_samples, n_features), against y."""
        if not 0 < self.alpha <= 1:
            raise ValueError(f"alpha must lie above 0 and at most 1, not {self.alpha}.")
        values, target = self._validated(X, y)
        p = mann_whitney_p(values, target)
        self.pvalues_ = false_discovery_rates(p) if self.false_discovery else p
        self.support_ = _never_empty(self.pvalues_ < self.alpha, -self.pvalues_)
        return self


class CorrelationPruner(_Supervised):
    """Of columns that say the same, keep the one that separates the classes best.

    Columns are visited from the largest distance of their own AUC from 0.5 to the smallest; each
    one that is still there removes all later ones with a larger absolute Spearman correlation.

    Parameters
    ----------
    threshold : float, default=0.9
        Largest absolute correlation that two kept columns may have.
    """

    def __init__(self, *, threshold: float = 0.9) -> None:
        self.threshold = threshold

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Prune the columns of X, shape (n_samples, n_features)."""
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold must lie above 0 and at most 1, not {self.threshold}.")
        values, target = self._validated(X, y)
        ranks = average_ranks(values)
        self.auc_distance_ = np.abs(rank_aucs(ranks, target) - 0.5)
        order = np.argsort(-self.auc_distance_, kind="stable")
        self.support_ = np.zeros(values.shape[1], dtype=bool)
        self.support_[order[_unlike(standardised(ranks).T[order], threshold=self.threshold)]] = True
        return self


class MRMRSelector(_Supervised):
    """Keep few columns that are relevant and not redundant (minimum redundancy, maximum relevance).

    The quotient form for continuous features, FCQ: the F statistic divided by the mean absolute
    correlation with the columns chosen so far (Ding & Peng, J Bioinform Comput Biol 2005;3:185).
    A mean correlation below 1 / sqrt(n_samples), the standard error of a correlation between
    independent columns, counts as that much; without this floor the quotient rewards noise that
    happens to be uncorrelated.

    Parameters
    ----------
    n_features : int, default=20
        How many columns to keep at most.
    """

    def __init__(self, *, n_features: int = 20) -> None:
        self.n_features = n_features

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose columns of X, shape (n_samples, n_features), one after the other."""
        if self.n_features < 1:
            raise ValueError(f"n_features must be at least 1, not {self.n_features}.")
        values, target = self._validated(X, y)
        relevance = _f_statistic(values, target)
        scaled = _unit_columns(values)
        floor = 1 / np.sqrt(len(values))
        redundancy = np.zeros(values.shape[1])
        chosen: list[int] = []
        for _ in range(min(self.n_features, values.shape[1])):
            score = relevance / np.maximum(redundancy / max(len(chosen), 1), floor)
            score[chosen] = -np.inf
            chosen.append(int(np.argmax(score)))
            redundancy += np.abs(scaled[:, chosen[-1]] @ scaled)
        self.ranking_ = np.array(chosen)
        self.support_ = np.isin(np.arange(values.shape[1]), chosen)
        return self


class LassoSelector(_Supervised):
    """Keep the columns with a coefficient in an L1-penalised logistic regression.

    The penalty is chosen by cross-validated log-loss: the largest one within one standard error of
    the best (``1se``) or the best itself (``min``). A hard cap then keeps at most one column for
    every `patients_per_feature` patients of the smaller class, those with the largest coefficients.
    Columns are expected to be z-scored.

    Parameters
    ----------
    folds : int, default=10
        Folds of the inner cross-validation; fewer if the smaller class has fewer patients.
    rule : {"1se", "min"}, default="1se"
    patients_per_feature : int, default=10
    balanced : bool, default=True
        Give both classes equal weight.
    seed : int, default=0
        Seed of the folds.

    Attributes
    ----------
    folds_ : int
        Folds that were possible; 0 if the smaller class has a single patient.
    cap_ : int
    coef_ : array of shape (n_features,)
        At the chosen penalty, before the cap.
    penalty_ : float
    """

    def __init__(
        self,
        *,
        folds: int = 10,
        rule: str = "1se",
        patients_per_feature: int = 10,
        balanced: bool = True,
        seed: int = 0,
    ) -> None:
        self.folds = folds
        self.rule = rule
        self.patients_per_feature = patients_per_feature
        self.balanced = balanced
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose columns of X, shape (n_samples, n_features)."""
        if self.rule not in ("1se", "min"):
            raise ValueError(f"rule must be 1se or min, not {self.rule!r}.")
        values, target = self._validated(X, y)
        weights = class_weights(target, balanced=self.balanced)
        gradient = np.abs((weights * (target - weights @ target)) @ values)
        path = max(gradient.max(), np.finfo(float).tiny) * _fractions(*values.shape)
        self.penalty_ = self._choose(values, target, path)
        chosen = Penalties(np.array([self.penalty_]), np.zeros(1))
        fitted = fit_paths(values, target, weights=weights[None], penalties=chosen, tolerance=1e-6)
        self.coef_ = fitted[0, 0, 1:]
        self.cap_ = max(1, int(np.bincount(target).min()) // self.patients_per_feature)
        size = np.abs(self.coef_)
        largest = np.argsort(-size, kind="stable")[: self.cap_]
        inside = np.isin(np.arange(len(size)), largest) & (size > 0)
        self.support_ = _never_empty(inside, gradient)
        return self

    def _choose(self, values: Floats, target: Ints, path: Floats) -> float:
        self.folds_ = feasible_folds(target, wanted=self.folds)
        if self.folds_ < 2:
            self.folds_ = 0
            return float(path[0])
        folds = StratifiedKFold(self.folds_, shuffle=True, random_state=self.seed)
        mean, error = cross_validated_loss(
            values, target, penalties=Penalties(path, np.zeros_like(path)), folds=folds, balanced=self.balanced
        )
        best = int(np.argmin(mean))
        if self.rule == "min":
            return float(path[best])
        return float(path[np.flatnonzero(mean <= mean[best] + error[best])[0]])


#: Rows that are compared with all later ones by one matrix product.
_BLOCK = 64


def _unlike(rows: Floats, *, threshold: float) -> Ints:
    """Visit unit rows in order; each one that is still there removes later ones that are too like it."""
    waiting = np.arange(len(rows))
    kept: list[int] = []
    while len(waiting):
        block, waiting = waiting[:_BLOCK], waiting[_BLOCK:]
        like = np.abs(rows[block] @ rows[block].T) > threshold
        stays = np.ones(len(block), dtype=bool)
        for i in range(len(block)):
            if stays[i]:
                stays[i + 1 :] &= ~like[i, i + 1 :]
        kept.extend(block[stays].tolist())
        waiting = waiting[(np.abs(rows[waiting] @ rows[block[stays]].T) <= threshold).all(axis=1)]
    return np.array(kept)


def _never_empty(support: Mask, score: Floats) -> Mask:
    if support.any():
        return support
    fallback = np.zeros_like(support)
    fallback[int(np.argmax(score))] = True
    return fallback


def _fractions(n_samples: int, n_features: int) -> Floats:
    # With few patients the end of the path is saturated: slow to fit and never chosen for a reason.
    return np.geomspace(1, 0.1 if n_samples < 2 * n_features else 0.03, 25)


def _f_statistic(X: Floats, y: Ints) -> Floats:
    varying = np.ptp(X, axis=0) > 0
    F = np.zeros(X.shape[1])
    if varying.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            F[varying] = np.nan_to_num(f_classif(X[:, varying], y)[0], nan=0.0, posinf=1e12)
    return F


def _unit_columns(X: Floats) -> Floats:
    centred = X - X.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    scaled: Floats = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0)
    return scaled
