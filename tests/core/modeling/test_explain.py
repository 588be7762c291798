from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from modeling.core.errors import InvalidTable, MissingColumns
from modeling.core.explain import coefficients, contributions, intercept
from modeling.core.table import FeatureTable
from modeling.core.training import fit_models
from modeling.core.views import LOG_VOLUME_RATIO, VOLUME_POST, VOLUME_PRE

VIEWS = ("volume_change", "clinical", "whole_tumour", "habitat", "integrated")


@pytest.mark.parametrize("view", VIEWS)
def test_contributions_and_intercept_add_up_to_the_log_odds(table, models, view):
    model = models[view]
    for code in table.X.index[::7]:
        row = table.X.loc[[code]]
        total = intercept(model) + sum(part.log_odds for part in contributions(model, row, top=None))
        assert total == pytest.approx(logit(model.predict_proba(row)[0]), abs=1e-9)


@pytest.mark.parametrize("view", VIEWS)
def test_a_contribution_is_what_changes_when_the_feature_changes(table, models, view):
    model = models[view]
    row = table.X.iloc[[1]]
    largest = contributions(model, row, top=1)[0]
    column = VOLUME_POST if largest.feature == LOG_VOLUME_RATIO else largest.feature
    typical = row.copy()
    typical[column] = table.X.loc[list(model.fitted_on), column].median()
    before, after = (contributions(model, r, top=None) for r in (row, typical))
    moved = {part.feature: part.log_odds for part in before if part not in after}
    assert set(moved) == {largest.feature}


def test_the_largest_come_first_and_no_more_than_asked_for(table, models):
    parts = contributions(models["integrated"], table.X.iloc[[0]], top=2)
    assert len(parts) == 2
    assert abs(parts[0].log_odds) >= abs(parts[1].log_odds)


def test_values_are_as_measured(table, models):
    row = table.X.iloc[[4]]
    for part in contributions(models["integrated"], row, top=None):
        assert part.value == row[part.feature].iloc[0]
    ratio = contributions(models["volume_change"], row)[0]
    assert ratio.value == pytest.approx(np.log((row[VOLUME_POST].iloc[0] + 1) / (row[VOLUME_PRE].iloc[0] + 1)))


def test_a_missing_value_is_said_to_be_missing(table, models):
    row = table.X.iloc[[4]].copy()
    row["habitat|post|signal"] = np.nan
    parts = {part.feature: part for part in contributions(models["habitat"], row, top=None)}
    assert parts["habitat|post|signal"].value is None


def test_an_indicator_explains_itself_as_one_or_zero(make_table, cheap):
    table = make_table(80, shift=0.0, training=80)
    X = table.X.copy()
    gone = (table.y == 1).to_numpy() & (np.arange(80) % 2 == 0)
    X.loc[gone, "clinical|age_years"] = np.nan
    assert X["clinical|age_years"].isna().mean() <= 0.23
    X = X.iloc[:, X.columns.str.startswith("clinical")].copy()
    lean = FeatureTable(X, table.y, table.centre, table.split)
    model = fit_models(lean, replace(cheap, views=("clinical",), max_missing_fraction=0.3))["clinical"]
    name = "clinical|age_years (missing)"
    assert name in model.selected
    with_gap, without = (
        {part.feature: part for part in contributions(model, X[rows].iloc[[0]], top=None)}[name]
        for rows in (gone, ~gone)
    )
    assert (with_gap.value, without.value) == (1.0, 0.0)
    assert with_gap.log_odds > 0 > without.log_odds


def test_coefficients_list_the_selected_features(models):
    for model in models.values():
        listed = coefficients(model)
        assert sorted(one.feature for one in listed) == sorted(model.selected)
        assert all(one.log_odds_per_sd != 0 for one in listed)


def test_more_than_one_patient_is_refused(table, models):
    with pytest.raises(InvalidTable, match="exactly one patient, not 2"):
        contributions(models["clinical"], table.X.iloc[:2])


def test_a_missing_column_is_refused(table, models):
    with pytest.raises(MissingColumns):
        contributions(models["clinical"], table.X.iloc[[0]].drop(columns=["clinical|male"]))
