from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from modeling.core.errors import InvalidTable
from modeling.core.explanation.conformal import calibrate, compatible, smallest_class
from tests.fitted import draw, fit_view


def test_the_limits_of_a_hand_worked_example():
    # Nine of each class. At 80 % the rank is ceil(10 * 0.8) = 8: the eighth smallest score of each class.
    responders = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.1]
    others = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 0.95]
    found = calibrate([*responders, *others], [1] * 9 + [0] * 9, coverage=0.8)
    assert found.limits == pytest.approx({1: 1 - 0.3, 0: 0.6})
    assert found.patients == {1: 9, 0: 9}
    assert found.sets([0.65, 0.5, 0.2, 0.6]) == [("MPR",), ("MPR", "no MPR"), ("no MPR",), ("MPR", "no MPR")]


def test_no_response_is_compatible_where_both_classes_lie_elsewhere():
    # Separated classes: a probability in between is like neither.
    found = calibrate([0.9] * 10 + [0.1] * 10, [1] * 10 + [0] * 10, coverage=0.9)
    assert found.sets([0.5, 0.9, 0.1]) == [(), ("MPR",), ("no MPR",)]


def test_a_class_too_small_for_the_coverage_is_never_excluded_and_that_is_said():
    # ceil(9 * 0.9) = 9 of 8: there is no such score.
    found = calibrate([0.99] * 8 + [0.01] * 20, [1] * 8 + [0] * 20, coverage=0.9)
    assert math.isinf(found.limits[1])
    assert found.sets([0.0, 0.5]) == [("MPR", "no MPR"), ("MPR",)]
    assert "at least 9" in found.reason
    assert "8 with MPR" in found.reason
    assert "no MPR" not in found.reason
    assert calibrate([0.99] * 9 + [0.01] * 9, [1] * 9 + [0] * 9, coverage=0.9).reason == ""


@pytest.mark.parametrize(("coverage", "n"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_the_smallest_class_that_allows_a_coverage(coverage, n):
    assert smallest_class(coverage) == n


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_the_coverage_of_each_class_is_the_one_that_was_asked_for(coverage):
    """Exact for exchangeable scores without ties: E = ceil((n + 1) c) / (n + 1), whatever the classes look like."""
    random = np.random.default_rng(4)
    sizes, draws = {1: 30, 0: 47}, 4000
    hits = {1: 0, 0: 0}
    y = np.repeat([1, 0], [sizes[1], sizes[0]])
    for _ in range(draws):
        p = np.where(y == 1, random.beta(3, 2, len(y)), random.beta(2, 4, len(y)))
        found = calibrate(p, y, coverage=coverage)
        new = {1: random.beta(3, 2), 0: random.beta(2, 4)}
        hits[1] += "MPR" in found.sets([new[1]])[0]
        hits[0] += "no MPR" in found.sets([new[0]])[0]
    for label, n in sizes.items():
        expected = math.ceil((n + 1) * coverage - 1e-9) / (n + 1)
        low, high = stats.binom.interval(0.999, draws, expected)
        assert low <= hits[label] <= high, label


def test_more_coverage_never_takes_a_response_away():
    random = np.random.default_rng(1)
    y = np.arange(100) % 2
    p = np.clip(random.normal(0.4 + 0.2 * y, 0.2), 0, 1)
    less, more = (calibrate(p, y, coverage=coverage).sets(p) for coverage in (0.8, 0.95))
    assert all(set(one) <= set(other) for one, other in zip(less, more, strict=True))


def test_a_training_patient_is_judged_by_the_others():
    X, y = draw(20, shift=0.5)
    model = fit_view(X, y, "logistic")
    # The worst responder sets the limit of ten at 90 % as long as they count themselves: rank ceil(11 * 0.9) = 10.
    responders = model.oof[y == 1]
    worst = responders.idxmin()
    everybody = calibrate(model.oof, y)
    assert everybody.limits[1] == pytest.approx(1 - responders.min())
    assert "MPR" in everybody.sets([responders.min()])[0]
    found = compatible(model, pd.Series({worst: responders.min(), "new": responders.min()}))
    assert "MPR" not in found[0].responses
    assert "MPR" in found[1].responses


def test_what_cannot_be_calibrated_is_refused():
    with pytest.raises(InvalidTable, match="above 0 and below 1, not at 1"):
        calibrate([0.1], [1], coverage=1.0)
    with pytest.raises(InvalidTable, match="2 probabilities for 1 outcomes"):
        calibrate([0.1, 0.2], [1])
