"""The order of a patient's dates, and the shift that hides them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from cohorts.core.timeline import (
    DOSE_TO_SCAN_MINIMUM_DAYS,
    DOSE_TO_SURGERY_MINIMUM_DAYS,
    Timeline,
    check_timeline,
    date_shift_days,
)

COURSE = Timeline(
    pre_scan_on=date(2024, 2, 20),
    first_dose_on=date(2024, 3, 4),
    last_dose_on=date(2024, 4, 22),
    post_scan_on=date(2024, 5, 20),
    surgery_on=date(2024, 6, 3),
    signed_off_on=date(2024, 6, 12),
)
NAMES = list(Timeline.__dataclass_fields__)


def said(timeline: Timeline) -> set[tuple[str, str]]:
    return {(finding.rule, finding.field) for finding in check_timeline(timeline)}


def test_a_course_in_order_has_no_finding() -> None:
    assert said(COURSE) == set()


def test_nothing_is_said_of_dates_that_are_not_known() -> None:
    assert said(Timeline()) == set()


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(NAMES)))
def test_a_date_before_its_predecessor_is_refused_at_the_later_field(earlier: str, later: str) -> None:
    broken = replace(Timeline(), **{earlier: date(2024, 5, 2), later: date(2024, 5, 1)})
    assert said(broken) == {("E10", later)}


@pytest.mark.parametrize(
    ("earlier", "later", "may_share_a_day"),
    [
        ("pre_scan_on", "first_dose_on", True),
        ("first_dose_on", "last_dose_on", True),  # one cycle
        ("last_dose_on", "post_scan_on", True),  # before the infusion
        ("post_scan_on", "surgery_on", True),
        ("surgery_on", "signed_off_on", True),
        ("first_dose_on", "post_scan_on", False),
        ("first_dose_on", "surgery_on", False),
        ("pre_scan_on", "post_scan_on", False),
    ],
)
def test_neighbours_may_share_a_day_but_a_scan_or_surgery_not_that_of_the_first_dose(
    earlier: str, later: str, may_share_a_day: bool
) -> None:
    same = replace(Timeline(), **{earlier: date(2024, 5, 1), later: date(2024, 5, 1)})
    errors = {(f.rule, f.field) for f in check_timeline(same) if f.is_error}
    assert errors == (set() if may_share_a_day else {("E10", later)})


def test_one_cycle_is_a_course_of_treatment() -> None:
    assert said(replace(COURSE, last_dose_on=COURSE.first_dose_on, surgery_on=None, signed_off_on=None)) == set()


def test_a_scan_on_the_day_of_the_last_dose_is_allowed_and_asked_about() -> None:
    assert said(replace(COURSE, last_dose_on=COURSE.post_scan_on)) == {("W17", "post_scan_on")}


def test_a_scan_on_the_day_of_the_only_dose_is_none_after_treatment() -> None:
    only = COURSE.first_dose_on
    assert ("E10", "post_scan_on") in said(replace(COURSE, last_dose_on=only, post_scan_on=only))


def test_two_dates_out_of_order_are_said_once_at_the_later_one() -> None:
    broken = Timeline(pre_scan_on=date(2024, 5, 3), first_dose_on=date(2024, 5, 3), post_scan_on=date(2024, 5, 1))
    assert [f.field for f in check_timeline(broken)] == ["post_scan_on"]


def test_a_gap_in_the_course_hides_no_wrong_order() -> None:
    assert said(Timeline(first_dose_on=date(2024, 5, 1), surgery_on=date(2024, 4, 1))) == {("E10", "surgery_on")}


def test_the_scan_after_treatment_follows_the_first_dose_when_the_last_is_not_known() -> None:
    assert said(Timeline(first_dose_on=date(2024, 5, 1), post_scan_on=date(2024, 5, 1))) == {("E10", "post_scan_on")}


@pytest.mark.parametrize(
    ("rule", "earlier", "later", "limit"),
    [
        ("W8", "pre_scan_on", "first_dose_on", 28),
        ("W9", "post_scan_on", "surgery_on", 28),
        ("W6", "last_dose_on", "surgery_on", 70),
    ],
)
def test_a_distance_beyond_the_protocol_is_a_warning(rule: str, earlier: str, later: str, limit: int) -> None:
    start = date(2024, 5, 1)
    at_limit = replace(Timeline(), **{earlier: start, later: start + timedelta(limit)})
    beyond = replace(Timeline(), **{earlier: start, later: start + timedelta(limit + 1)})
    assert said(at_limit) == set()
    assert said(beyond) == {(rule, later)}
    assert not any(finding.is_error for finding in check_timeline(beyond))


@pytest.mark.parametrize(
    ("rule", "earlier", "later", "minimum"),
    [
        ("W17", "last_dose_on", "post_scan_on", DOSE_TO_SCAN_MINIMUM_DAYS),
        ("W18", "last_dose_on", "surgery_on", DOSE_TO_SURGERY_MINIMUM_DAYS),
    ],
)
def test_a_distance_shorter_than_usual_is_a_warning(rule: str, earlier: str, later: str, minimum: int) -> None:
    start = date(2024, 5, 1)
    at_minimum = replace(Timeline(), **{earlier: start, later: start + timedelta(minimum)})
    shorter = replace(Timeline(), **{earlier: start, later: start + timedelta(minimum - 1)})
    assert said(at_minimum) == set()
    assert said(shorter) == {(rule, later)}
    assert not any(finding.is_error for finding in check_timeline(shorter))


@pytest.mark.parametrize("number", range(60))
def test_dates_move_one_to_ten_years_back_by_whole_weeks(number: int) -> None:
    days = date_shift_days(b"key", cohort_code="trial", patient_code=f"P-{number}")
    assert days % 7 == 0
    assert -3650 <= days <= -365


def test_the_shift_follows_from_key_cohort_and_patient_and_from_each_of_them() -> None:
    here = {"cohort_code": "trial", "patient_code": "P-1"}
    assert date_shift_days(b"key", **here) == date_shift_days(b"key", **here)
    others = [
        date_shift_days(b"other key", **here),
        *(date_shift_days(b"key", **(here | {"cohort_code": f"c{n}"})) for n in range(5)),
        *(date_shift_days(b"key", **(here | {"patient_code": f"P-{n}"})) for n in range(2, 7)),
    ]
    assert len({date_shift_days(b"key", **here), *others}) > 8
