from __future__ import annotations

import json
from dataclasses import replace

import pytest

from modeling.core.errors import InvalidRecipe
from modeling.core.recipes import BUILT_IN, STANDARD, Recipe


@pytest.mark.parametrize("recipe", BUILT_IN.values(), ids=BUILT_IN)
def test_a_recipe_survives_json(recipe):
    again = Recipe.from_dict(json.loads(json.dumps(recipe.as_dict())))
    assert again == recipe
    assert again.digest == recipe.digest


def test_any_other_value_is_another_digest():
    digests = {
        replace(STANDARD, **change).digest
        for change in ({}, {"seed": 1}, {"univariate_p": 0.1}, {"c_grid": (1.0,)}, {"version": 2})
    }
    assert len(digests) == 5


def test_it_refuses_a_setting_that_it_does_not_know():
    with pytest.raises(InvalidRecipe, match="univariate_q"):
        Recipe.from_dict({"univariate_q": 0.05})


@pytest.mark.parametrize(
    "change",
    [
        {"views": ()},
        {"views": ("liver",)},
        {"max_missing_fraction": 1.2},
        {"winsor_percentiles": (99.0, 1.0)},
        {"univariate_p": 0.0},
        {"max_abs_spearman": 0.0},
        {"lasso_rule": "2se"},
        {"threshold_rule": "best"},
        {"class_weight": "heavy"},
        {"c_grid": (0.0,)},
        {"cv_folds": 1},
        {"cv_repeats": 0},
        {"sensitivity_floor": 0.0},
        {"minimum_per_class": 2},
    ],
)
def test_it_refuses_values_without_meaning(change):
    with pytest.raises(InvalidRecipe, match="breaks a rule"):
        replace(STANDARD, **change)


def test_the_standard_chain_is_that_of_the_method_page():
    assert (STANDARD.max_missing_fraction, STANDARD.univariate_p, STANDARD.max_abs_spearman) == (0.2, 0.05, 0.9)
    assert (STANDARD.mrmr_features, STANDARD.lasso_folds, STANDARD.lasso_rule) == (20, 10, "1se")
    assert (STANDARD.patients_per_feature, STANDARD.cv_folds, STANDARD.winsor_percentiles) == (10, 5, (1.0, 99.0))
