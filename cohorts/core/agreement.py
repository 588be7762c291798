"""Blinded double reading: when two readings agree, and what counts when they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cohorts.core.errors import Finding, gettext_noop
from cohorts.core.response import MPR_THRESHOLD_PERCENT

#: Two readings that differ by more percentage points than this go to a third reader (our default).
READING_MARGIN_POINTS = 10.0
#: What is entered may differ by this much from what the readers settled on: values are typed rounded.
_ENTERED_TOLERANCE_POINTS = 0.5


class ReadingState(StrEnum):
    """How far the blinded readings of one patient have come."""

    NONE = "none"
    ONE = "one"
    AGREED = "agreed"
    TO_ADJUDICATE = "to_adjudicate"
    ADJUDICATED = "adjudicated"


@dataclass(frozen=True)
class Consensus:
    """What the blinded readings of one patient come to.

    Parameters
    ----------
    state : ReadingState
        How far they have come.
    viable_percent : float or None
        The value that counts; None until the readings are settled.
    """

    state: ReadingState = ReadingState.NONE
    viable_percent: float | None = None

    @property
    def is_settled(self) -> bool:
        """Tell whether a value counts."""
        return self.viable_percent is not None


#: What no reading at all comes to.
UNREAD = Consensus()


def consensus(
    readings: Sequence[float],
    *,
    margin_points: float = READING_MARGIN_POINTS,
    threshold_percent: float = MPR_THRESHOLD_PERCENT,
) -> Consensus:
    """Settle the readings of one patient.

    Two readings agree if they differ by at most the margin and lie on the same side of the MPR line; their mean
    counts. Otherwise a third reader decides, and the third reading counts alone.

    Parameters
    ----------
    readings : sequence of float
        Viable percentages in the order of their slots: first, second, adjudication.
    margin_points : float, optional
        Largest difference of two readings that agree, in percentage points.
    threshold_percent : float, optional
        The MPR line of the cohort.

    Returns
    -------
    Consensus
        With a value once the readings are settled.
    """
    if len(readings) < 2:
        return Consensus(ReadingState.ONE if readings else ReadingState.NONE)
    first, second = readings[0], readings[1]
    same_side = (first <= threshold_percent) == (second <= threshold_percent)
    if same_side and round(abs(first - second), 6) <= margin_points:  # 12.3 - 2.3 is not quite 10
        return Consensus(ReadingState.AGREED, (first + second) / 2)
    if len(readings) == 2:
        return Consensus(ReadingState.TO_ADJUDICATE)
    return Consensus(ReadingState.ADJUDICATED, readings[2])


def is_as_settled(viable_percent: float, settled: Consensus) -> bool:
    """Tell whether an entered percentage is what the blinded readers settled on.

    Parameters
    ----------
    viable_percent : float
        Viable tumour as entered.
    settled : Consensus
        What the blinded readings come to.

    Returns
    -------
    bool
        False as long as the readings are not settled.
    """
    if settled.viable_percent is None:
        return False
    return abs(viable_percent - settled.viable_percent) <= _ENTERED_TOLERANCE_POINTS


def check_consensus(viable_percent: float, settled: Consensus) -> tuple[Finding, ...]:
    """Apply rule E12: what is entered is what the blinded readers settled on.

    Parameters
    ----------
    viable_percent : float
        Viable tumour as entered.
    settled : Consensus
        What the blinded readings come to.

    Returns
    -------
    tuple of Finding
        None as long as the readings are not settled.
    """
    if settled.viable_percent is None or is_as_settled(viable_percent, settled):
        return ()
    template = gettext_noop(
        "The blinded readers settled on {settled} %, but {entered} % is entered. Enter what they settled on."
    )
    values = {"settled": f"{settled.viable_percent:g}", "entered": f"{viable_percent:g}"}
    return (Finding("E12", "viable_percent", template, values),)
