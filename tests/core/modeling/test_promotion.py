"""The rule by which a challenger may follow the champion."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from modeling.core.errors import NotComparable
from modeling.core.performance.discrimination import delong_interval, paired_delong
from modeling.core.promotion import (
    ALPHA,
    Measures,
    Rule,
    Verdict,
    judge,
    judge_alone,
    level_of,
    measures_of,
    undecided,
    with_first,
)

#: What any number of patients reaches, so that one part of the rule is looked at alone.
OPEN = Rule(margin=0.05, oe_bounds=(0.0, 99.0), minimum_patients=0, minimum_events=0)


def patients(n: int = 200, *, seed: int = 0, signal: float = 1.4, agreement: float = 0.95) -> tuple[np.ndarray, ...]:
    """Outcomes drawn from the challenger's probabilities, and a champion that agrees with it."""
    random = np.random.default_rng(seed)
    score = random.normal(0, signal, n)
    y = (random.random(n) < expit(score)).astype(int)
    other = agreement * score + np.sqrt(1 - agreement**2) * random.normal(0, signal, n)
    return y, expit(score), expit(other)


def judged(*arrays: np.ndarray, margin: float = 0.05, looks: int = 1) -> Verdict:
    return judge(*arrays, rule=replace(OPEN, margin=margin), looks=looks)


def added(y: np.ndarray) -> float:
    """Variance of one more patient of each class whom the models place at opposite ends."""
    return 1 / y.sum() ** 2 + 1 / (len(y) - y.sum()) ** 2


def test_a_model_is_not_inferior_to_itself() -> None:
    y, p, _ = patients()
    verdict = judged(y, p, p)
    assert (verdict.difference, verdict.non_inferior, verdict.reason) == (0.0, True, "")
    assert verdict.low == pytest.approx(-1.959964 * np.sqrt(added(y)))
    assert (verdict.n, verdict.events) == (200, int(y.sum()))


def test_the_bound_is_that_of_delong_with_one_more_patient_of_each_class() -> None:
    y, challenger, champion = patients(agreement=0.7)
    compared = paired_delong(y, challenger, champion)
    verdict = judged(y, challenger, champion)
    assert compared is not None
    assert verdict.difference == pytest.approx(compared.difference)
    of_delong = ((compared.difference - compared.low) / stats.norm.isf(0.025)) ** 2
    expected = compared.difference - stats.norm.isf(0.025) * np.sqrt(of_delong + added(y))
    assert verdict.low == pytest.approx(expected)
    assert verdict.auc_challenger - verdict.auc_champion == pytest.approx(verdict.difference)  # type: ignore[operator]


def test_models_that_rank_few_patients_alike_are_not_shown_to_be_alike() -> None:
    """DeLong's variance is zero then, though the models may differ in every patient who was not met."""
    y, p, _ = patients(60)
    assert not judge(y, p, p, rule=Rule(minimum_patients=0, minimum_events=0), looks=2).non_inferior
    many, q, _ = patients(600)
    assert judge(many, q, q, rule=Rule(), looks=2).non_inferior


def test_each_look_spends_its_share_and_all_together_never_more_than_alpha() -> None:
    assert [level_of(k) for k in (1, 2, 3)] == pytest.approx([0.025, 0.05 / 6, 0.05 / 12])
    assert level_of(0) == level_of(1)
    assert 0.0499 < sum(level_of(k) for k in range(1, 1001)) < ALPHA
    y, challenger, champion = patients(300)
    lows = [judged(y, challenger, champion, looks=k).low for k in (1, 2, 5, 20)]
    assert lows == sorted(lows, reverse=True)
    assert len(set(lows)) == 4
    tenth = judged(y, challenger, champion, looks=10)
    assert tenth.level == pytest.approx(0.05 / 110)
    assert "lower 99.95 % bound" in tenth.sentence
    assert "look 10 at these patients" in tenth.sentence


def test_a_challenger_that_lost_more_than_the_margin_stays_challenger() -> None:
    y, good, _ = patients(400, signal=2.0)
    noise = np.random.default_rng(1).random(400)
    verdict = judged(y, noise, good)
    assert not verdict.non_inferior
    assert verdict.difference < -0.2  # type: ignore[operator]
    assert "at most 0.05" in verdict.reason
    assert judged(y, good, noise).non_inferior
    assert verdict.reasons[0].startswith("The challenger's AUC may be")


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


@pytest.mark.parametrize("shift", [-2.0, -1.0, 1.0, 2.0])
@pytest.mark.parametrize("rate", [-1.0, 0.0, 1.0])
def test_log_odds_that_are_shifted_by_one_do_not_pass_though_they_rank_alike(shift: float, rate: float) -> None:
    """At any share of responders: where most respond the ratio of the responders hides a shift, the other shows it."""
    random = np.random.default_rng(3)
    truth = rate + random.normal(0, 1.4, 2000)
    y = (random.random(2000) < expit(truth)).astype(int)
    rule = Rule()
    assert judge(y, expit(truth), expit(truth), rule=rule, looks=2).non_inferior
    verdict = judge(y, expit(truth + shift), expit(truth), rule=rule, looks=2)
    assert verdict.difference == 0
    assert rule.slope_bounds[0] < verdict.slope < rule.slope_bounds[1]  # type: ignore[operator]
    assert not verdict.calibration_ok
    assert not verdict.non_inferior
    assert "The ratio of observed to expected" in verdict.reason
    assert "must lie between 0.80 and 1.25" in verdict.reason


def test_both_ratios_are_observed_over_expected() -> None:
    y, p, _ = patients(150)
    verdict = judged(y, p, p)
    assert verdict.oe == pytest.approx(y.sum() / p.sum())
    assert verdict.oe_others == pytest.approx((1 - y).sum() / (1 - p).sum())
    assert Measures(10, 0, observed_expected=None).observed_expected_others is None


def test_fewer_patients_than_the_minimum_do_not_promote() -> None:
    y, good, _ = patients(59, signal=2.0)
    noise = np.random.default_rng(1).random(59)
    rule = replace(OPEN, margin=0.5, minimum_patients=60, minimum_events=20)
    reason = judge(y, good, noise, rule=rule, looks=1).reason
    smaller = min(y.sum(), 59 - y.sum())
    assert reason == (
        f"There are 59 patients, {smaller} of the smaller class; the rule asks for at least 60, 20 of the smaller class."
    )
    rare = np.zeros(300, dtype=int)
    rare[:19] = 1
    p = np.where(rare == 1, 0.3, 0.05) + np.random.default_rng(2).normal(0, 0.02, 300)
    assert "300 patients, 19 of the smaller class" in judge(rare, p, p, rule=rule, looks=1).reason


# The first of a name.


def test_the_first_is_judged_against_the_minima() -> None:
    y, p, _ = patients(200)
    measures = measures_of(y, p, looks=1)
    assert (measures.n, measures.events, measures.auc_low) == (200, int(y.sum()), delong_interval(y, p)[0])  # type: ignore[index]
    verdict = judge_alone(measures, rule=Rule(), looks=1)
    assert (verdict.non_inferior, verdict.alone, verdict.difference) == (True, True, None)
    assert "(lower 97.5 % bound" in verdict.sentence
    assert "look 1 at these patients" in verdict.sentence


def test_an_area_whose_bound_reaches_chance_is_refused_and_later_looks_pay() -> None:
    y, p, _ = patients(60, seed=3, signal=1.0)
    looks = {k: judge_alone(measures_of(y, p, looks=k), rule=OPEN, looks=k) for k in (1, 30)}
    assert looks[30].auc_low < looks[1].auc_low  # type: ignore[operator]
    assert looks[1].non_inferior
    assert not looks[30].non_inferior
    assert "no better than chance" in looks[30].reason


def test_every_minimum_that_is_missed_is_said() -> None:
    measures = Measures(30, 5, auc=0.9, auc_low=None, observed_expected=0.5)
    verdict = judge_alone(measures, rule=Rule(), looks=0, where="training patients")
    assert [sentence.split(" ")[0:2] for sentence in verdict.reasons] == [
        ["There", "are"],
        ["The", "AUC"],
        ["The", "calibration"],
        ["The", "ratio"],
    ]
    assert verdict.sentence == "On 30 training patients (5 responders) the AUC is 0.90, observed to expected 0.50."


# The first champion stays a comparator.


def test_small_losses_that_the_champion_allows_do_not_add_up_against_the_first() -> None:
    random = np.random.default_rng(5)
    y = (random.random(4000) < 0.4).astype(int)
    # Binormal scores of AUC 0.80, 0.785 and 0.77, each a blur of the one before.
    areas = (0.80, 0.785, 0.77)
    noise, scores = random.normal(size=4000), []
    for area in areas:
        scores.append(noise + np.sqrt(2) * stats.norm.ppf(area) * y)
        noise = 0.98 * noise + np.sqrt(1 - 0.98**2) * random.normal(size=4000)
    first, champion, challenger = (expit(score - 1) for score in scores)
    rule = replace(OPEN, margin=0.025, slope_bounds=(0.0, 99.0))
    beside = judge(y, challenger, champion, rule=rule, looks=2)
    assert beside.non_inferior
    both = with_first(beside, judge(y, challenger, first, rule=rule, looks=2, other="the first champion"))
    assert not both.non_inferior
    assert "lower than the first champion's" in both.reason
    assert both.sentence.count("On 4000 patients") == 2
    assert both.first is not None
    assert both.difference == beside.difference


def test_a_first_champion_that_cannot_be_compared_does_not_promote_silently() -> None:
    y, good, noise = patients(300)
    beside = judged(y, good, noise)
    assert beside.non_inferior
    both = with_first(beside, undecided("The first champion has another table.", rule=OPEN, looks=1))
    assert (both.non_inferior, both.reason) == (False, "The first champion has another table.")


def test_what_both_comparisons_find_wrong_is_said_once() -> None:
    y, p, other = patients(40)
    rule = replace(OPEN, margin=0.9, minimum_patients=60)
    both = with_first(judge(y, p, other, rule=rule, looks=1), judge(y, p, p, rule=rule, looks=1))
    assert both.reason.count("There are 40 patients") == 1


def test_a_verdict_is_plain_data() -> None:
    y, p, other = patients(40)
    both = with_first(judged(y, p, other), judged(y, p, p))
    assert asdict(both)["first"]["difference"] == 0


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
    verdict = undecided("The external centres are not opened.", rule=Rule())
    assert (verdict.non_inferior, verdict.n, verdict.reason) == (False, 0, "The external centres are not opened.")
    assert verdict.sentence == "The two models were not compared."


def test_the_rule_lets_an_inferior_challenger_through_as_seldom_as_its_level_says() -> None:
    """A challenger that truly loses just the margin passes in at most 2.5 % of trials at the first look."""
    random, passed, margin = np.random.default_rng(7), 0, 0.05
    # Areas of binormal scores: Phi(d / sqrt 2). 0.80 and 0.75 are exactly one margin apart.
    better, worse = 0.8416212 * np.sqrt(2), 0.6744898 * np.sqrt(2)
    for _ in range(400):
        y = np.repeat([0, 1], 60)
        shared = random.normal(size=120)
        one, two = (0.6 * shared + 0.8 * random.normal(size=120) + distance * y for distance in (worse, better))
        verdict = judge(y, expit(one), expit(two), rule=replace(OPEN, margin=margin), looks=1)
        passed += verdict.low > -margin  # type: ignore[operator]
    assert 0 < passed / 400 < 0.04
