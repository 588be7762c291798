"""How often the rule of promotion errs: series of challengers on one frozen external set, with the real `judge`.

Scores are binormal: the champion's AUC is 0.80, a challenger's is what its row says, and every model is calibrated
unless its row says otherwise. Of ten challengers each is judged at its own look, the first at look 2, since the champion
was looked at first; a series ends with its first promotion, so the champion is the first champion, too. A single challenger
is judged at look 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from bench.report import Row
from bench.rows import Run
from bench.timing import now
from modeling.core.promotion import Rule, judge

SEED, SERIES = 12, 500
SIZES = (60, 120, 300)
#: Share of responders, AUC of the champion, and how many challengers a series has.
RATE, CHAMPION, CHALLENGERS = 0.4, 0.80, 10
RULE = Rule()
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Drawn:
    """Patients of an external set, and what the champion says of them."""

    y: Ints
    noise: Floats
    p: Floats


@dataclass(frozen=True)
class Scenario:
    """What challengers are like, how many there are, and what to count."""

    title: str
    challenger: Callable[[np.random.Generator, Drawn], Floats]
    challengers: int = 1
    calibration_alone: bool = False


def distance_of(area: float) -> float:
    """Return the distance of two normal scores whose area is this one."""
    return float(np.sqrt(2) * stats.norm.ppf(area))


def probability_of(score: Floats, distance: float) -> Floats:
    """Return the true probability of response, given a binormal score of this distance."""
    return expit(np.log(RATE / (1 - RATE)) + distance * (score - distance / 2))


def draw(rng: np.random.Generator, n: int) -> Drawn:
    """Draw the patients of an external set."""
    y, noise, distance = (rng.random(n) < RATE).astype(np.int64), rng.normal(size=n), distance_of(CHAMPION)
    return Drawn(y, noise, probability_of(noise + distance * y, distance))


def blurred(area: float, correlation: float) -> Callable[[np.random.Generator, Drawn], Floats]:
    """Return challengers of this area whose scores correlate so with the champion's, within a class."""

    def challenger(rng: np.random.Generator, drawn: Drawn) -> Floats:
        other = np.sqrt(1 - correlation**2) * rng.normal(size=len(drawn.y))
        distance = distance_of(area)
        return probability_of(correlation * drawn.noise + other + distance * drawn.y, distance)

    return challenger


def partly_random(share: float) -> Callable[[np.random.Generator, Drawn], Floats]:
    """Return challengers that say what the champion says, and of a share of the patients what it says of others.

    Such a challenger's AUC is lower by the share times (AUC - 0.5).
    """

    def challenger(rng: np.random.Generator, drawn: Drawn) -> Floats:
        strangers = draw(rng, len(drawn.y))
        return np.where(rng.random(len(drawn.y)) < share, strangers.p, drawn.p)

    return challenger


def partly_reversed(share: float) -> Callable[[np.random.Generator, Drawn], Floats]:
    """Return challengers that say what the champion says, and of a share of the patients the opposite of the truth.

    Such a challenger's AUC is that of the champion times the square of the share of the others.
    """

    def challenger(rng: np.random.Generator, drawn: Drawn) -> Floats:
        wrong = np.where(drawn.y == 1, 0.001, 0.999)
        return np.where(rng.random(len(drawn.y)) < share, wrong, drawn.p)

    return challenger


def shifted(by: float) -> Callable[[np.random.Generator, Drawn], Floats]:
    """Return the champion with its log-odds shifted: the same ranking."""
    return lambda _rng, drawn: expit(np.log(drawn.p / (1 - drawn.p)) + by)


#: Share of the patients whom a challenger of AUC 0.77 reverses.
_REVERSED = 1 - float(np.sqrt(0.77 / CHAMPION))
SCENARIOS = (
    *(Scenario(f"0.03 worse, correlation {r}, best of ten", blurred(0.77, r), CHALLENGERS) for r in (0.5, 0.8, 0.95)),
    Scenario("0.03 worse: a tenth of the patients at random, best of ten", partly_random(0.1), CHALLENGERS),
    Scenario("0.03 worse: one patient in fifty reversed, best of ten", partly_reversed(_REVERSED), CHALLENGERS),
    *(Scenario(f"ranking of the champion, log-odds shifted by {by:+g}", shifted(by)) for by in (-2, -1, 1, 2)),
    *(
        Scenario(f"log-odds shifted by {by:+g}, the bounds of calibration alone", shifted(by), calibration_alone=True)
        for by in (-1, 0, 1)
    ),
    *(Scenario(f"as good, correlation {r}", blurred(0.80, r)) for r in (0.5, 0.8, 0.95)),
    *(Scenario(f"0.05 better, correlation {r}", blurred(0.85, r)) for r in (0.5, 0.8, 0.95)),
)


@dataclass(frozen=True)
class Found:
    """How many of the series promoted a challenger."""

    scenario: str
    n: int
    promoted: int
    series: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Wilson)."""
        low, high = stats.binomtest(self.promoted, self.series).proportion_ci(method="wilson")
        return float(low), float(high)


def promotes(rng: np.random.Generator, scenario: Scenario, n: int, *, rule: Rule = RULE) -> bool:
    """Draw one external set and its challengers; return whether one of them passes."""
    drawn = draw(rng, n)
    verdicts = (
        judge(drawn.y, scenario.challenger(rng, drawn), drawn.p, rule=rule, looks=look)
        for look in range(2, 2 + scenario.challengers)
    )
    return any(one.calibration_ok if scenario.calibration_alone else one.non_inferior for one in verdicts)


def simulate(scenario: Scenario, n: int, *, series: int = SERIES, seed: int = SEED, rule: Rule = RULE) -> Found:
    """Count the series in which a challenger is promoted."""
    rng = np.random.default_rng([seed, n])
    return Found(scenario.title, n, sum(promotes(rng, scenario, n, rule=rule) for _ in range(series)), series)


def promotion(run: Run) -> list[Row]:
    """Count promotions of challengers that are worse, shifted, as good and better."""
    run.say(f"promotion: {SERIES} series a row, seed {SEED}, rule {RULE}")
    rows = []
    for scenario in SCENARIOS:
        for n in SIZES:
            started = now()
            found = simulate(scenario, n)
            low, high = found.interval
            what = "within" if scenario.calibration_alone else "promoted"
            share = f"{what} in {found.promoted / found.series:.1%} ({low:.1%} to {high:.1%})"
            row = Row(f"{scenario.title}, {n} external patients", ours_s=now() - started, agreement=share)
            run.say(f"  {row.job}: {share}")
            rows.append(row)
    return rows
