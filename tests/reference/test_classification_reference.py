"""Thresholds, proportions and two-by-two tables against published numbers and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from modeling.core.performance.classification import (
    Confusion,
    confusion,
    count_calls,
    rates,
    sensitive_threshold,
    wilson,
    youden_threshold,
)
from tests.reference.scores import samples


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe, Statistics in Medicine 1998;17:857-872, table I, method 3 (score without continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_intervals(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(n=st.integers(1, 400), share=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_wilson_is_scipys_and_lies_between_zero_and_one(n, share):
    successes = round(share * n)
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    low, high = wilson(successes, n)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= successes / n <= high <= 1


def test_wilson_of_nobody_is_undefined():
    assert wilson(0, 0) is None


def test_youdens_threshold_is_the_best_of_all_cuts():
    for seed in range(6):
        y, p, _ = samples(seed, ties=bool(seed % 2))

        def gain(cut, y=y, p=p):
            return np.mean(p[y == 1] >= cut) + np.mean(p[y == 0] < cut)

        best = max(gain(cut) for cut in [*np.unique(p), 2.0])
        assert gain(youden_threshold(y, p)) == pytest.approx(best)


def test_youdens_threshold_lies_halfway_and_prefers_to_find_responders():
    y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.5, 0.9])
    assert youden_threshold(y, p) == pytest.approx(0.4)
    # Cuts between 0.1 and 0.2 and between 0.3 and 0.4 gain the same; the lower one misses nobody.
    y, p = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4])
    assert youden_threshold(y, p) == pytest.approx(0.15)


def test_the_sensitive_threshold_is_the_highest_that_finds_enough():
    y = np.array([1] * 10 + [0] * 3)
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.05, 0.15, 0.85])
    cut = sensitive_threshold(y, p, sensitivity=0.9)
    assert np.mean(p[y == 1] >= cut) == 0.9
    assert cut == pytest.approx(0.175)


@pytest.mark.parametrize("seed", range(4))
def test_the_proportions_of_a_table_are_scikit_learns(seed):
    y, p, _ = samples(seed)
    called = p >= 0.45
    found = rates(confusion(y, p, threshold=0.45)).values
    assert found["sensitivity"] == pytest.approx(metrics.recall_score(y, called))
    assert found["specificity"] == pytest.approx(metrics.recall_score(y, called, pos_label=0))
    assert found["ppv"] == pytest.approx(metrics.precision_score(y, called))
    assert found["npv"] == pytest.approx(metrics.precision_score(y, called, pos_label=0))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, called))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(y, called))
    assert found["f1"] == pytest.approx(metrics.f1_score(y, called))
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(y, called))


def test_the_counts_of_repeats_are_their_means():
    y, p, q = samples(1)
    both = np.column_stack([p, q]) >= 0.5
    found = count_calls(y, both)
    one, two = count_calls(y, both[:, 0]), count_calls(y, both[:, 1])
    assert found.tp == (one.tp + two.tp) / 2
    assert found.tp + found.fn == y.sum()
    assert found.tp + found.fp + found.tn + found.fn == 60
    assert rates(found).values["sensitivity"] == pytest.approx(
        (rates(one).values["sensitivity"] + rates(two).values["sensitivity"]) / 2
    )
    assert rates(found).intervals["sensitivity"] == wilson(found.tp, y.sum())


def test_the_interval_of_repeats_is_not_narrower_than_that_of_one():
    y, p, _ = samples(1)
    once, often = (rates(count_calls(y, (np.column_stack([p] * k) >= 0.5))) for k in (1, 20))
    assert often == once


def test_whole_counts_stay_whole_numbers():
    y, p, _ = samples(1)
    assert all(isinstance(count, int) for count in vars(count_calls(y, p >= 0.5)).values())


def test_an_empty_table_says_what_is_missing():
    found = rates(Confusion(tp=0, fp=0, tn=5, fn=0))
    assert found.values["sensitivity"] is None
    assert found.undefined["sensitivity"] == "No patient is a responder."
    assert found.undefined["ppv"] == "No patient is called positive."
    assert found.undefined["f1"] == "No patient is a responder or called positive."
    assert set(found.undefined) == {name for name, value in found.values.items() if value is None}
