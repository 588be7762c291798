"""The bench of the rule of promotion draws what its rows say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.promotion import (
    CHAMPION,
    RULE,
    SCENARIOS,
    Drawn,
    Scenario,
    blurred,
    draw,
    partly_random,
    partly_reversed,
    shifted,
    simulate,
)
from modeling.core.performance.calibration import calibration_slope_intercept
from modeling.core.performance.discrimination import auc

LARGE = 60_000


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw(np.random.default_rng(1), LARGE)


def test_the_champion_has_its_area_and_is_calibrated(drawn: Drawn) -> None:
    assert auc(drawn.y, drawn.p) == pytest.approx(CHAMPION, abs=0.005)
    found = calibration_slope_intercept(drawn.y, drawn.p)
    assert (found.slope, found.intercept) == pytest.approx((1, 0), abs=0.03)


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one.title.startswith("0.03 worse")])
def test_challengers_that_are_called_003_worse_are_so(scenario: Scenario, drawn: Drawn) -> None:
    p = scenario.challenger(np.random.default_rng(2), drawn)
    assert auc(drawn.y, p) == pytest.approx(CHAMPION - 0.03, abs=0.005)


def test_a_shifted_challenger_ranks_as_the_champion(drawn: Drawn) -> None:
    p = shifted(1.0)(np.random.default_rng(2), drawn)
    assert auc(drawn.y, p) == auc(drawn.y, drawn.p)
    assert calibration_slope_intercept(drawn.y, p).intercept == pytest.approx(-1, abs=0.03)


@pytest.mark.parametrize("challenger", [blurred(0.77, 0.95), partly_random(0.1), partly_reversed(0.02)])
def test_a_series_is_the_same_each_time_and_a_loose_rule_promotes(challenger: object) -> None:
    scenario = Scenario("", challenger, 2)  # type: ignore[arg-type]
    loose = replace(RULE, margin=2.0, slope_bounds=(-99.0, 99.0), oe_bounds=(0.0, 99.0), minimum_events=2)
    assert simulate(scenario, 60, series=5) == simulate(scenario, 60, series=5)
    assert simulate(scenario, 60, series=5, rule=loose).promoted == 5
    assert simulate(scenario, 60, series=5).promoted == 0


def test_the_rule_before_promoted_what_this_one_refuses() -> None:
    """With the margin of 0.05 and bounds on the slope alone a champion whose log-odds are shifted follows itself."""
    before = replace(RULE, margin=0.05, oe_bounds=(0.0, 99.0), minimum_patients=0, minimum_events=0)
    scenario = Scenario("", shifted(1.0))
    assert simulate(scenario, 300, series=10, rule=before).promoted >= 8
    assert simulate(scenario, 300, series=10).promoted <= 1
