"""The rule by which a challenger may follow the champion."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from modeling.core.errors import NotComparable
from modeling.core.performance.discrimination import paired_delong
from modeling.core.promotion import Verdict, judge, undecided

BOUNDS = (0.5, 2.0)


def patients(n: int = 200, *, seed: int = 0, signal: float = 1.4, agreement: float = 0.95) -> tuple[np.ndarray, ...]:
    """Outcomes drawn from the challenger's probabilities, and a champion that agrees with it."""
    random = np.random.default_rng(seed)
    score = random.normal(0, signal, n)
    y = (random.random(n) < expit(score)).astype(int)
    other = agreement * score + np.sqrt(1 - agreement**2) * random.normal(0, signal, n)
    return y, expit(score), expit(other)


def judged(*arrays: np.ndarray, margin: float = 0.05) -> Verdict:
    return judge(*arrays, margin=margin, slope_bounds=BOUNDS)


def test_a_model_is_not_inferior_to_itself() -> None:
    y, p, _ = patients()
    verdict = judged(y, p, p)
    assert (verdict.difference, verdict.low, verdict.non_inferior, verdict.reason) == (0.0, 0.0, True, "")
    assert (verdict.n, verdict.events) == (200, int(y.sum()))


def test_the_bound_is_the_paired_interval_of_delong_at_two_sided_95_percent() -> None:
    y, challenger, champion = patients(agreement=0.7)
    compared = paired_delong(y, challenger, champion)
    verdict = judged(y, challenger, champion)
    assert compared is not None
    assert (verdict.difference, verdict.low) == (compared.difference, compared.low)
    assert verdict.auc_challenger - verdict.auc_champion == pytest.approx(verdict.difference)  # type: ignore[operator]


def test_a_challenger_that_lost_more_than_the_margin_stays_challenger() -> None:
    y, good, _ = patients(400, signal=2.0)
    noise = np.random.default_rng(1).random(400)
    verdict = judged(y, noise, good)
    assert not verdict.non_inferior
    assert verdict.difference < -0.2  # type: ignore[operator]
    assert "at most 0.05" in verdict.reason
    assert judged(y, good, noise).non_inferior


def test_the_same_difference_is_shown_with_many_patients_and_not_with_few() -> None:
    y, challenger, champion = patients(60, agreement=0.8)
    few = judged(y, challenger, champion)
    many = judged(*(np.tile(part, 20) for part in (y, challenger, champion)))
    assert few.difference == pytest.approx(many.difference)
    assert few.low < many.low  # type: ignore[operator]


def test_a_bound_exactly_at_the_margin_is_not_enough() -> None:
    y, challenger, champion = patients(60, agreement=0.8)
    low = judged(y, challenger, champion).low
    assert low is not None
    assert low < 0
    assert not judged(y, challenger, champion, margin=-low).non_inferior
    assert judged(y, challenger, champion, margin=-low + 1e-9).non_inferior


def test_probabilities_that_are_far_too_extreme_do_not_pass_though_they_rank_alike() -> None:
    y, p, _ = patients(400)
    extreme = expit(4 * np.log(p / (1 - p)))
    verdict = judged(y, extreme, p)
    assert verdict.difference == 0
    assert verdict.slope == pytest.approx(judged(y, p, p).slope / 4)  # type: ignore[operator]
    assert not verdict.calibration_ok
    assert not verdict.non_inferior
    assert "between 0.50 and 2.00" in verdict.reason


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([1, 1, 1, 1], "4 responders and 0 non-responders"),
        ([1, 0, 0, 0], "1 responder and 3 non-responders"),
        ([], "no patient of another hospital"),
    ],
)
def test_what_cannot_be_computed_does_not_promote_and_says_why(y: list[int], words: str) -> None:
    p = np.linspace(0.2, 0.8, len(y))
    verdict = judged(np.array(y, dtype=int), p, p)
    assert (verdict.non_inferior, verdict.difference, verdict.low) == (False, None, None)
    assert words in verdict.reason


def test_everything_that_is_wrong_is_said() -> None:
    y, good, _ = patients(400, signal=2.0)
    noise = np.random.default_rng(1).random(400)
    reason = judged(y, noise, good).reason
    assert "at most 0.05" in reason
    assert "must lie between 0.50 and 2.00" in reason


def test_the_sentence_gives_difference_bound_and_slope_in_words() -> None:
    y, challenger, champion = patients(100, agreement=0.8)
    verdict = judged(y, challenger, champion)
    start = f"On 100 patients of other hospitals ({int(y.sum())} responders) the challenger's AUC is "
    assert verdict.sentence.startswith(start)
    assert ("lower than" if verdict.difference < 0 else "higher than") in verdict.sentence  # type: ignore[operator]
    assert "AUC equals the champion's" in judged(y, champion, champion).sentence


def test_perfect_separation_has_no_slope_and_so_no_promotion() -> None:
    y = np.array([0, 0, 0, 1, 1, 1])
    p = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    verdict = judged(y, p, p)
    assert not verdict.non_inferior
    assert "separate the classes perfectly" in verdict.reason


def test_patients_must_be_the_same() -> None:
    with pytest.raises(NotComparable):
        judged(np.array([0, 1]), np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.2]))


def test_a_comparison_that_was_not_made_says_why() -> None:
    verdict = undecided("The external centres are not opened.", margin=0.05, slope_bounds=BOUNDS)
    assert (verdict.non_inferior, verdict.n, verdict.reason) == (False, 0, "The external centres are not opened.")


def test_the_rule_lets_an_inferior_challenger_through_as_seldom_as_its_level_says() -> None:
    """A challenger that truly loses just the margin passes in about 2.5 % of trials."""
    random, passed, margin = np.random.default_rng(7), 0, 0.05
    # Areas of binormal scores: Phi(d / sqrt 2). 0.80 and 0.75 are exactly one margin apart.
    better, worse = 0.8416212 * np.sqrt(2), 0.6744898 * np.sqrt(2)
    for _ in range(400):
        y = np.repeat([0, 1], 60)
        shared = random.normal(size=120)
        one, two = (0.6 * shared + 0.8 * random.normal(size=120) + distance * y for distance in (worse, better))
        verdict = judge(y, expit(one), expit(two), margin=margin, slope_bounds=(0.0, 99.0))
        passed += verdict.low > -margin  # type: ignore[operator]
    assert passed / 400 == pytest.approx(0.025, abs=0.02)
