from __future__ import annotations

import pytest

from modeling.core.errors import InvalidRecipe, MissingColumns
from modeling.core.views import VIEWS, columns_of, own_views, parts_of

COLUMNS = (
    "own|glcm_contrast",
    "own|glcm_energy",
    "own|shape[1]",
    "whole_tumour|pre|x",
    "habitat|post|x",
    "transitions|delta|kept",
    "clinical|age_years",
)


def test_names_and_patterns_choose_the_columns_of_an_own_view():
    own = own_views({"texture": {"columns": ["glcm_*"]}, "mixed": {"columns": ["own|glcm_energy", "clinical|*"]}})
    assert columns_of(COLUMNS, "texture", own=own) == ("own|glcm_contrast", "own|glcm_energy")
    assert columns_of(COLUMNS, "mixed", own=own) == ("own|glcm_energy", "clinical|age_years")


def test_a_name_with_brackets_is_a_name_before_it_is_a_pattern():
    own = own_views({"one": {"columns": ["shape[1]"]}})
    assert columns_of(COLUMNS, "one", own=own) == ("own|shape[1]",)


def test_an_own_fusion_has_the_columns_of_its_parts_in_the_order_of_the_table():
    own = own_views({"energy": {"columns": ["glcm_energy"]}, "both": {"fuse": ["habitat", "energy"]}})
    assert parts_of("both", own=own) == ("habitat", "energy")
    assert columns_of(COLUMNS, "both", own=own) == ("own|glcm_energy", "habitat|post|x")


def test_an_own_column_belongs_to_no_built_in_view():
    held = {column for view in VIEWS.values() for column in COLUMNS if view.holds(column)}
    assert held == set(COLUMNS[3:])


def test_the_integrated_view_fuses_whole_tumour_and_habitat_only():
    assert columns_of(COLUMNS, "integrated") == ("whole_tumour|pre|x", "habitat|post|x")
    assert columns_of(COLUMNS, "transitions") == ("transitions|delta|kept",)


def test_a_union_needs_columns_of_each_of_its_groups():
    with pytest.raises(MissingColumns, match="early_fusion also needs columns of the group habitat"):
        columns_of(["whole_tumour|pre|x"], "early_fusion")


def test_the_diameter_baseline_needs_both_diameters():
    with pytest.raises(MissingColumns, match="Maximum3DDiameter and whole_tumour"):
        columns_of(COLUMNS, "diameter_change")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"habitat": {"columns": ["a"]}}, "already a view habitat"),
        ({"x": {"columns": []}}, "needs a list of names"),
        ({"x": {"columns": "glcm_*"}}, "needs a list of names"),
        ({"x": {}}, "needs a list of names"),
        ({"x": {"columns": ["a"], "fuse": ["habitat", "clinical"]}}, "needs a list of names"),
        ({"x": {"fuse": ["habitat"]}}, "fewer than two"),
        ({"x": {"fuse": ["habitat", "integrated"]}}, "fuses integrated"),
        ({"x": {"fuse": ["habitat", "nothing"]}}, "fuses nothing"),
        ({"x": {"fuse": ["x", "habitat"]}}, "fuses x"),
    ],
)
def test_a_view_that_cannot_be_read_is_refused(given, message):
    with pytest.raises(InvalidRecipe, match=message):
        own_views(given)
