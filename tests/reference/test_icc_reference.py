"""ICC(2,1) against published worked examples.

Shrout PE, Fleiss JL, Psychol Bull 86(2):420-428, 1979: six targets rated by four judges (table 2), its
mean squares and ICC(2,1) = .29 (table 4). The interval is what R's irr 0.84.1 prints for that table:
``icc(ratings, model = "twoway", type = "agreement", unit = "single")`` gives ICC(A,1) = 0.29,
F(5,15) = 11, 0.019 < ICC < 0.761. McGraw KO, Wong SP, Psychol Methods 1(1):30-46, 1996: the pairs (2,4),
(4,6), (6,8) agree perfectly in order and by 0.67 in value.
"""

from __future__ import annotations

import numpy as np
import pytest

from imaging.core.reliability import reliability

JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)


def test_six_targets_and_four_judges_of_shrout_and_fleiss() -> None:
    found = reliability(JUDGES[:, :, None], names=("rating",))
    assert round(float(found.icc[0]), 2) == 0.29
    assert (round(float(found.lower[0]), 3), round(float(found.upper[0]), 3)) == (0.019, 0.761)
    assert (found.cases.tolist(), found.raters) == ([6], 4)


def test_their_mean_squares_give_their_coefficient() -> None:
    between, judges, error = 11.24, 32.49, 1.02  # BMS, JMS and EMS as printed
    by_hand = (between - error) / (between + 3 * error + 4 * (judges - error) / 6)
    assert reliability(JUDGES[:, :, None], names=("rating",)).icc[0] == pytest.approx(by_hand, abs=2e-3)


def test_three_pairs_of_mcgraw_and_wong() -> None:
    pairs = np.array([[2, 4], [4, 6], [6, 8]], dtype=float)
    assert round(float(reliability(pairs[:, :, None], names=("score",)).icc[0]), 2) == 0.67
