"""Recipes: everything that is decided before a model is fitted, as versioned data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from modeling.core.errors import InvalidRecipe
from modeling.core.views import VIEWS

THRESHOLD_RULES = ("youden",)
LASSO_RULES = ("1se", "min")


@dataclass(frozen=True)
class Recipe:
    """The chain from a table to models; two recipes with equal values have equal digests.

    The order of the chain is fixed: drop sparse and constant columns, impute the median, winsorise,
    z-score, Mann-Whitney, Spearman pruning, mRMR, LASSO with a cap on the number of features, and
    an L2 logistic regression. All of it is fitted anew inside each training fold.
    """

    name: str = "standard"
    version: int = 1
    views: tuple[str, ...] = ("volume_change", "clinical", "whole_tumour", "habitat", "integrated")
    max_missing_fraction: float = 0.2
    winsor_percentiles: tuple[float, float] = (1.0, 99.0)
    univariate_p: float = 0.05
    max_abs_spearman: float = 0.9
    mrmr_features: int = 20
    lasso_folds: int = 10
    lasso_rule: str = "1se"
    patients_per_feature: int = 10
    c_grid: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0)
    class_weight: str | None = "balanced"
    cv_folds: int = 5
    cv_repeats: int = 3
    fusion_folds: int = 5
    threshold_rule: str = "youden"
    sensitivity_floor: float = 0.9
    minimum_per_class: int = 5
    seed: int = 20260101

    def __post_init__(self) -> None:
        unknown = [view for view in self.views if view not in VIEWS]
        low, high = self.winsor_percentiles
        checks = {
            f"views may be {', '.join(VIEWS)}": bool(self.views) and not unknown,
            "max_missing_fraction lies between 0 and 1": 0 <= self.max_missing_fraction <= 1,
            "winsor_percentiles rise from 0 to 100": 0 <= low < high <= 100,
            "univariate_p lies above 0 and at most 1": 0 < self.univariate_p <= 1,
            "max_abs_spearman lies above 0 and at most 1": 0 < self.max_abs_spearman <= 1,
            f"lasso_rule is one of {', '.join(LASSO_RULES)}": self.lasso_rule in LASSO_RULES,
            f"threshold_rule is one of {', '.join(THRESHOLD_RULES)}": self.threshold_rule in THRESHOLD_RULES,
            "class_weight is balanced or absent": self.class_weight in ("balanced", None),
            "c_grid holds positive values": bool(self.c_grid) and all(c > 0 for c in self.c_grid),
            "folds are at least 2": min(self.cv_folds, self.fusion_folds, self.lasso_folds) >= 2,
            "cv_repeats, mrmr_features and patients_per_feature are at least 1": min(
                self.cv_repeats, self.mrmr_features, self.patients_per_feature
            )
            >= 1,
            "sensitivity_floor lies above 0 and at most 1": 0 < self.sensitivity_floor <= 1,
            "minimum_per_class is at least 5": self.minimum_per_class >= 5,
        }
        broken = [rule for rule, holds in checks.items() if not holds]
        if broken:
            raise InvalidRecipe(f"The recipe {self.name} breaks a rule: {'; '.join(broken)}.")

    def as_dict(self) -> dict[str, Any]:
        """Give a JSON-ready form that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Recipe:
        """Read what `as_dict` wrote, also after JSON; an unknown key is an error, never ignored."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise InvalidRecipe(f"Unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}.")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)

    @property
    def digest(self) -> str:
        """Give the sha256 of all values."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


STANDARD = Recipe()

#: One repeat and three folds: a quick look, and what the demonstration runs.
QUICK = replace(STANDARD, name="quick", cv_folds=3, cv_repeats=1, fusion_folds=3, lasso_folds=5)

#: All timepoints on their own and the union as well, to see what each of them adds.
EVERY_VIEW = replace(STANDARD, name="every_view", views=tuple(VIEWS))

#: Recipes that every installation has.
BUILT_IN = {recipe.name: recipe for recipe in (STANDARD, QUICK, EVERY_VIEW)}
