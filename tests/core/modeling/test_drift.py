"""Drift of inputs: seldom a false alarm, seldom a missed one, also with thirty patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from modeling.core.drift import MINIMUM_NEW, compare

N_TRAINING, N_NEW, N_FEATURES = 276, 30, 10


def draw(random: np.random.Generator, n: int, *, features: int = N_FEATURES) -> pd.DataFrame:
    """Correlated features (0.5 between any two), of skewed and of heavy-tailed shape among them."""
    shared = random.normal(size=(n, 1))
    values = np.sqrt(0.5) * shared + np.sqrt(0.5) * random.normal(size=(n, features))
    values[:, 0] = np.exp(values[:, 0])
    values[:, 1] = values[:, 1] ** 3
    return pd.DataFrame(values, columns=[f"whole_tumour|post|feature_{j}" for j in range(features)])


def test_it_alarms_at_most_ten_times_in_a_hundred_when_nothing_has_changed() -> None:
    random = np.random.default_rng(20)
    alarms = [compare(draw(random, N_TRAINING), draw(random, N_NEW), seed=number).alarm for number in range(100)]
    assert sum(map(bool, alarms)) <= 10


def test_it_alarms_in_most_trials_when_three_features_moved_by_one_standard_deviation() -> None:
    random, alarms = np.random.default_rng(21), 0
    for number in range(40):
        new = draw(random, N_NEW)
        new.iloc[:, 2:5] += 1.0
        drift = compare(draw(random, N_TRAINING), new, seed=number, permutations=499)
        alarms += bool(drift.alarm)
    assert alarms > 0.8 * 40


def test_it_finds_a_change_of_spread_that_leaves_the_mean_where_it_was() -> None:
    random = np.random.default_rng(22)
    new = draw(random, 60)
    new.iloc[:, 4] = 3 * new.iloc[:, 4] - 2 * new.iloc[:, 4].mean()
    assert compare(draw(random, N_TRAINING), new).alarm


def test_effect_size_and_numbers_are_shown_for_each_feature_largest_difference_first() -> None:
    random = np.random.default_rng(23)
    training, new = draw(random, N_TRAINING), draw(random, N_NEW)
    name = "whole_tumour|post|feature_3"
    new[name] += 2
    new.iloc[:4, 3] = np.nan
    drift = compare(training, new)
    first = drift.features[0]
    assert first.feature == name
    assert (first.n_new, first.n_training, drift.n_new, drift.n_training) == (26, 276, 30, 276)
    expected = (new[name].mean() - training[name].mean()) / training[name].std()
    assert first.shift_sd == pytest.approx(expected)
    assert first.size_in_words == "large, higher"
    assert first.ks == pytest.approx(stats.ks_2samp(new[name].dropna(), training[name]).statistic)
    assert len(drift.features) == N_FEATURES


def test_the_same_patients_in_another_order_are_judged_alike_and_the_seed_decides_the_rest() -> None:
    random = np.random.default_rng(24)
    training, new = draw(random, 100), draw(random, 20)
    assert compare(training, new, seed=3) == compare(training, new, seed=3)
    assert compare(training[training.columns[::-1]], new, seed=3).p == pytest.approx(compare(training, new, seed=3).p)


def test_units_do_not_matter() -> None:
    random = np.random.default_rng(25)
    training, new = draw(random, 100), draw(random, 20)
    assert compare(1000 * training - 5, 1000 * new - 5).p == compare(training, new).p


def test_p_is_never_zero_and_is_a_share_of_the_labellings() -> None:
    random = np.random.default_rng(26)
    drift = compare(draw(random, 100), draw(random, 20) + 50, permutations=99)
    assert drift.p == 0.01


def test_too_few_patients_are_not_compared_and_it_says_so() -> None:
    random = np.random.default_rng(27)
    drift = compare(draw(random, 100), draw(random, MINIMUM_NEW - 1))
    assert (drift.alarm, drift.p, drift.features) == (None, None, ())
    assert drift.reason == "4 new patients so far; a comparison needs at least 5."


def test_a_feature_that_nobody_has_or_that_never_varies_is_left_out() -> None:
    random = np.random.default_rng(28)
    training, new = draw(random, 100, features=4), draw(random, 20, features=4)
    training.iloc[:, 1], new.iloc[:, 1] = 7.0, 7.0
    new.iloc[:, 2] = np.nan
    drift = compare(training, new)
    assert {f.feature[-1] for f in drift.features} == {"0", "3"}
    alone = compare(training.iloc[:, [1]], new.iloc[:, [1]])
    assert alone.alarm is None
    assert "No input varies" in alone.reason


def test_a_constant_that_became_another_constant_alarms_though_its_shift_has_no_unit() -> None:
    training = pd.DataFrame({"clinical|cycles": np.full(100, 2.0)})
    new = pd.DataFrame({"clinical|cycles": np.full(20, 3.0)})
    drift = compare(training, new)
    assert drift.alarm
    assert drift.features[0].shift_sd is None
    assert drift.features[0].size_in_words == "not defined"
