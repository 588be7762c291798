"""Recipes: everything that is decided before a model is fitted, as versioned data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from modeling.core.errors import InvalidRecipe
from modeling.core.views import VIEWS, own_views

#: Classifiers that can be compared, the simplest first.
CLASSIFIERS = (
    "logistic",
    "elastic_net",
    "linear_svm",
    "knn",
    "rbf_svm",
    "random_forest",
    "extra_trees",
    "gradient_boosting",
)
THRESHOLD_RULES = ("youden", "sensitivity")
LASSO_RULES = ("1se", "min")
ICC_LIMITS = ("estimate", "lower")
CALIBRATIONS = ("none", "sigmoid")
HARMONISATIONS = ("none", "combat")

#: A setting of version 1: its fusion learned from fits of its own. It no longer decides anything.
_DISCARDED = "fusion_folds"


@dataclass(frozen=True)
class Recipe:
    """The chain from a table to models; two recipes with equal values have equal digests.

    The order of the chain is fixed: drop sparse and constant columns, harmonise the centres (if
    wanted), impute the median, winsorise, z-score, drop what was measured as not reproducible,
    Mann-Whitney, Spearman pruning, mRMR, LASSO with a cap on the number of features, and the
    simplest classifier within one standard error of the best. All of it is fitted anew inside each
    training fold.

    Parameters
    ----------
    views : tuple of str
        Built-in views and those of `own_views`.
    own_views : dict
        Name to ``{"columns": [names or patterns]}`` or ``{"fuse": [names of views]}``.
    icc_minimum : float or None
        Columns with a smaller intraclass correlation go; None keeps all.
    icc_limit : {"estimate", "lower"}
        Which number is compared: the estimate or its lower 95 % limit.
    false_discovery : bool
        Read `univariate_p` as a false discovery rate (Benjamini-Hochberg).
    classifiers : tuple of str
        Of `CLASSIFIERS`.
    calibration : {"none", "sigmoid"}
        Whether probabilities are fitted to the outcomes of inner out-of-fold patients.
    cv_folds, cv_repeats, inner_folds : int
        Outer folds, their repeats, and the folds inside each training set that choose a classifier.
    harmonise : {"none", "combat"}
        Whether differences between centres are removed.
    threshold_rule : {"youden", "sensitivity"}
    bootstraps, selection_bootstraps : int
        Resamples for intervals of measures; samples in which the selection is repeated, for its frequency and for
        intervals of single probabilities.
    temporal_fraction : float
        Share of the patients, those treated last, that the temporal split tests on.
    """

    name: str = "standard"
    version: int = 2
    views: tuple[str, ...] = ("volume_change", "clinical", "whole_tumour", "habitat", "integrated", "early_fusion")
    own_views: dict[str, dict[str, list[str]]] = field(default_factory=dict, hash=False)
    max_missing_fraction: float = 0.2
    winsor_percentiles: tuple[float, float] = (1.0, 99.0)
    icc_minimum: float | None = 0.75
    icc_limit: str = "estimate"
    univariate_p: float = 0.05
    false_discovery: bool = False
    max_abs_spearman: float = 0.9
    mrmr_features: int = 20
    lasso_folds: int = 10
    lasso_rule: str = "1se"
    patients_per_feature: int = 10
    classifiers: tuple[str, ...] = CLASSIFIERS
    c_grid: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0)
    class_weight: str | None = "balanced"
    calibration: str = "sigmoid"
    cv_folds: int = 5
    cv_repeats: int = 5
    inner_folds: int = 5
    harmonise: str = "none"
    threshold_rule: str = "youden"
    sensitivity_floor: float = 0.9
    minimum_per_class: int = 5
    bootstraps: int = 2000
    selection_bootstraps: int = 100
    temporal_fraction: float = 0.3
    seed: int = 20260101

    def __post_init__(self) -> None:
        own = own_views(self.own_views)
        # One form, however the names were given: equal recipes are equal before and after JSON.
        plain = {name: {key: list(names) for key, names in spec.items()} for name, spec in self.own_views.items()}
        object.__setattr__(self, "own_views", plain)
        checks = {
            f"views may be {', '.join([*VIEWS, *own])}": bool(self.views) and {*self.views} <= {*VIEWS, *own},
            "each view and each classifier is named once": all(
                len(set(names)) == len(names) for names in (self.views, self.classifiers)
            ),
            **self._rules_of_selection(),
            **self._rules_of_fitting(),
        }
        broken = [rule for rule, holds in checks.items() if not holds]
        if broken:
            raise InvalidRecipe(f"The recipe {self.name} breaks a rule: {'; '.join(broken)}.")

    def _rules_of_selection(self) -> dict[str, bool]:
        low, high = self.winsor_percentiles
        return {
            "max_missing_fraction lies between 0 and 1": 0 <= self.max_missing_fraction <= 1,
            "winsor_percentiles rise from 0 to 100": 0 <= low < high <= 100,
            "icc_minimum lies between 0 and 1 or is absent": self.icc_minimum is None or 0 <= self.icc_minimum <= 1,
            f"icc_limit is one of {', '.join(ICC_LIMITS)}": self.icc_limit in ICC_LIMITS,
            "univariate_p lies above 0 and at most 1": 0 < self.univariate_p <= 1,
            "false_discovery is true or false": isinstance(self.false_discovery, bool),
            "max_abs_spearman lies above 0 and at most 1": 0 < self.max_abs_spearman <= 1,
            f"lasso_rule is one of {', '.join(LASSO_RULES)}": self.lasso_rule in LASSO_RULES,
            "mrmr_features and patients_per_feature are at least 1": min(
                self.mrmr_features, self.patients_per_feature
            )
            >= 1,
            f"harmonise is one of {', '.join(HARMONISATIONS)}": self.harmonise in HARMONISATIONS,
        }

    def _rules_of_fitting(self) -> dict[str, bool]:
        return {
            f"classifiers may be {', '.join(CLASSIFIERS)}": bool(self.classifiers)
            and {*self.classifiers} <= {*CLASSIFIERS},
            f"threshold_rule is one of {', '.join(THRESHOLD_RULES)}": self.threshold_rule in THRESHOLD_RULES,
            f"calibration is one of {', '.join(CALIBRATIONS)}": self.calibration in CALIBRATIONS,
            "class_weight is balanced or absent": self.class_weight in ("balanced", None),
            "c_grid holds positive values": bool(self.c_grid) and all(c > 0 for c in self.c_grid),
            "folds are at least 2": min(self.cv_folds, self.inner_folds, self.lasso_folds) >= 2,
            "cv_repeats is at least 1": self.cv_repeats >= 1,
            "bootstraps and selection_bootstraps are not negative": min(self.bootstraps, self.selection_bootstraps)
            >= 0,
            "temporal_fraction lies above 0 and below 1": 0 < self.temporal_fraction < 1,
            "sensitivity_floor lies above 0 and at most 1": 0 < self.sensitivity_floor <= 1,
            "minimum_per_class is at least 5": self.minimum_per_class >= 5,
        }

    def as_dict(self) -> dict[str, Any]:
        """Give a JSON-ready form that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Recipe:
        """Read what `as_dict` wrote, also after JSON; an unknown key is an error, never ignored.

        The one exception is ``fusion_folds``, which recipes of version 1 have.
        """
        known = {one.name for one in fields(cls)}
        if unknown := sorted(set(data) - known - {_DISCARDED}):
            raise InvalidRecipe(f"Unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}.")
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != _DISCARDED
        }
        try:
            return cls(**values)
        except (AttributeError, TypeError, ValueError) as problem:
            raise InvalidRecipe(f"A setting of the recipe has a value of the wrong kind: {problem}.") from problem

    @property
    def digest(self) -> str:
        """Give the sha256 of all values."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


STANDARD = Recipe()

#: One repeat, three folds and two classifiers: a quick look, and what the demonstration runs.
QUICK = replace(
    STANDARD,
    name="quick",
    cv_folds=3,
    cv_repeats=1,
    inner_folds=3,
    lasso_folds=5,
    classifiers=("logistic", "random_forest"),
    bootstraps=200,
    # The fewest of which an interval can be made, and some more.
    selection_bootstraps=40,
)

#: All timepoints on their own and the unions as well, to see what each of them adds.
EVERY_VIEW = replace(STANDARD, name="every_view", views=tuple(VIEWS))

#: The reference classifier alone.
REFERENCE = replace(STANDARD, name="reference", classifiers=("logistic",))

#: Recipes that every installation has.
BUILT_IN = {recipe.name: recipe for recipe in (STANDARD, QUICK, EVERY_VIEW, REFERENCE)}
