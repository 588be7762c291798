"""Net benefit against a worked example and a slow loop."""

from __future__ import annotations

import numpy as np
import pytest

from modeling.core.performance.net_benefit import decision_curve


def test_net_benefit_of_a_hand_worked_example():
    # Vickers & Elkin 2006: at t = 0.20 false positives weigh 0.25. Ten patients, four events; called: three
    # events and two others, so 0.3 - 0.2 * 0.25 = 0.25; treating all gives 0.4 - 0.6 * 0.25 = 0.25.
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    p = np.array([0.9, 0.8, 0.7, 0.1, 0.6, 0.5, 0.1, 0.1, 0.1, 0.1])
    curve = {round(t, 2): (model, everyone) for t, model, everyone in decision_curve(y, p)}
    assert curve[0.2] == pytest.approx((0.25, 0.25))
    assert (min(curve), max(curve), len(curve)) == (0.05, 0.8, 76)


def test_the_curve_is_that_of_a_slow_loop():
    random = np.random.default_rng(0)
    y, p = random.integers(0, 2, 80), random.random(80)
    for t, model, everyone in decision_curve(y, p):
        weight = t / (1 - t)
        gains = [(1 if event else -weight) for event in y]
        assert model == pytest.approx(sum(g for g, score in zip(gains, p, strict=True) if score >= t) / 80)
        assert everyone == pytest.approx(sum(gains) / 80)
