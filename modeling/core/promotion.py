"""Whether a version may become champion: one rule, on patients of other hospitals, that pays for every look at them.

The first version of a name must meet stated minima. A challenger must be shown not to be inferior to the champion
and to the first champion: the lower bound of the difference of the areas lies above minus the margin. Both must
be calibrated. The more often the external patients were looked at, the wider the bounds. What cannot be computed is
not shown, so it does not promote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from modeling.core.errors import NotComparable
from modeling.core.performance.calibration import calibration_slope_intercept, observed_expected
from modeling.core.performance.discrimination import auc, delong_interval, placements

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bounds = tuple[float, float]

#: Chance, over all looks at the same patients together, of promoting a challenger that lost just the margin.
ALPHA = 0.05
_ELSEWHERE = "patients of other hospitals"


@dataclass(frozen=True)
class Rule:
    """What a version must reach.

    Parameters
    ----------
    margin : float
        The largest loss of AUC that still counts as not inferior, above 0.
    slope_bounds : tuple of float
        Lowest and highest acceptable calibration slope.
    oe_bounds : tuple of float
        Lowest and highest acceptable ratio of observed to expected, of responders and of non-responders.
    minimum_patients, minimum_events : int
        Fewest patients, and fewest of the smaller class, on whom anything is judged.
    """

    margin: float = 0.03
    slope_bounds: Bounds = (0.5, 2.0)
    oe_bounds: Bounds = (0.8, 1.25)
    minimum_patients: int = 60
    minimum_events: int = 20


@dataclass(frozen=True)
class Measures:
    """What is measured of one model on patients whom it was not fitted on; None where it is not defined.

    Parameters
    ----------
    n, events : int
        Patients and responders.
    auc, auc_low : float or None
        Area, and its lower bound.
    slope, intercept : float or None
        Slope of the log-odds (1 is perfect), and intercept with the slope held at 1 (0 is perfect).
    observed_expected : float or None
        Responders over the sum of the probabilities (1 is perfect).
    slope_reason : str
        Why there is no slope, without a full stop.
    """

    n: int
    events: int
    auc: float | None = None
    auc_low: float | None = None
    slope: float | None = None
    intercept: float | None = None
    observed_expected: float | None = None
    slope_reason: str = "it was not measured"

    @property
    def observed_expected_others(self) -> float | None:
        """Ratio of observed to expected non-responders."""
        if not self.observed_expected:
            return None
        expected = self.n - self.events / self.observed_expected
        return (self.n - self.events) / expected if expected > 0 else None


@dataclass(frozen=True)
class Verdict:
    """What speaks for and against making a version the champion.

    Parameters
    ----------
    non_inferior : bool
        Whether the version may be promoted without an override.
    difference : float or None
        AUC of the challenger minus AUC of the champion; None for the first of a name, which has no champion.
    low : float or None
        Lower bound of the difference, one-sided at ``1 - level``.
    margin : float
        The largest loss of AUC that still counts as not inferior.
    slope, intercept : float or None
        Calibration of the version: slope of the log-odds (1 is perfect), and intercept with the slope held at 1.
    slope_bounds : tuple of float
        Lowest and highest acceptable slope.
    calibration_ok : bool
        Whether slope and both ratios lie within their bounds.
    n, events : int
        Patients and responders on whom it was judged.
    auc_challenger, auc_champion : float or None
    sentence : str
        What was found, for a person.
    reason : str
        Why the version is not promotable; empty when it is.
    reasons : tuple of str
        The sentences of `reason`.
    looks : int
        How often the external patients had been looked at, this look included; 0 where they were not.
    level : float
        Share of `ALPHA` that this look may spend.
    auc_low : float or None
        Lower bound of the version's AUC, where it was judged alone.
    oe, oe_others : float or None
        Observed over expected responders, and non-responders.
    oe_bounds : tuple of float
    minimum_patients, minimum_events : int
        Fewest patients, and fewest of the smaller class.
    alone : bool
        Whether the version was judged against the minima, because its name has no champion.
    first : Verdict or None
        The comparison with the first champion, where that is another than the champion.
    """

    non_inferior: bool
    difference: float | None
    low: float | None
    margin: float
    slope: float | None
    intercept: float | None
    slope_bounds: Bounds
    calibration_ok: bool
    n: int
    events: int
    auc_challenger: float | None
    auc_champion: float | None
    sentence: str
    reason: str
    reasons: tuple[str, ...] = ()
    looks: int = 1
    level: float = ALPHA / 2
    auc_low: float | None = None
    oe: float | None = None
    oe_others: float | None = None
    oe_bounds: Bounds = (0.8, 1.25)
    minimum_patients: int = 60
    minimum_events: int = 20
    alone: bool = False
    first: Verdict | None = None


def level_of(looks: int) -> float:
    """Return the share of `ALPHA` that a look at the external patients may spend.

    The k-th look spends ``ALPHA / (k (k + 1))``: half, a sixth, a twelfth. However many looks follow, the shares
    sum to less than `ALPHA`, and nobody has to plan their number.

    Parameters
    ----------
    looks : int
        This look included; below 1 counts as 1.
    """
    k = max(looks, 1)
    return ALPHA / (k * (k + 1))


def measures_of(y: Ints, p: Floats, *, looks: int) -> Measures:
    """Return the measures of one model, with the bound of its AUC at the level of a look.

    Parameters
    ----------
    y : array of int, shape (n_patients,)
        1 for a responder, 0 otherwise.
    p : array of float, shape (n_patients,)
        Probabilities of response, by a model that was not fitted on these patients.
    looks : int
        As for `level_of`.
    """
    interval = delong_interval(y, p, level=1 - 2 * level_of(looks)) if len(y) else None
    return replace(_measured(y, p), auc_low=interval[0] if interval else None)


def judge(
    y: Ints, p_challenger: Floats, p_champion: Floats, *, rule: Rule, looks: int, other: str = "the champion"
) -> Verdict:
    """Judge a challenger against another model on the same patients.

    The variance of the difference of the areas is DeLong's, with one more patient of each class added whom the
    models place at opposite ends: models that rank all known patients alike may still differ in those who were not
    met, and DeLong's variance is zero then, however few the patients.

    Parameters
    ----------
    y : array of int, shape (n_patients,)
        1 for a responder, 0 otherwise.
    p_challenger, p_champion : array of float, shape (n_patients,)
        Probabilities of response, each by a model that was not fitted on these patients.
    rule : Rule
    looks : int
        How often these patients had been looked at, this look included; see `level_of`.
    other : str
        What the other model is called in sentences.

    Returns
    -------
    Verdict

    Raises
    ------
    NotComparable
        If the three arrays are not of one length.

    References
    ----------
    Paired areas: DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837-845. Non-inferiority of
    areas: Liu et al., Stat Med 2006;25:1219-1238. An added observation against variances of zero: Agresti & Caffo,
    Am Stat 2000;54:280-288. Slope: Cox, Biometrika 1958;45:562-565. Shares of alpha for looks whose number nobody
    plans: Foster & Stine, J R Stat Soc B 2008;70:429-444.
    """
    if not len(y) == len(p_challenger) == len(p_champion):
        raise NotComparable("Challenger and champion were not given the same patients.")
    measures = _measured(y, p_challenger)
    difference, low, why_no_area = _difference(y, p_challenger, p_champion, level=level_of(looks))
    few = "" if why_no_area else _few(measures, rule)
    reasons = (why_no_area or _loss(low, rule.margin, other), few, *_miscalibration(measures, rule))
    return replace(
        _blank(measures, rule, looks=looks),
        difference=difference,
        low=low,
        auc_champion=auc(y, p_champion) if len(y) else None,
        sentence=_sentence(measures, difference, low, looks=looks, other=other),
        **_decided(reasons),
    )


def judge_alone(measures: Measures, *, rule: Rule, looks: int, where: str = _ELSEWHERE) -> Verdict:
    """Judge the first version of a name, which has no champion to follow, against the minima.

    Parameters
    ----------
    measures : Measures
    rule : Rule
    looks : int
        As for `judge`; 0 where the patients are not external.
    where : str
        Whose patients they are, after "On 60".

    Returns
    -------
    Verdict
    """
    reasons = (_few(measures, rule), _no_better_than_chance(measures), *_miscalibration(measures, rule))
    return replace(
        _blank(measures, rule, looks=looks),
        auc_low=measures.auc_low,
        alone=True,
        sentence=_alone(measures, looks=looks, where=where),
        **_decided(reasons),
    )


def with_first(verdict: Verdict, first: Verdict) -> Verdict:
    """Return a verdict that also asks that the challenger is not inferior to the first champion.

    Parameters
    ----------
    verdict, first : Verdict
        Against the champion, and against the first champion.
    """
    return replace(
        verdict,
        first=first,
        sentence=f"{verdict.sentence} {first.sentence}",
        **_decided((*verdict.reasons, *first.reasons)),
    )


def undecided(
    reason: str, *, rule: Rule, looks: int = 0, sentence: str = "The two models were not compared."
) -> Verdict:
    """Return the verdict of a version that could not be judged.

    Parameters
    ----------
    reason : str
        Why not, as a sentence.
    rule : Rule
    looks : int
        As for `judge`.
    sentence : str
        What was not done.
    """
    blank = _blank(Measures(0, 0), rule, looks=looks)
    return replace(blank, sentence=sentence, **_decided((reason,)))


def _measured(y: Ints, p: Floats) -> Measures:
    if not len(y):
        return Measures(0, 0, slope_reason="no patient")
    calibration = calibration_slope_intercept(y, p)
    return Measures(
        n=len(y),
        events=int(np.sum(y == 1)),
        auc=auc(y, p),
        slope=calibration.slope,
        intercept=calibration.intercept,
        observed_expected=observed_expected(y, p).ratio,
        slope_reason=calibration.reason,
    )


def _blank(measures: Measures, rule: Rule, *, looks: int) -> Verdict:
    return Verdict(
        non_inferior=False,
        difference=None,
        low=None,
        margin=rule.margin,
        slope=measures.slope,
        intercept=measures.intercept,
        slope_bounds=rule.slope_bounds,
        calibration_ok=bool(measures.n) and not _miscalibration(measures, rule),
        n=measures.n,
        events=measures.events,
        auc_challenger=measures.auc,
        auc_champion=None,
        sentence="",
        reason="",
        looks=looks,
        level=level_of(looks),
        oe=measures.observed_expected,
        oe_others=measures.observed_expected_others,
        oe_bounds=rule.oe_bounds,
        minimum_patients=rule.minimum_patients,
        minimum_events=rule.minimum_events,
    )


def _decided(reasons: Sequence[str]) -> dict[str, Any]:
    said = tuple(dict.fromkeys(filter(None, reasons)))
    return {"non_inferior": not said, "reason": " ".join(said), "reasons": said}


def _difference(y: Ints, one: Floats, two: Floats, *, level: float) -> tuple[float | None, float | None, str]:
    events, others = int(np.sum(y == 1)), int(np.sum(y == 0))
    if not len(y):
        return None, None, "There is no patient of another hospital on whom both models can be compared."
    if min(events, others) < 2:
        return (
            None,
            None,
            f"The comparison has {_counted(events, 'responder')} and {_counted(others, 'non-responder')}; "
            "it needs at least two of each.",
        )
    of_events, of_others = (a - b for a, b in zip(placements(y, one), placements(y, two), strict=True))
    known = np.var(of_events, ddof=1) / events + np.var(of_others, ddof=1) / others
    unmet = 1 / events**2 + 1 / others**2
    difference = float(of_events.mean())
    low = difference - float(stats.norm.isf(level) * np.sqrt(known + unmet))
    return difference, max(low, -1.0), ""  # no difference of areas is lower


def _loss(low: float | None, margin: float, other: str) -> str:
    if low is None or low > -margin:
        return ""
    return (
        f"The challenger's AUC may be {_number(-low)} lower than {other}'s; at most {_number(margin)} "
        "would count as not inferior."
    )


def _few(measures: Measures, rule: Rule) -> str:
    smaller = min(measures.events, measures.n - measures.events)
    if measures.n >= rule.minimum_patients and smaller >= rule.minimum_events:
        return ""
    return (
        f"There are {_counted(measures.n, 'patient')}, {smaller} of the smaller class; the rule asks for at least "
        f"{rule.minimum_patients}, {rule.minimum_events} of the smaller class."
    )


def _no_better_than_chance(measures: Measures) -> str:
    if measures.auc_low is None:
        return "The AUC has no lower bound."
    if measures.auc_low > 0.5:
        return ""
    return f"The AUC may be as low as {_number(measures.auc_low)}, which is no better than chance."


def _miscalibration(measures: Measures, rule: Rule) -> list[str]:
    if not measures.n:
        return []
    return list(filter(None, (_slope_outside(measures, rule.slope_bounds), *_ratios_outside(measures, rule))))


def _slope_outside(measures: Measures, bounds: Bounds) -> str:
    if measures.slope is None:
        return f"The calibration slope is not defined: {measures.slope_reason}."
    if bounds[0] <= measures.slope <= bounds[1]:
        return ""
    return f"The calibration slope, {_number(measures.slope)}, must lie between {_between(bounds)}."


def _ratios_outside(measures: Measures, rule: Rule) -> list[str]:
    found = []
    ratios = {"responders": measures.observed_expected, "non-responders": measures.observed_expected_others}
    for who, ratio in ratios.items():
        if ratio is None:
            found.append(f"The ratio of observed to expected {who} is not defined.")
        elif not rule.oe_bounds[0] <= ratio <= rule.oe_bounds[1]:
            found.append(
                f"The ratio of observed to expected {who}, {_number(ratio)}, must lie between {_between(rule.oe_bounds)}."
            )
    return found


def _sentence(measures: Measures, difference: float | None, low: float | None, *, looks: int, other: str) -> str:
    patients = f"On {measures.n} {_ELSEWHERE} ({_counted(measures.events, 'responder')})"
    if difference is None or low is None:
        return f"{patients} the difference of the areas is not defined."
    how = "lower than" if difference < 0 else "higher than"
    compared = f"is {_number(abs(difference))} {how}" if difference else "equals"
    return (
        f"{patients} the challenger's AUC {compared} {other}'s (lower {_confidence(looks)} bound of the difference "
        f"{_number(low)}; look {max(looks, 1)} at these patients){_calibration(measures)}."
    )


def _alone(measures: Measures, *, looks: int, where: str) -> str:
    patients = f"On {measures.n} {where} ({_counted(measures.events, 'responder')})"
    if measures.auc is None:
        return f"{patients} the AUC is not defined."
    bound = ""
    if measures.auc_low is not None:
        look = f"; look {looks} at these patients" if looks else ""
        bound = f" (lower {_confidence(looks)} bound {_number(measures.auc_low)}{look})"
    return f"{patients} the AUC is {_number(measures.auc)}{bound}{_calibration(measures)}."


def _calibration(measures: Measures) -> str:
    known = {"calibration slope": measures.slope, "observed to expected": measures.observed_expected}
    return "".join(f", {name} {_number(value)}" for name, value in known.items() if value is not None)


def _confidence(looks: int) -> str:
    return f"{100 * (1 - level_of(looks)):.4g} %"


def _between(bounds: Bounds) -> str:
    return f"{_number(bounds[0])} and {_number(bounds[1])}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _number(value: float) -> str:
    text = f"{abs(value):.3f}".rstrip("0")
    text = text + "0" * max(0, 2 - len(text.partition(".")[2]))
    return f"\N{MINUS SIGN}{text}" if value < 0 and float(text) else text
