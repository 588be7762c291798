"""Double reading: when two readings agree, and how well readers do, against published examples."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats import inter_rater

from cohorts.core.agreement import Consensus, ReadingState, check_consensus, consensus, is_as_settled
from cohorts.core.observers import agreement, cohens_kappa, intraclass_correlation

# Shrout and Fleiss, Psychol Bull 1979;86:420, table 2: six targets, four judges.
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
# Bland and Altman, Lancet 1986;i:307, table 1: first peak flow by each of two meters, l/min.
WRIGHT = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
MINI_WRIGHT = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)


@pytest.mark.parametrize(
    ("readings", "state", "value"),
    [
        ([], ReadingState.NONE, None),
        ([30], ReadingState.ONE, None),
        ([30, 40], ReadingState.AGREED, 35),
        ([12.3, 2.3], ReadingState.TO_ADJUDICATE, None),  # within the margin, but across the line
        ([22.3, 12.3], ReadingState.AGREED, 17.3),  # 22.3 - 12.3 is a little more than 10 in binary
        ([30, 40.5], ReadingState.TO_ADJUDICATE, None),
        ([10, 10.5], ReadingState.TO_ADJUDICATE, None),  # 10 % is a major response, 10.5 % is none
        ([10, 0], ReadingState.AGREED, 5),
        ([30, 60, 55], ReadingState.ADJUDICATED, 55),
    ],
)
def test_readings_settle_within_the_margin_and_on_one_side_of_the_line(
    readings: list[float], state: ReadingState, value: float | None
) -> None:
    found = consensus(readings, margin_points=10, threshold_percent=10)
    assert found.state == state
    assert found.viable_percent == pytest.approx(value) if value is not None else found.viable_percent is None


def test_margin_and_line_are_those_of_the_cohort() -> None:
    assert consensus([10, 12], margin_points=10, threshold_percent=15).state == "agreed"
    assert consensus([20, 23], margin_points=2, threshold_percent=15).state == "to_adjudicate"


def test_an_entry_away_from_what_the_readers_settled_on_is_refused_at_its_field() -> None:
    settled = Consensus(ReadingState.AGREED, 12.0)
    (finding,) = check_consensus(14, settled)
    assert (finding.rule, finding.field, finding.is_error) == ("E12", "viable_percent", True)
    assert finding.message.startswith("The blinded readers settled on 12 %, but 14 % is entered.")
    assert check_consensus(12.5, settled) == ()
    assert is_as_settled(12.5, settled)
    assert not is_as_settled(12.6, settled)


def test_nothing_is_refused_before_the_readings_are_settled() -> None:
    waiting = Consensus(ReadingState.TO_ADJUDICATE)
    assert check_consensus(14, waiting) == ()
    assert not is_as_settled(14, waiting)


def test_the_intraclass_correlation_is_that_of_shrout_and_fleiss() -> None:
    found = intraclass_correlation(SHROUT_FLEISS)
    assert found.value == pytest.approx(0.29, abs=0.005)
    assert found.low == pytest.approx(0.019, abs=0.001)  # R's psych::ICC and McGraw and Wong's formula
    assert found.high == pytest.approx(0.761, abs=0.001)


def test_readers_of_one_mind_correlate_fully_and_equal_patients_not_at_all() -> None:
    same = np.array([[5.0, 5.0], [40.0, 40.0], [80.0, 80.0]])
    found = intraclass_correlation(same)
    assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))
    assert intraclass_correlation(np.full((4, 2), 10.0)).value is None


def test_kappa_is_that_of_a_published_table() -> None:
    # Sim and Wright, Phys Ther 2005;85:257, table 1: relevance of a lateral shift, kappa .67.
    table = np.array([[22, 2], [4, 11]])
    found, expected = cohens_kappa(table), inter_rater.cohens_kappa(table)
    assert found.value == pytest.approx(0.67, abs=0.005)
    assert found.low == pytest.approx(expected.kappa_low, abs=1e-4)
    assert found.high == pytest.approx(expected.kappa_upp, abs=1e-4)


def test_kappa_is_not_defined_where_both_readers_give_one_call_throughout() -> None:
    assert cohens_kappa(np.array([[7, 0], [0, 0]])).value is None


def test_bias_and_limits_are_those_of_bland_and_altman() -> None:
    found = agreement(list(zip(WRIGHT, MINI_WRIGHT, strict=True)), threshold_percent=450)
    assert found is not None
    assert found.n == 17
    assert found.bias_points == pytest.approx(-2.1, abs=0.05)
    assert found.limits_points == pytest.approx((-78.1, 73.9), abs=0.2)  # with 1.96 in place of the paper's 2 SD
    assert found.same_call == sum((a <= 450) == (b <= 450) for a, b in zip(WRIGHT, MINI_WRIGHT, strict=True))


def test_two_patients_are_too_few_to_speak_of_agreement() -> None:
    assert agreement([(1, 2), (3, 4)], threshold_percent=10) is None


@pytest.mark.parametrize("scale", [1.0, 2.0, 0.1, 1e6])
@pytest.mark.parametrize("rows", [[[0, 0, 0, 0]] * 3 + [[0, 0, 16, -13]], [[1, 2], [2, 1]] * 2, [[0, 5]] * 4])
def test_limits_that_mean_nothing_are_withheld_with_the_reason(rows: list[list[int]], scale: float) -> None:
    found = intraclass_correlation(np.array(rows, dtype=float) * scale)
    assert found.value is not None
    assert np.isfinite(found.value)
    assert (found.low, found.high) == (None, None)
    assert "degrees of freedom" in found.reason
