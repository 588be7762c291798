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
        for change in ({}, {"seed": 1}, {"univariate_p": 0.1}, {"c_grid": (1.0,)}, {"version": 3})
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
        {"views": ("clinical", "clinical")},
        {"classifiers": ()},
        {"classifiers": ("logistic", "oracle")},
        {"classifiers": ("logistic", "logistic")},
        {"icc_minimum": 1.5},
        {"icc_limit": "upper"},
        {"false_discovery": 1},
        {"calibration": "isotonic"},
        {"harmonise": "zscore"},
        {"inner_folds": 1},
        {"bootstraps": -1},
        {"temporal_fraction": 1.0},
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


@pytest.mark.parametrize(
    "own",
    [
        {"mine": {}},
        {"mine": {"columns": []}},
        {"mine": {"fuse": ["clinical"]}},
        {"mine": {"fuse": ["clinical", "liver"]}},
        {"mine": {"columns": ["a"], "fuse": ["clinical", "habitat"]}},
        {"clinical": {"columns": ["a"]}},
    ],
)
def test_it_refuses_own_views_without_meaning(own):
    with pytest.raises(InvalidRecipe, match="view"):
        replace(STANDARD, own_views=own)


def test_its_own_views_may_be_used_like_the_built_in_ones():
    own = {"texture": {"columns": ("glcm_*",)}, "both": {"fuse": ("texture", "clinical")}}
    recipe = replace(STANDARD, own_views=own, views=("texture", "both"))
    again = Recipe.from_dict(json.loads(json.dumps(recipe.as_dict())))
    assert again == recipe
    assert again.digest == recipe.digest
    assert recipe.own_views["texture"] == {"columns": ["glcm_*"]}


@pytest.mark.parametrize("data", [{"cv_folds": "five"}, {"winsor_percentiles": 5}, {"own_views": ["a"]}])
def test_a_value_of_the_wrong_kind_is_an_invalid_recipe(data):
    with pytest.raises(InvalidRecipe):
        Recipe.from_dict(data)


def test_a_recipe_of_version_1_is_read_without_what_no_longer_decides():
    old = Recipe.from_dict({"version": 1, "name": "old", "fusion_folds": 3})
    assert old == replace(STANDARD, name="old", version=1)


def test_the_quick_recipe_is_quick_and_the_reference_has_one_classifier():
    quick, reference = BUILT_IN["quick"], BUILT_IN["reference"]
    assert (quick.cv_folds, quick.cv_repeats, quick.inner_folds) == (3, 1, 3)
    assert quick.classifiers == ("logistic", "random_forest")
    assert reference.classifiers == ("logistic",)
    assert len(STANDARD.classifiers) == 8


def test_the_standard_chain_is_that_of_the_method_page():
    assert (STANDARD.max_missing_fraction, STANDARD.univariate_p, STANDARD.max_abs_spearman) == (0.2, 0.05, 0.9)
    assert (STANDARD.mrmr_features, STANDARD.lasso_folds, STANDARD.lasso_rule) == (20, 10, "1se")
    assert (STANDARD.patients_per_feature, STANDARD.winsor_percentiles, STANDARD.icc_minimum) == (
        10,
        (1.0, 99.0),
        0.75,
    )
    assert (STANDARD.cv_folds, STANDARD.cv_repeats, STANDARD.inner_folds, STANDARD.bootstraps) == (5, 5, 5, 2000)
