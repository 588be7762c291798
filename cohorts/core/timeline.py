"""The order of a patient's dates, and the distances that a study protocol accepts."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from cohorts.core.errors import Finding, gettext_noop

PRE_SCAN_LIMIT_DAYS = 28
POST_SCAN_LIMIT_DAYS = 28
SURGERY_LIMIT_DAYS = 70


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
#: Dates that must lie after the one before them, not on its day.
_STRICT = {"last_dose_on", "post_scan_on"}


def check_timeline(timeline: Timeline) -> tuple[Finding, ...]:
    """Apply rule E10 (order of dates) and warnings W6, W8, W9 (distances).

    Returns
    -------
    tuple of Finding
        At the later field of each pair that is out of order.
    """
    return (*_order(timeline), *_distances(timeline))


def _order(timeline: Timeline) -> Iterator[Finding]:
    order = list(_LABELS)
    known = [(name, value) for name in order if (value := getattr(timeline, name)) is not None]
    for (earlier, first), (later, second) in pairwise(known):
        # A date between them that is not known keeps its distance all the same.
        strict = not _STRICT.isdisjoint(order[order.index(earlier) + 1 : order.index(later) + 1])
        if second < first or (strict and second == first):
            template = gettext_noop("The {later} must be on or after the {earlier}.")
            if strict:
                template = gettext_noop("The {later} must be after the {earlier}.")
            yield Finding("E10", later, template, {"later": _LABELS[later], "earlier": _LABELS[earlier]})


def _distances(timeline: Timeline) -> Iterator[Finding]:
    rules = (
        ("W8", "pre_scan_on", "first_dose_on", PRE_SCAN_LIMIT_DAYS),
        ("W9", "post_scan_on", "surgery_on", POST_SCAN_LIMIT_DAYS),
        ("W6", "last_dose_on", "surgery_on", SURGERY_LIMIT_DAYS),
    )
    for rule, earlier, later, limit in rules:
        first, second = getattr(timeline, earlier), getattr(timeline, later)
        if first and second and (second - first).days > limit:
            template = gettext_noop("{days} days from {earlier} to {later}; the protocol expects at most {limit}.")
            days = {"days": str((second - first).days), "limit": str(limit)}
            yield Finding(rule, later, template, {**days, "earlier": _LABELS[earlier], "later": _LABELS[later]})


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
