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
from modeling.core.survival.coefficients import hazard_ratios
from modeling.core.survival.concordance import harrell
from modeling.core.survival.cox import fit_cox, is_monotone, log_rank
from modeling.core.survival.kaplan_meier import kaplan_meier, median_survival, numbers_at_risk, times_shown
from modeling.core.survival.measures import evaluate_risks
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


# The maximum of the likelihood, and likelihoods without one.


def slowly(b: float, x: np.ndarray, time: np.ndarray, event: np.ndarray) -> float:
    """Compute the partial log-likelihood of one feature, event by event as Efron writes it."""
    total = 0.0
    for moment in np.unique(time[event == 1]):
        tied = (time == moment) & (event == 1)
        shares = np.arange(tied.sum()) / tied.sum()
        at_risk, of_tied = np.exp(b * x[time >= moment]).sum(), np.exp(b * x[tied]).sum()
        total += b * x[tied].sum() - np.log(at_risk - shares * of_tied).sum()
    return total


def has_no_maximum(X: np.ndarray, time: np.ndarray, event: np.ndarray) -> bool:
    """Decide by all pairs of an event and a patient at risk whether some direction never falls behind."""
    from scipy.optimize import linprog

    pairs = np.array([X[i] - X[j] for i in np.flatnonzero(event) for j in np.flatnonzero(time >= time[i])])
    found = linprog(-pairs.sum(axis=0), A_ub=-pairs, b_ub=np.zeros(len(pairs)), bounds=[(-1, 1)] * X.shape[1])
    return bool(-found.fun > 1e-6)


def test_the_coefficient_of_three_patients_is_that_of_the_closed_form() -> None:
    # Events of x = 1 and x = 0 among (1, 0, 1) and (0, 1): 2 e^2b = 1.
    fitted = fit_cox(np.array([[1.0], [0], [1]]), np.array([1.0, 2, 3]), np.array([1.0, 1, 0]))
    assert fitted.coefficients[0] == pytest.approx(-np.log(2) / 2, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_no_other_coefficient_has_a_higher_likelihood_with_ties(seed: int) -> None:
    random = np.random.default_rng(seed)
    x, time = random.normal(size=40) * 10.0 ** (seed - 4), random.integers(1, 12, 40) * 1.0
    event = random.integers(0, 2, 40) * 1.0
    found = float(fit_cox(x[:, None], time, event).coefficients[0])
    step = 1e-3 / x.std()
    below, at, above = (slowly(found + shift, x, time, event) for shift in (-step, 0.0, step))
    peak = step * (below - above) / (2 * (below - 2 * at + above))  # of the parabola through the three
    assert abs(peak) * x.std() < 1e-6


def test_a_likelihood_without_a_maximum_is_told_from_all_pairs_on_any_small_input() -> None:
    random, refused = np.random.default_rng(3), 0
    for turn in range(150):
        n, p = int(random.integers(5, 14)), int(random.integers(1, 4))
        X = random.integers(0, 3, (n, p)) * 1.0 if turn % 2 else random.normal(size=(n, p))
        time, event = random.integers(1, 10, n) * 1.0, (random.random(n) < 0.4) * 1.0
        if not event.any():
            continue
        assert is_monotone(X, time, event) == has_no_maximum(X, time, event)
        refused += is_monotone(X, time, event)
    assert 20 < refused < 130


@pytest.mark.parametrize("factor", [1.0, -1.0, 1e-6, 1e6])
def test_a_separated_group_has_no_hazard_ratio_but_its_reason_and_keeps_the_log_rank_test(factor: float) -> None:
    time, event = np.arange(1.0, 21), np.array([1.0] * 8 + [0] * 2 + [1.0, 1] + [0] * 8)
    high = np.arange(20) < 10  # nobody of them is left when the others have their events
    with pytest.raises(errors.NotEstimable, match="separation"):
        fit_cox(high[:, None] * factor, time, event)
    row = evaluate_risks("external", None, high * 1.0, high, time, event, RECIPE)
    assert (row.hazard_ratio, row.hazard_ratio_low, row.hazard_ratio_high) == (None, None, None)
    assert "separation" in row.undefined["hazard_ratio"]
    assert row.log_rank_p < 0.05


def test_a_combination_that_separates_is_found_where_no_single_feature_does() -> None:
    random = np.random.default_rng(4)
    noise = random.normal(size=30)
    order = np.arange(30.0)
    X = np.column_stack([noise * 5 - order / 5, noise * 5])
    time, event = order + 1, np.ones(30)
    assert not any(is_monotone(X[:, [place]], time, event) for place in (0, 1))
    assert is_monotone(X, time, event)
    assert np.isfinite(fit_cox(X, time, event, penalizer=0.1).coefficients).all()


def test_features_that_follow_from_each_other_or_never_differ_are_refused_in_words() -> None:
    table = drawn(60)
    x, time, event = table.X["own|signal"].to_numpy(), table.time.to_numpy(), table.event.to_numpy(float)
    for X in (np.column_stack([x, 2 * x]), np.ones((60, 1))):
        with pytest.raises(errors.NotEstimable, match="among patients at risk"):
            fit_cox(X, time, event)
    with pytest.raises(errors.NotEstimable, match="no event"):
        fit_cox(x[:, None], time, np.zeros(60))


def test_the_models_coefficients_are_hazard_ratios_per_deviation_and_per_unit(study) -> None:
    row = next(one for one in study.coefficients["all"] if one["feature"] == "own|signal")
    assert row["hazard_ratio_per_sd"] == pytest.approx(np.exp(row["log_hazard_per_sd"]))
    assert row["hazard_ratio_per_unit"] ** row["standard_deviation"] == pytest.approx(row["hazard_ratio_per_sd"])
    assert 1 < row["hazard_ratio_per_sd_low"] < row["hazard_ratio_per_sd"] < row["hazard_ratio_per_sd_high"]


def test_a_model_that_only_the_penalty_holds_has_no_hazard_ratios_but_their_reason() -> None:
    table = drawn(60)
    codes = table.X.index
    orders = pd.DataFrame({"own|order": -np.arange(60.0)}, index=codes)
    time, event = np.arange(1.0, 61), np.ones(60)
    model = fit_survival(orders, time, event, RECIPE, name="all")
    (row,) = hazard_ratios(replace(model, lower=np.array([-1e9]), upper=np.array([1e9])), orders, time, event)
    assert row["hazard_ratio_per_sd"] is None
    assert "separation" in row["reason"]
    assert np.isfinite(row["log_hazard_per_sd"])


# The median and the numbers at risk.

#: Freireich et al., Blood 1963;21:699: weeks of remission under 6-mercaptopurine and placebo.
TREATED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def test_the_medians_of_the_leukaemia_trial_are_the_published_ones() -> None:
    # Medians 23 and 8 weeks; survfit(conf.type = "log-log") has 13 to NA and 4 to 11.
    time = np.array(TREATED, float)
    event = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], float)
    found = median_survival(kaplan_meier(time, event))
    assert (found.value, found.low, found.high) == (23, 13, None)
    placebo = median_survival(kaplan_meier(np.array(PLACEBO, float), np.ones(21)))
    assert (placebo.value, placebo.low, placebo.high) == (8, 4, 11)


def test_a_curve_that_runs_at_a_half_has_its_median_in_the_middle_and_one_above_has_none() -> None:
    assert median_survival(kaplan_meier(np.array([1.0, 2, 5, 6]), np.ones(4))).value == 3.5
    assert median_survival(kaplan_meier(np.array([1.0, 2, 5, 6]), np.array([1.0, 0, 0, 0]))).value is None


@pytest.mark.parametrize("longest", [0.0, 0.03, 1.0, 37.0, 100.0, 4123.0])
def test_times_are_round_and_at_risk_are_those_still_under_observation(longest: float) -> None:
    time = np.linspace(0, longest, 11)
    times = times_shown(time)
    assert times[0] == 0
    assert times[-1] <= longest
    assert len(times) <= 7
    counted = numbers_at_risk(time, times)
    assert counted == [sum(one >= moment for one in time) for moment in times]
    assert counted == sorted(counted, reverse=True)


def test_a_row_copied_into_another_centre_refuses_the_table():
    table = drawn(noise=12)
    X = table.X.copy()
    X.loc["P-003"] = X.loc["P-000"].to_numpy()
    with pytest.raises(errors.SamePatientTwice, match=r"P-000 \(training\) and P-003 \(external\)"):
        analyse_survival(replace(table, X=X), RECIPE)
