"""Survival: the parts against closed forms, the nested analysis against what must be true of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from modeling.core import errors
from modeling.core.recipes import QUICK, Recipe
from modeling.core.survival.chain import fit_survival, folds_of, score_test
from modeling.core.survival.concordance import harrell
from modeling.core.survival.cox import fit_cox, log_rank
from modeling.core.survival.kaplan_meier import kaplan_meier
from modeling.core.survival.study import SurvivalTable, analyse_survival

RECIPE = replace(QUICK, views=("all",), own_views={"all": {"columns": ["own|*"]}})


def drawn(n: int = 120, *, effect: float = 1.0, noise: int = 8, seed: int = 0) -> SurvivalTable:
    """Draw exponential survival whose hazard rises with one feature; two fifths are censored."""
    random = np.random.default_rng(seed)
    codes = pd.Index([f"P-{i:03d}" for i in range(n)], name="code")
    X = pd.DataFrame(random.normal(size=(n, noise)), index=codes, columns=[f"own|noise_{j}" for j in range(noise)])
    X["own|signal"] = random.normal(size=n)
    time = random.exponential(np.exp(-effect * X["own|signal"]))
    censored = random.exponential(1.5, n)
    event = pd.Series((time <= censored).astype(int), index=codes)
    centre = pd.Series(np.where(np.arange(n) % 4 == 3, "B", "A"), index=codes)
    return SurvivalTable(
        X,
        pd.Series(np.minimum(time, censored), index=codes),
        event,
        centre,
        centre.map({"A": "training", "B": "external"}),
    )


# Concordance.


def by_hand(risks: np.ndarray, time: np.ndarray, event: np.ndarray) -> float:
    """Count pairs one by one, as Harrell's definition says."""
    won = counted = 0.0
    for i, j in permutations(range(len(time)), 2):
        if event[i] and (time[i] < time[j] or (time[i] == time[j] and not event[j])):
            counted += 1
            won += 1.0 if risks[i] > risks[j] else 0.5 if risks[i] == risks[j] else 0.0
    return won / counted


@pytest.mark.parametrize("seed", range(4))
def test_concordance_counts_pairs_with_their_ties(seed: int) -> None:
    random = np.random.default_rng(seed)
    time, event, risks = (
        random.integers(1, 9, 40) * 1.0,
        random.integers(0, 2, 40) * 1.0,
        random.integers(0, 6, 40) * 1.0,
    )
    assert harrell(risks, time, event).value == pytest.approx(by_hand(risks, time, event), abs=1e-12)


def test_risks_in_the_order_of_events_are_worth_one_and_their_reverse_nothing() -> None:
    time, event = np.arange(1.0, 11), np.ones(10)
    assert harrell(-time, time, event).value == 1.0
    assert harrell(time, time, event).value == 0.0
    assert harrell(np.zeros(10), time, event).value == 0.5


def test_folds_are_compared_within_and_repeats_are_pooled() -> None:
    random = np.random.default_rng(5)
    time, event, risks = random.exponential(size=30), np.ones(30), random.normal(size=30)
    folds = np.arange(30) % 3
    shifted = risks + 100.0 * folds  # no common scale between folds
    pairs = [(by_hand(risks[folds == k], time[folds == k], event[folds == k]), 45) for k in range(3)]
    expected = sum(c * n for c, n in pairs) / sum(n for _, n in pairs)
    assert harrell(shifted, time, event, folds=folds).value == pytest.approx(expected)
    twice = harrell(np.column_stack([shifted, shifted]), time, event, folds=np.column_stack([folds, folds]))
    assert twice.value == pytest.approx(expected)


def test_without_a_comparable_pair_there_is_no_concordance() -> None:
    assert harrell(np.arange(5.0), np.arange(5.0), np.zeros(5), bootstraps=10).value is None


def test_the_interval_holds_the_value_narrows_with_patients_and_repeats_itself() -> None:
    widths = []
    for n in (60, 600):
        table = drawn(n)
        risks, time, event = table.X["own|signal"].to_numpy(), table.time.to_numpy(), table.event.to_numpy(float)
        found = harrell(risks, time, event, bootstraps=300, seed=1)
        assert found.low < found.value < found.high
        assert found == harrell(risks, time, event, bootstraps=300, seed=1)
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


# Cox, log-rank, Kaplan-Meier.


def test_the_score_test_of_two_groups_is_the_log_rank_test() -> None:
    random = np.random.default_rng(6)
    time, event, high = random.exponential(size=50), random.integers(0, 2, 50) * 1.0, random.random(50) < 0.4
    from scipy import stats

    p = stats.chi2.sf(score_test(high[:, None] * 1.0, time, event), 1)[0]
    assert p == pytest.approx(log_rank(time, event, high), rel=1e-9)


def test_a_cox_regression_finds_the_planted_hazard() -> None:
    table = drawn(3000, effect=0.7, noise=1, seed=7)
    fitted = fit_cox(table.X[["own|signal"]].to_numpy(), table.time.to_numpy(), table.event.to_numpy(float))
    assert fitted.low[0] < 0.7 < fitted.high[0]
    assert fitted.high[0] - fitted.low[0] < 0.15
    shrunk = fit_cox(
        table.X[["own|signal"]].to_numpy(), table.time.to_numpy(), table.event.to_numpy(float), penalizer=1
    )
    assert 0 < shrunk.coefficients[0] < fitted.coefficients[0]


def test_kaplan_meier_is_the_product_of_what_survives() -> None:
    # Deaths at 1 and 3 among 5 and 3 at risk: 4/5, then 4/5 * 2/3.
    curve = kaplan_meier(np.array([1.0, 2, 3, 4, 5]), np.array([1.0, 0, 1, 0, 0]))
    survival = {point["time"]: point["survival"] for point in curve}
    assert survival[0] == 1.0
    assert survival[1] == pytest.approx(4 / 5)
    assert survival[5] == pytest.approx(8 / 15)
    assert [point["at_risk"] for point in curve] == [5, 5, 4, 3, 2, 1]


# The chain.


def fitted_on(table: SurvivalTable, recipe: Recipe = RECIPE):
    return fit_survival(table.X, table.time.to_numpy(), table.event.to_numpy(float), recipe, name="all")


def test_the_chain_keeps_the_signal_and_no_more_features_than_events_allow() -> None:
    table = drawn(200)
    model = fitted_on(table)
    assert "own|signal" in model.columns
    assert len(model.columns) <= int(table.event.sum()) // RECIPE.patients_per_feature
    assert model.coefficients[model.columns.index("own|signal")] > 0


def test_of_two_columns_that_correlate_one_is_kept() -> None:
    table = drawn(200)
    X = table.X.assign(**{"own|copy": table.X["own|signal"] * 3 + 1e-6})
    model = fitted_on(replace(table, X=X))
    assert len({"own|signal", "own|copy"} & set(model.columns)) == 1


def test_a_missing_value_is_filled_and_a_column_that_is_mostly_absent_goes() -> None:
    table = drawn(200)
    X = table.X.copy()
    X.loc[X.index[:20], "own|signal"] = np.nan
    X["own|rare"] = np.where(np.arange(200) % 3, np.nan, -table.time)
    model = fitted_on(replace(table, X=X))
    assert "own|signal" in model.columns
    assert "own|rare" not in model.columns
    assert np.isfinite(model.risk(X)).all()


def test_a_column_that_cannot_be_used_leaves_nothing_to_fit() -> None:
    table = drawn(60)
    with pytest.raises(errors.MissingColumns):
        fitted_on(replace(table, X=pd.DataFrame({"own|flat": 1.0}, index=table.X.index)))


def test_folds_share_out_the_events_and_are_fewer_where_these_are_few() -> None:
    event = np.array([1.0] * 10 + [0.0] * 30)
    assert [int(event[test].sum()) for _, test in folds_of(event, wanted=5, seed=0)] == [2] * 5
    assert len(folds_of(np.array([1.0] * 3 + [0.0] * 30), wanted=5, seed=0)) == 3
    assert len(folds_of(np.ones(30), wanted=5, seed=0)) == 5


# The study.


@pytest.fixture(scope="module")
def study():
    return analyse_survival(drawn(), RECIPE)


def test_a_planted_signal_is_found_within_and_outside(study) -> None:
    nested, external, centre = study.evaluations["all"]
    assert (nested.split, external.split, external.centre, centre.centre) == ("nested_cv", "external", None, "B")
    assert nested.c_low > 0.5
    assert external.c_index == centre.c_index
    assert nested.hazard_ratio > 1
    assert nested.log_rank_p < 0.05
    assert {point["group"] for point in nested.kaplan_meier} == {"low risk", "high risk"}
    assert study.warnings == ()


def test_everybody_is_predicted_once(study) -> None:
    assert sorted(study.predictions["code"]) == sorted(drawn().X.index)
    assert study.predictions["risk"].notna().all()


def test_noise_is_no_better_than_chance_and_it_is_said() -> None:
    found = analyse_survival(drawn(effect=0.0, seed=3), RECIPE)
    (row, *_) = found.evaluations["all"]
    assert row.c_low < 0.5
    assert "no sign that any model does better than chance" in found.warnings[0]


def test_the_order_of_rows_changes_nothing(study) -> None:
    table = drawn()
    order = table.X.index[::-1]
    turned = SurvivalTable(
        *(part.loc[order] for part in (table.X, table.time, table.event, table.centre, table.split))
    )
    assert analyse_survival(turned, RECIPE).evaluations == study.evaluations


def test_outcomes_of_external_patients_change_no_model(study) -> None:
    table = drawn()
    event = table.event.where(table.split == "training", 1 - table.event)
    other = analyse_survival(replace(table, event=event), RECIPE)
    assert other.models["all"].as_dict() == study.models["all"].as_dict()
    assert other.evaluations["all"][0] == study.evaluations["all"][0]


def test_too_few_events_are_refused() -> None:
    with pytest.raises(errors.TooFewPatients, match="events"):
        analyse_survival(drawn(24), RECIPE)


def test_a_fusion_of_survival_models_is_refused_by_name() -> None:
    views = {"a": {"columns": ["own|signal"]}, "b": {"columns": ["own|noise_*"]}, "ab": {"fuse": ["a", "b"]}}
    with pytest.raises(errors.InvalidViews, match="ab"):
        analyse_survival(drawn(), replace(RECIPE, views=tuple(views), own_views=views))
