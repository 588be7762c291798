"""Whether a prediction was made before anybody could know: one rule, for the label and for the judgement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Timing(StrEnum):
    """When a prediction was made, beside what could be known of its patient."""

    BEFORE = "before"
    AFTER = "after"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Known:
    """The earliest days and moments from which a patient's response could be known; None where there is none.

    Parameters
    ----------
    operated_on, signed_off_on : date or None
        Day of surgery and of the sign-off of pathology, on the calendar of the predictions.
    read_at, entered_at : datetime or None
        When anybody first read the specimen (blinded readings and drafts included), and when any version of
        the outcome was first entered.
    """

    operated_on: date | None = None
    signed_off_on: date | None = None
    read_at: datetime | None = None
    entered_at: datetime | None = None


def timing_of(predicted_at: datetime, known: Known) -> Timing:
    """Return whether a prediction was made before the earliest moment from which its answer could be known.

    A day is known as a whole: a prediction of the day of surgery is not before it. Without a day of surgery
    nothing shows that the tumour was still in the patient, so the timing is unknown, unless something else came first.

    Parameters
    ----------
    predicted_at : datetime
        In the time zone in which the days of `known` are counted.
    known : Known

    Returns
    -------
    Timing
    """
    days = [day for day in (known.operated_on, known.signed_off_on) if day is not None]
    moments = [moment for moment in (known.read_at, known.entered_at) if moment is not None]
    if any(day <= predicted_at.date() for day in days) or any(moment <= predicted_at for moment in moments):
        return Timing.AFTER
    return Timing.UNKNOWN if known.operated_on is None else Timing.BEFORE
