"""The order of a patient's dates, and the distances that a study protocol accepts."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from cohorts.core.errors import Finding, gettext_noop

PRE_SCAN_LIMIT_DAYS = 28
POST_SCAN_LIMIT_DAYS = 28
SURGERY_LIMIT_DAYS = 70
#: The shortest course of published practice (Forde et al., N Engl J Med 2018;378:1976-1986): two doses 14 days apart,
#: surgery about four weeks after the first, the CT within 7 days before it.
DOSE_TO_SURGERY_MINIMUM_DAYS = 14
DOSE_TO_SCAN_MINIMUM_DAYS = 7


@dataclass(frozen=True)
class Timeline:
    """Dates of one patient; None where not known."""

    pre_scan_on: date | None = None
    first_dose_on: date | None = None
    last_dose_on: date | None = None
    post_scan_on: date | None = None
    surgery_on: date | None = None
    signed_off_on: date | None = None


_LABELS = {
    "pre_scan_on": gettext_noop("pre-treatment CT"),
    "first_dose_on": gettext_noop("first dose"),
    "last_dose_on": gettext_noop("last dose"),
    "post_scan_on": gettext_noop("post-treatment CT"),
    "surgery_on": gettext_noop("surgery"),
    "signed_off_on": gettext_noop("pathology sign-off"),
}
#: Later date → those on whose day it cannot lie, either. One cycle has one day of dose, and a CT on the day of the last
#: dose was taken before the infusion; but one on the day of the first dose is no CT after treatment.
_NOT_ON_THE_DAY_OF = {"post_scan_on": {"pre_scan_on", "first_dose_on"}, "surgery_on": {"first_dose_on"}}


def check_timeline(timeline: Timeline) -> tuple[Finding, ...]:
    """Apply rule E10 (order of dates) and warnings W6, W8, W9, W17, W18 (distances).

    Returns
    -------
    tuple of Finding
        At the later field of each pair that is out of order.
    """
    return (*_order(timeline), *_distances(timeline))


def _order(timeline: Timeline) -> Iterator[Finding]:
    known = [(name, value) for name in _LABELS if (value := getattr(timeline, name)) is not None]
    for place, (later, second) in enumerate(known):
        # The nearest date speaks first; a farther one only where the two may not share a day.
        for earlier, first in reversed(known[:place]):
            apart = earlier in _NOT_ON_THE_DAY_OF.get(later, ())
            is_next = earlier == known[place - 1][0]
            if (is_next and second < first) or (apart and second <= first):
                template = gettext_noop("The {later} must be on or after the {earlier}.")
                if apart:
                    template = gettext_noop("The {later} must be after the {earlier}.")
                yield Finding("E10", later, template, {"later": _LABELS[later], "earlier": _LABELS[earlier]})
                break


def _distances(timeline: Timeline) -> Iterator[Finding]:
    most = (
        ("W8", "pre_scan_on", "first_dose_on", PRE_SCAN_LIMIT_DAYS),
        ("W9", "post_scan_on", "surgery_on", POST_SCAN_LIMIT_DAYS),
        ("W6", "last_dose_on", "surgery_on", SURGERY_LIMIT_DAYS),
    )
    for rule, earlier, later, limit in most:
        if (days := _days_between(timeline, earlier, later)) is not None and days > limit:
            template = gettext_noop("{days} days from {earlier} to {later}; the protocol expects at most {limit}.")
            yield Finding(rule, later, template, _distance(days, limit, earlier, later))
    least = (
        ("W17", "last_dose_on", "post_scan_on", DOSE_TO_SCAN_MINIMUM_DAYS),
        ("W18", "last_dose_on", "surgery_on", DOSE_TO_SURGERY_MINIMUM_DAYS),
    )
    for rule, earlier, later, limit in least:
        if (days := _days_between(timeline, earlier, later)) is not None and 0 <= days < limit:
            template = gettext_noop("{days} days from {earlier} to {later}; at least {limit} are usual.")
            yield Finding(rule, later, template, _distance(days, limit, earlier, later))


def _days_between(timeline: Timeline, earlier: str, later: str) -> int | None:
    first, second = getattr(timeline, earlier), getattr(timeline, later)
    return (second - first).days if first and second else None


def _distance(days: int, limit: int, earlier: str, later: str) -> dict[str, str]:
    return {"days": str(days), "limit": str(limit), "earlier": _LABELS[earlier], "later": _LABELS[later]}


def date_shift_days(key: bytes, *, cohort_code: str, patient_code: str) -> int:
    """Give the number of days by which a patient's imaging dates are moved into the past.

    It follows from a secret key and the pseudonym, so that every scan of a patient moves alike and intervals stay
    exact, while nobody without the key can undo it. Whole weeks keep the day of the week.

    Returns
    -------
    int
        Between -3647 and -371, a multiple of 7.
    """
    digest = hmac.new(key, f"date-shift:{cohort_code}:{patient_code}".encode(), hashlib.sha256).digest()
    return -7 * (53 + int.from_bytes(digest[:8], "big") % 469)
