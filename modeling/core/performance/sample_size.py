"""How many patients a model of a binary outcome needs."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, log

#: Of the largest possible Cox-Snell R2, what is assumed where nothing better is known (Riley).
ASSUMED_SHARE_OF_R2 = 0.15

#: Acceptable difference of apparent and adjusted Nagelkerke R2, error of the overall risk, and mean
#: absolute error of a patient's probability.
_OPTIMISM, _MARGIN, _ABSOLUTE_ERROR = 0.05, 0.05, 0.05

#: The formula of the mean absolute error was fitted to models of at most so many parameters.
_MOST_PARAMETERS = 30


@dataclass(frozen=True)
class SampleSizeAdvice:
    """Patients that a model needs, and whether there are so many.

    `criteria` holds the patients that each criterion asks for: ``shrinkage``, ``optimism``,
    ``overall_risk`` and ``absolute_error`` (None where its formula does not apply). `needed` is the
    largest of them, None with one class.
    """

    needed: int | None
    n: int
    events: int
    enough: bool
    sentence: str
    criteria: dict[str, int | None]


def largest_r2(prevalence: float) -> float:
    """Give the largest Cox-Snell R2 that a model can reach at this share of events."""
    return 1 - exp(2 * (prevalence * log(prevalence) + (1 - prevalence) * log(1 - prevalence)))


def advise(
    n: int,
    events: int,
    *,
    parameters: int,
    r2_cs: float | None = None,
    shrinkage: float = 0.9,
    counted: str = "",
) -> SampleSizeAdvice:
    """Say how many patients are needed to fit a model of so many parameters.

    Parameters
    ----------
    n, events : int
        Patients and responders of the training data; their share is taken as the prevalence.
    parameters : int
        Candidate coefficients before any selection: every column that is compared with the outcome.
    r2_cs : float, optional
        Cox-Snell R2 that the model is expected to reach, from an earlier study. By default 15 % of
        the largest possible one, as Riley advises where nothing is known.
    shrinkage : float
        Expected calibration slope in new patients that is still acceptable.
    counted : str
        A sentence that says what the parameters are; it stands in the advice.

    Returns
    -------
    SampleSizeAdvice

    Raises
    ------
    ValueError
        If r2_cs does not lie between 0 and the largest possible one, or not below the shrinkage.

    References
    ----------
    Riley et al., Stat Med 2019;38:1276-1296; Riley et al., BMJ 2020;368:m441. Mean absolute error:
    van Smeden et al., Stat Methods Med Res 2019;28:2455-2474.
    """
    if not 0 < events < n:
        sentence = f"All {n} patients have the same outcome, so the number needed cannot be computed."
        return SampleSizeAdvice(None, n, events, False, sentence, {})
    prevalence = events / n
    most = largest_r2(prevalence)
    expected = ASSUMED_SHARE_OF_R2 * most if r2_cs is None else r2_cs
    if not 0 < expected < min(most, shrinkage):
        raise ValueError(f"R2 must lie between 0 and {min(most, shrinkage):.3f}, not at {expected}.")
    criteria: dict[str, int | None] = {
        "shrinkage": _for_shrinkage(parameters, expected, shrinkage),
        "optimism": _for_shrinkage(parameters, expected, expected / (expected + _OPTIMISM * most)),
        "overall_risk": _up((1.96 / _MARGIN) ** 2 * prevalence * (1 - prevalence)),
        "absolute_error": _for_absolute_error(parameters, min(prevalence, 1 - prevalence)),
    }
    needed = max(number for number in criteria.values() if number is not None)
    assumed = expected if r2_cs is None else None
    sentence = _sentence(n, events, needed, parameters=parameters, assumed=assumed)
    sentence += f" {counted}" if counted else ""
    return SampleSizeAdvice(needed, n, events, n >= needed, sentence, criteria)


def _for_shrinkage(parameters: int, r2_cs: float, shrinkage: float) -> int:
    return _up(parameters / ((shrinkage - 1) * log(1 - r2_cs / shrinkage)))


def _for_absolute_error(parameters: int, rarer: float) -> int | None:
    if parameters > _MOST_PARAMETERS:
        return None
    return _up(exp((-0.508 + 0.259 * log(rarer) + 0.504 * log(parameters) - log(_ABSOLUTE_ERROR)) / 0.544))


def _up(patients: float) -> int:
    # Rounding must not turn an exact number into the next one.
    return ceil(round(patients, 6))


def _sentence(n: int, events: int, needed: int, *, parameters: int, assumed: float | None) -> str:
    asked = f"A model that chooses among {parameters:,} candidate feature{'s' * (parameters != 1)}"
    need = f"{asked} needs about {needed:,} patients at this response rate ({events / n:.0%})"
    have = (
        f"{n:,} patients with {events:,} responders are enough."
        if n >= needed
        else f"there are {n:,} with {events:,} responders, so its probabilities may be too extreme in new patients."
    )
    if assumed is None:
        return f"{need}; {have}"
    return (
        f"{need}; {have} This assumes that the model explains {ASSUMED_SHARE_OF_R2:.0%} of what can be "
        f"explained (Cox-Snell R2 of {assumed:.2f}), the usual advice where no earlier study tells."
    )
