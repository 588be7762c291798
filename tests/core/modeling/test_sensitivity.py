"""Adjusting for days, scan pairs, and the response of those who were left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from modeling.core.performance.classification import wilson
from modeling.core.performance.logistic import log_odds
from modeling.core.study import spectrum
from modeling.core.study.sensitivity import DAYS_DOSE_TO_CT, adjusted_for_days, association_beside, scan_pairs
from modeling.core.study.validation import Predictions
from modeling.core.table import FeatureTable


def predicted(n: int, *, of_days: bool, seed: int = 3) -> tuple[FeatureTable, dict[str, Predictions]]:
    """Return patients whose response hangs on the days alone or on the score alone, predicted by that score."""
    random = np.random.default_rng(seed)
    codes = pd.Index([f"C-{i:03d}" for i in range(n)], name="code")
    days = random.normal(35, 10, n)
    cause = (days - 35) / 10 if of_days else random.normal(size=n)
    y = pd.Series((random.random(n) < 1 / (1 + np.exp(-1.5 * cause))).astype(int), index=codes)
    score = cause + random.normal(scale=0.5, size=n)
    p = pd.Series(1 / (1 + np.exp(-score)), index=codes)
    facts = pd.DataFrame({"subgroup|pair_kernel": ["same", "different", "", "same"] * (n // 4)}, index=codes)
    split = pd.Series("internal_test", index=codes)
    X = pd.DataFrame({DAYS_DOSE_TO_CT: days}, index=codes)
    table = FeatureTable(X, y, pd.Series("A", index=codes), split, facts)
    return table, {"internal_test": Predictions(y, p)}


def test_coefficients_and_likelihood_ratios_are_those_of_statsmodels() -> None:
    table, found = predicted(120, of_days=False)
    y, score = found["internal_test"].outcomes, log_odds(found["internal_test"].probabilities)
    days = table.X[DAYS_DOSE_TO_CT].to_numpy()
    ours = association_beside(y, score, days)
    assert ours is not None
    fits = {
        name: sm.Logit(y, sm.add_constant(np.column_stack(columns))).fit(disp=0)
        for name, columns in {"score": [score], "days": [days], "both": [score, days]}.items()
    }
    assert ours.alone == pytest.approx(fits["score"].params[1], rel=1e-5)
    assert (ours.adjusted, ours.per_unit) == pytest.approx(tuple(fits["both"].params[1:]), rel=1e-5)
    for p, without in ((ours.p_score, "days"), (ours.p_other, "score")):
        expected = stats.chi2.sf(2 * (fits["both"].llf - fits[without].llf), 1)
        assert p == pytest.approx(expected, rel=1e-4)


def test_a_score_that_only_repeats_the_days_does_not_remain_beside_them() -> None:
    (repeats,) = adjusted_for_days(*predicted(400, of_days=True))
    (remains,) = adjusted_for_days(*predicted(400, of_days=False))
    assert repeats.alone > 0.5 > abs(repeats.adjusted)
    assert repeats.p_days < 1e-6
    assert remains.p_model < 1e-6
    assert remains.adjusted == pytest.approx(remains.alone, abs=0.1)


def test_patients_whose_days_are_not_known_are_counted_out() -> None:
    table, found = predicted(120, of_days=False)
    table.X.iloc[:30, 0] = np.nan
    (row,) = adjusted_for_days(table, found)
    assert (row.n, row.n_of_split) == (90, 120)


def test_no_p_is_given_for_predictions_of_many_models() -> None:
    table, found = predicted(120, of_days=False)
    (row,) = adjusted_for_days(table, {"nested_cv": found["internal_test"]})
    assert row.adjusted is not None
    assert (row.p_model, row.p_days) == (None, None)
    assert row.reason.startswith("Predictions come from the models of several folds")


def test_a_separated_or_small_split_says_why_it_has_no_coefficient() -> None:
    table, found = predicted(120, of_days=False)
    y = found["internal_test"].y
    perfect = {"internal_test": Predictions(y, 0.2 + 0.6 * y + 0.001 * np.arange(120) / 120)}
    (row,) = adjusted_for_days(table, perfect)
    assert (row.adjusted, row.reason) == (None, "The classes are separated perfectly, so no coefficient is finite.")
    few = y.index[:8]
    (row,) = adjusted_for_days(table, {"internal_test": Predictions(y.loc[few], found["internal_test"].p.loc[few])})
    assert "at least 10 of each are needed" in row.reason


def test_scan_pairs_show_a_model_where_scans_match_and_where_not() -> None:
    table, found = predicted(200, of_days=False)
    rows = scan_pairs(table, {**found, "nested_cv": found["internal_test"]})
    levels = {row.level: row for row in rows["internal_test"]}
    assert {level: row.n for level, row in levels.items()} == {"same": 100, "different": 50, "not known": 50}
    assert levels["same"].low is not None
    assert levels["same"].interaction_p is not None
    nested = {row.level: row for row in rows["nested_cv"]}
    assert nested["same"].auc == levels["same"].auc
    assert (nested["same"].low, nested["same"].interaction_p) == (None, None)


def test_a_table_without_the_new_facts_has_nothing_to_adjust_for(make_table) -> None:
    table = make_table(30)
    found = {"internal_test": Predictions(table.y, table.y * 0.5 + 0.2)}
    assert adjusted_for_days(table, found) == []
    assert scan_pairs(table, found) == {}


def test_the_spectrum_counts_responses_where_they_are_known() -> None:
    left_out = {spectrum.POST_NOT_EVALUABLE: [True, True, None, False], spectrum.NOT_OPERATED: [None, None]}
    rows = {row.kind: row for row in spectrum.spectrum({spectrum.MODELLED: [True, False], **left_out})}
    assert list(rows) == [spectrum.MODELLED, spectrum.POST_NOT_EVALUABLE, spectrum.NOT_OPERATED]
    gone = rows[spectrum.POST_NOT_EVALUABLE]
    assert (gone.n, gone.known, gone.events, gone.rate) == (4, 3, 2, pytest.approx(2 / 3))
    assert (gone.low, gone.high) == wilson(2, 3)
    unoperated = rows[spectrum.NOT_OPERATED]
    assert (unoperated.n, unoperated.known, unoperated.rate, unoperated.low) == (2, 0, None, None)
