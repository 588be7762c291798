"""From a recipe to unfitted estimators: the model of a single view, and the fusion of two or more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from modeling.core.estimators.chain import FeatureChain
from modeling.core.estimators.classifiers import BinaryClassifier, both_classes, make, rising_sigmoid
from modeling.core.estimators.harmonise import Harmoniser
from modeling.core.estimators.penalised import feasible_folds
from modeling.core.estimators.preprocessing import LogRatio, MedianImputer, Winsorizer
from modeling.core.estimators.rank_statistics import column_aucs
from modeling.core.estimators.selection import (
    ConstantFilter,
    CorrelationPruner,
    LassoSelector,
    MannWhitneyFilter,
    MissingFilter,
    MRMRSelector,
    StabilityFilter,
)
from modeling.core.recipes import CLASSIFIERS, Recipe
from modeling.core.views import CHANGES, LOG_DIAMETER_RATIO, LOG_VOLUME_RATIO, columns_of, own_views, parts_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Splits = list[tuple[Ints, Ints]]


class _Model(BinaryClassifier):
    """What the model of a view and a fusion have in common."""

    folds: int
    seed: int

    def _given(self, X: ArrayLike, y: ArrayLike) -> tuple[Floats, Ints]:
        values, target = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        return values, self._coded(target)

    def _fresh(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        values: Floats = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return values

    def _splits(self, coded: Ints) -> Splits:
        folds = feasible_folds(coded, wanted=self.folds)
        self.notes_: list[str] = []
        if folds < 2:
            self.notes_.append(
                "The smaller class has a single training patient: no inner fold is possible, and predictions for "
                "the training patients themselves stand in for predictions of unseen patients."
            )
            everyone = np.arange(len(coded))
            return [(everyone, everyone)]
        if folds < self.folds:
            self.notes_.append(
                f"There are {folds} instead of {self.folds} inner folds, because the smaller class has {folds} "
                f"training patients."
            )
        return list(StratifiedKFold(folds, shuffle=True, random_state=self.seed).split(coded, coded))

    def decision_function(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        raise NotImplementedError

    def predict_proba(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give the probabilities of both classes, shape (n_samples, 2)."""
        return both_classes(self.decision_function(X, centre=centre))

    def predict(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> NDArray[Any]:
        """Give the more probable class."""
        second = self.decision_function(X, centre=centre) > 0
        labels: NDArray[Any] = self.classes_[second.astype(int)]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class ViewModel(_Model):
    """The feature chain of a view and the simplest classifier that does about as well as the best.

    Inner stratified folds refit the whole chain once per fold and every classifier on it. The
    simplest classifier whose mean held-out AUC (of patients within one fold) is not more than one
    standard error below the best one's is refitted, with the chain, on all patients.

    Parameters
    ----------
    chain : FeatureChain
        Unfitted.
    classifiers : sequence of str, default=("logistic",)
        Names of `modeling.core.recipes.CLASSIFIERS`.
    c_grid : sequence of float
    folds : int, default=5
        Inner folds; fewer if the smaller class has fewer patients.
    class_weight : {"balanced", None}, default="balanced"
    calibration : {"none", "sigmoid"}, default="none"
        A sigmoid learned on the inner out-of-fold log-odds, with the frequencies as they are: it
        also undoes the balancing of the classes.
    seed : int, default=0

    Attributes
    ----------
    chain_ : FeatureChain
    classifier_ : BinaryClassifier
    classifier_name_ : str
    comparison_ : dict
        Name to ``{"auc", "se", "chosen", "eligible"}``; without inner folds `se` is None.
    oof_log_odds_ : array of shape (n_samples,)
        Of the chosen classifier, for each training patient by a chain and a classifier that had
        not seen the patient; calibrated like the predictions.
    training_scores_ : array of shape (n_samples, n_selected)
    slope_, intercept_ : float
        Of the calibration; 1 and 0 without.
    notes_ : list of str
        What the folds asked for and the number of patients did not allow.
    """

    def __init__(
        self,
        chain: FeatureChain,
        *,
        classifiers: Sequence[str] = ("logistic",),
        c_grid: Sequence[float] = (0.01, 0.1, 1.0, 10.0),
        folds: int = 5,
        class_weight: str | None = "balanced",
        calibration: str = "none",
        seed: int = 0,
    ) -> None:
        self.chain = chain
        self.classifiers = classifiers
        self.c_grid = c_grid
        self.folds = folds
        self.class_weight = class_weight
        self.calibration = calibration
        self.seed = seed

    def fit(
        self, X: ArrayLike, y: ArrayLike, *, centre: ArrayLike | None = None, icc: ArrayLike | None = None
    ) -> Self:
        """Choose a classifier and fit it.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            NaN where a value is missing.
        y : array of shape (n_samples,)
        centre : array of str of shape (n_samples,), optional
            Needed if the chain harmonises.
        icc : array of shape (n_features,), optional
            Intraclass correlations; NaN where unknown.
        """
        values, coded = self._given(X, y)
        centres = self._centres(centre)
        splits = self._splits(coded)
        unseen = np.empty((len(coded), len(self.classifiers)))
        for train, test in splits:
            chain = clone(self.chain)
            known = chain.fit_transform(values[train], coded[train], centre=_at(centres, train), icc=icc)
            new = chain.transform(values[test], centre=_at(centres, test))
            for c, name in enumerate(self.classifiers):
                unseen[test, c] = self._make(name).fit(known, coded[train]).decision_function(new)
        self.comparison_ = _compared(self.classifiers, unseen, coded, splits)
        self.classifier_name_ = next(name for name, row in self.comparison_.items() if row["chosen"])
        self.chain_: FeatureChain = clone(self.chain)
        self.training_scores_ = self.chain_.fit_transform(values, coded, centre=centres, icc=icc)
        self.classifier_ = self._make(self.classifier_name_).fit(self.training_scores_, coded)
        self._calibrate(unseen[:, list(self.classifiers).index(self.classifier_name_)], coded)
        return self

    def decision_function(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        scores = self.scores(X, centre=centre)
        log_odds: Floats = self.classifier_.decision_function(scores)
        return self.slope_ * log_odds + self.intercept_

    def scores(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give what the classifier sees: z-scores of shape (n_samples, n_selected)."""
        values = self._fresh(X)
        return self.chain_.transform(values, centre=self._centres(centre))

    def selected_names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Name the columns of `scores`, given the names of the columns of X."""
        return self.chain_.names(columns)

    def _make(self, name: str) -> BinaryClassifier:
        return make(name, class_weight=self.class_weight, c_grid=self.c_grid, folds=self.folds, seed=self.seed)

    def _centres(self, centre: ArrayLike | None) -> NDArray[Any] | None:
        return np.asarray(centre, dtype=str) if self.chain.harmonises and centre is not None else None

    def _calibrate(self, unseen: Floats, coded: Ints) -> None:
        self.slope_, self.intercept_ = 1.0, 0.0
        if self.calibration == "sigmoid":
            self.slope_, self.intercept_ = rising_sigmoid(unseen, coded, balanced=False)
        self.oof_log_odds_ = self.slope_ * unseen + self.intercept_


class LateFusion(_Model):
    """Logistic regression on the log-odds that two or more models give out of fold.

    The fusion learns from the inner out-of-fold log-odds of its bases, which each base has for
    patients that it had not seen; nothing is fitted a second time for it.

    Parameters
    ----------
    bases : sequence of (name, ViewModel, columns)
        Columns are an array of positions in X.
    folds : int, default=5
        Folds for the fusion's own out-of-fold log-odds.
    class_weight : {"balanced", None}, default="balanced"
    seed : int, default=0

    Attributes
    ----------
    bases_ : list of fitted ViewModel, in the order of `bases`
    fusion_ : LogisticRegression
    classifier_ : LogisticRegression
        The same.
    classifier_name_, comparison_, oof_log_odds_, training_scores_, notes_
        As of a `ViewModel`; the fusion itself is always logistic.
    """

    def __init__(
        self,
        bases: Sequence[tuple[str, Any, NDArray[np.int64]]],
        *,
        folds: int = 5,
        class_weight: str | None = "balanced",
        seed: int = 0,
    ) -> None:
        self.bases = bases
        self.folds = folds
        self.class_weight = class_weight
        self.seed = seed

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        centre: ArrayLike | None = None,
        icc: ArrayLike | None = None,
        fitted: Mapping[str, ViewModel] | None = None,
    ) -> Self:
        """Fit the bases and their fusion.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        centre : array of str of shape (n_samples,), optional
        icc : array of shape (n_features,), optional
        fitted : mapping of str to ViewModel, optional
            Bases by name that have already been fitted on these very patients and columns; they
            are taken as they are.
        """
        values, coded = self._given(X, y)
        known = None if icc is None else np.asarray(icc, dtype=np.float64)
        self.bases_ = [
            (fitted or {}).get(name)
            or clone(base).fit(values[:, places], coded, centre=centre, icc=None if known is None else known[places])
            for name, base, places in self.bases
        ]
        unseen = np.column_stack([base.oof_log_odds_ for base in self.bases_])
        splits = self._splits(coded)
        self.oof_log_odds_ = np.empty(len(coded))
        for train, test in splits:
            self.oof_log_odds_[test] = self._blank().fit(unseen[train], coded[train]).decision_function(unseen[test])
        self.fusion_ = self.classifier_ = self._blank().fit(unseen, coded)
        self.comparison_ = _compared(("logistic",), self.oof_log_odds_[:, None], coded, splits)
        self.classifier_name_ = "logistic"
        self.training_scores_ = np.hstack([base.training_scores_ for base in self.bases_])
        self.notes_ = list(dict.fromkeys(note for base in self.bases_ for note in [*base.notes_, *self.notes_]))
        return self

    def decision_function(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give the log-odds of the second class, shape (n_samples,)."""
        parts = [base.decision_function(own, centre=centre) for base, own in self._parts(X)]
        log_odds: Floats = self.fusion_.decision_function(np.column_stack(parts))
        return log_odds

    def scores(self, X: ArrayLike, *, centre: ArrayLike | None = None) -> Floats:
        """Give what the bases' classifiers see, side by side, shape (n_samples, n_selected)."""
        return np.hstack([base.scores(own, centre=centre) for base, own in self._parts(X)])

    def selected_names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Name the columns of `scores`, those of one base after another."""
        return tuple(
            name
            for base, (_, _, places) in zip(self.bases_, self.bases, strict=True)
            for name in base.selected_names([columns[place] for place in places])
        )

    def _blank(self) -> LogisticRegression:
        return LogisticRegression(class_weight=self.class_weight, tol=1e-8, max_iter=10_000)

    def _parts(self, X: ArrayLike) -> list[tuple[ViewModel, Floats]]:
        values = self._fresh(X)
        return [(base, values[:, places]) for base, (_, _, places) in zip(self.bases_, self.bases, strict=True)]


def build(view: str, recipe: Recipe, *, columns: Sequence[str]) -> ViewModel | LateFusion:
    """Give the unfitted estimator of a view.

    Parameters
    ----------
    view : str
        A built-in view or one of the recipe's own.
    recipe : Recipe
    columns : sequence of str
        The names of the columns that the estimator will see, in order.

    Returns
    -------
    ViewModel or LateFusion
        A baseline (`modeling.core.views.CHANGES`) is one number and a logistic regression, whatever
        classifiers the recipe compares, and is never harmonised.

    Raises
    ------
    MissingColumns
        If the view is not known, or a fusion's part has no column.
    """
    own = own_views(recipe.own_views)
    parts = parts_of(view, own=own)
    if parts:
        place = {column: position for position, column in enumerate(columns)}
        bases = []
        for part in parts:
            seen = columns_of(columns, part, own=own)
            bases.append((part, build(part, recipe, columns=seen), np.array([place[column] for column in seen])))
        # Bases that are calibrated speak of the frequencies as they are; a fusion that balances would undo it.
        weight = recipe.class_weight if recipe.calibration == "none" else None
        return LateFusion(bases, folds=recipe.inner_folds, class_weight=weight, seed=recipe.seed)
    if view in CHANGES:
        chain = FeatureChain([_ratio(view), *_scaling(recipe, indicator=False)])
        return _model(recipe, chain, classifiers=("logistic",))
    steps = [*_cleaning(recipe), *_harmonising(recipe), *_scaling(recipe, indicator=True), *_selecting(recipe)]
    # Age and sex differ between centres because the patients do.
    measured = np.array([not column.startswith("clinical|") for column in columns])
    return _model(recipe, FeatureChain(steps, harmonised=measured), classifiers=recipe.classifiers)


def _model(recipe: Recipe, chain: FeatureChain, *, classifiers: tuple[str, ...]) -> ViewModel:
    return ViewModel(
        chain,
        classifiers=classifiers,
        c_grid=recipe.c_grid,
        folds=recipe.inner_folds,
        class_weight=recipe.class_weight,
        calibration=recipe.calibration,
        seed=recipe.seed,
    )


def _ratio(view: str) -> tuple[str, Any]:
    return ("ratio", LogRatio(name=LOG_VOLUME_RATIO if view == "volume_change" else LOG_DIAMETER_RATIO))


def _cleaning(recipe: Recipe) -> list[tuple[str, Any]]:
    return [("missing", MissingFilter(max_fraction=recipe.max_missing_fraction)), ("constant", ConstantFilter())]


def _harmonising(recipe: Recipe) -> list[tuple[str, Any]]:
    return [("harmonise", Harmoniser())] if recipe.harmonise == "combat" else []


def _scaling(recipe: Recipe, *, indicator: bool) -> list[tuple[str, Any]]:
    low, high = recipe.winsor_percentiles
    return [
        ("impute", MedianImputer(indicator=indicator)),
        ("winsorise", Winsorizer(low=low, high=high)),
        ("scale", StandardScaler()),
    ]


def _selecting(recipe: Recipe) -> list[tuple[str, Any]]:
    return [
        ("stability", StabilityFilter(minimum=recipe.icc_minimum)),
        ("univariate", MannWhitneyFilter(alpha=recipe.univariate_p, false_discovery=recipe.false_discovery)),
        ("redundancy", CorrelationPruner(threshold=recipe.max_abs_spearman)),
        ("mrmr", MRMRSelector(n_features=recipe.mrmr_features)),
        (
            "lasso",
            LassoSelector(
                folds=recipe.lasso_folds,
                rule=recipe.lasso_rule,
                patients_per_feature=recipe.patients_per_feature,
                balanced=recipe.class_weight == "balanced",
                seed=recipe.seed,
            ),
        ),
    ]


def _at(centres: NDArray[Any] | None, rows: Ints) -> NDArray[Any] | None:
    return None if centres is None else centres[rows]


def _compared(names: Sequence[str], unseen: Floats, coded: Ints, splits: Splits) -> dict[str, dict[str, Any]]:
    areas = np.array([column_aucs(unseen[test], coded[test]) for _, test in splits])
    mean = areas.mean(axis=0)
    error = areas.std(axis=0, ddof=1) / np.sqrt(len(splits)) if len(splits) > 1 else None
    order = sorted(range(len(names)), key=lambda c: CLASSIFIERS.index(names[c]))
    best = order[int(np.argmax(mean[order]))]
    # Without held-out patients the areas compare memories: the simplest classifier it is.
    eligible = mean >= mean[best] - error[best] if error is not None else np.arange(len(names)) == order[0]
    chosen = next(c for c in order if eligible[c])
    return {
        names[c]: {
            "auc": float(mean[c]),
            "se": None if error is None else float(error[c]),
            "chosen": c == chosen,
            "eligible": bool(eligible[c]),
        }
        for c in order
    }
