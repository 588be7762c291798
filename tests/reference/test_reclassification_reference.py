"""Net reclassification and integrated discrimination against worked examples and slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling.core.performance.reclassification import integrated_discrimination, net_reclassification
from tests.reference.scores import samples


def nri_by_hand(y, old, new, cuts):
    """Pencina 2008, equation 3, patient by patient."""
    moves = {1: [], 0: []}
    for outcome, a, b in zip(y, old, new, strict=True):
        if cuts is None:
            moves[outcome].append(int(b > a) - int(b < a))
        else:
            one, two = (sum(p >= cut for cut in cuts) for p in (a, b))
            moves[outcome].append(int(two > one) - int(two < one))
    return np.mean(moves[1]), -np.mean(moves[0])


def test_the_framingham_table_gives_the_published_net_reclassification():
    # Pencina et al. 2008, adding HDL to the Framingham model: of 183 events 29 move up and 7 down, of 3,081
    # non-events 173 up and 174 down; 22/183 + 1/3081 = 12.1 %.
    def block(outcome, up, down, stay):
        old = np.repeat([0.1, 0.9, 0.1], [up, down, stay])
        new = np.repeat([0.9, 0.1, 0.1], [up, down, stay])
        return np.full(up + down + stay, outcome), old, new

    y, old, new = (np.concatenate(part) for part in zip(block(1, 29, 7, 147), block(0, 173, 174, 2734), strict=True))
    found = net_reclassification(y, old, new, cuts=[0.5], bootstraps=0, seed=0)
    assert found.of_events == pytest.approx(0.120, abs=5e-4)
    assert found.of_non_events == pytest.approx(0.0003, abs=5e-5)
    assert found.total == pytest.approx(0.121, abs=5e-4)


@pytest.mark.parametrize("cuts", [None, [0.5], [0.3, 0.6]])
@pytest.mark.parametrize("ties", [False, True])
def test_net_reclassification_is_that_of_its_definition(cuts, ties):
    y, old, new = samples(3, ties=ties)
    found = net_reclassification(y, old, new, cuts=cuts, bootstraps=0, seed=0)
    events, others = nri_by_hand(y, old, new, cuts)
    assert (found.of_events, found.of_non_events) == pytest.approx((events, others))
    assert found.total == pytest.approx(events + others)
    assert (found.low, found.high) == (None, None)
    assert found.index == ("nri_continuous" if cuts is None else "nri")


def test_integrated_discrimination_is_the_difference_of_discrimination_slopes():
    y, old, new = samples(2)
    found = integrated_discrimination(y, old, new, bootstraps=0, seed=0)
    slopes = [p[y == 1].mean() - p[y == 0].mean() for p in (old, new)]
    assert found.total == pytest.approx(slopes[1] - slopes[0])
    assert found.of_events == pytest.approx(new[y == 1].mean() - old[y == 1].mean())
    assert found.of_non_events == pytest.approx(old[y == 0].mean() - new[y == 0].mean())


def test_the_intervals_are_those_of_resampled_patients():
    y, old, new = samples(5, n=100)
    random = np.random.default_rng(1)
    events, others = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    drawn = [np.append(random.choice(events, len(events)), random.choice(others, len(others))) for _ in range(2000)]
    for cuts in (None, [0.4, 0.6]):
        totals = [sum(nri_by_hand(y[d], old[d], new[d], cuts)) for d in drawn[:1000]]
        found = net_reclassification(y, old, new, cuts=cuts, bootstraps=4000, seed=0)
        assert (found.low, found.high) == pytest.approx(np.quantile(totals, [0.025, 0.975]).tolist(), abs=0.06)
    change = new - old
    totals = [change[d][y[d] == 1].mean() - change[d][y[d] == 0].mean() for d in drawn]
    found = integrated_discrimination(y, old, new, bootstraps=4000, seed=0)
    assert (found.low, found.high) == pytest.approx(np.quantile(totals, [0.025, 0.975]).tolist(), abs=0.012)
    assert found.of_events_low < found.of_events < found.of_events_high


def test_a_miscalibrated_copy_of_the_same_ranking_gains_reclassification():
    # Hilden & Gerds 2014: the index rises although nothing was added; so the caution belongs to it.
    y, p, _ = samples(1, n=300)
    steeper = p**3 / (p**3 + (1 - p) ** 3)
    found = integrated_discrimination(y, p, steeper, bootstraps=0, seed=0)
    assert found.total > 0.02
    assert "badly calibrated" in found.caution


def test_one_class_gives_a_reason():
    found = net_reclassification(np.ones(5, int), np.full(5, 0.2), np.full(5, 0.3), bootstraps=10, seed=0)
    assert (found.total, found.low, found.of_events) == (None, None, None)
    assert found.reason == "All patients have the same outcome."


def test_one_event_has_values_but_no_interval():
    found = net_reclassification(np.array([1, 0, 0]), np.full(3, 0.2), np.full(3, 0.3), bootstraps=10, seed=0)
    assert (found.total, found.low) == (0.0, None)


patients = st.lists(st.tuples(st.booleans(), st.integers(0, 20), st.integers(0, 20)), min_size=4, max_size=30)


@given(patients, st.sampled_from([None, [0.5], [0.2, 0.7]]))
@settings(max_examples=80, deadline=None)
def test_old_and_new_exchanged_change_the_sign_only(rows, cuts):
    y = np.array([event for event, *_ in rows], dtype=int)
    old, new = (np.array([row[place] / 20 for row in rows]) for place in (1, 2))
    pairs = [
        [net_reclassification(y, *models, cuts=cuts, bootstraps=0, seed=0) for models in ((old, new), (new, old))],
        [integrated_discrimination(y, *models, bootstraps=0, seed=0) for models in ((old, new), (new, old))],
    ]
    for one, two in pairs:
        if one.total is None:
            assert len(np.unique(y)) == 1
            continue
        assert one.total == pytest.approx(-two.total)
        assert one.total == pytest.approx(one.of_events + one.of_non_events)
        assert one.of_events == pytest.approx(-two.of_events)
        assert -2 - 1e-12 <= one.total <= 2 + 1e-12


def test_the_order_of_patients_does_not_change_the_interval():
    y, old, new = samples(0)
    mixed = np.random.default_rng(0).permutation(60)
    one = net_reclassification(y, old, new, bootstraps=100, seed=0)
    assert vars(net_reclassification(y[mixed], old[mixed], new[mixed], bootstraps=100, seed=0)) == pytest.approx(
        vars(one)
    )
