"""A course drawn to scale: days are distances, labels do not meet, broken rules stand at their moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from cohorts.core.course import Course, draw_course
from cohorts.core.timeline import Timeline, check_timeline

FIRST = date(2024, 3, 4)
TIMELINE = Timeline(
    pre_scan_on=FIRST - timedelta(14),
    first_dose_on=FIRST,
    last_dose_on=FIRST + timedelta(49),
    post_scan_on=FIRST + timedelta(77),
    surgery_on=FIRST + timedelta(91),
    signed_off_on=FIRST + timedelta(100),
)


def drawn(timeline: Timeline = TIMELINE) -> Course:
    course = draw_course(timeline, check_timeline(timeline))
    assert course is not None
    return course


def test_without_a_date_there_is_nothing_to_draw() -> None:
    assert draw_course(Timeline()) is None


def test_distances_on_the_axis_are_proportional_to_days() -> None:
    course = drawn()
    per_day = [
        (later.x_percent - earlier.x_percent) / (later.day - earlier.day)
        for earlier, later in pairwise(course.moments)
    ]
    assert max(per_day) - min(per_day) < 0.01
    assert [moment.day for moment in course.moments] == [-14, 0, 49, 77, 91, 100]
    assert [moment.since_previous_days for moment in course.moments] == [None, 14, 49, 28, 14, 9]


def test_everything_stands_within_the_drawing() -> None:
    course = drawn()
    spans = [*course.windows, *([course.treatment] if course.treatment else [])]
    assert all(0 <= moment.x_percent <= 100 and 0 < moment.label_y < course.height_px for moment in course.moments)
    assert all(span.x_percent >= 0 and span.x_percent + span.width_percent <= 100 for span in spans)
    assert all(0 <= tick.x_percent <= 100 for tick in course.ticks)


@pytest.mark.parametrize("gap", [0, 1, 40, 400])
def test_no_two_labels_share_a_row_and_no_leader_crosses_a_label(gap: int) -> None:
    timeline = replace(TIMELINE, surgery_on=FIRST + timedelta(91 + gap), signed_off_on=FIRST + timedelta(91 + gap))
    moments = drawn(timeline).moments
    assert len({moment.label_y for moment in moments}) == len(moments)
    for left, right in pairwise([moment for moment in moments if moment.is_left]):
        assert left.label_y < right.label_y, "the outermost stands highest, so nothing passes through its words"
    for left, right in pairwise([moment for moment in moments if not moment.is_left]):
        assert left.label_y < right.label_y, "the outermost stands lowest"


def test_treatment_and_the_windows_of_the_protocol_have_their_lengths() -> None:
    course = drawn()
    assert course.treatment is not None
    assert course.treatment.days == 49
    assert [window.days for window in course.windows] == [28, 28]
    assert [window.days for window in drawn(replace(TIMELINE, post_scan_on=None)).windows] == [28, 70]


def test_a_broken_rule_stands_at_its_moment() -> None:
    course = drawn(replace(TIMELINE, surgery_on=FIRST + timedelta(60)))
    wrong = {moment.field: [finding.rule for finding in moment.findings] for moment in course.moments}
    assert wrong["surgery_on"] == ["E10", "W18"]
    assert [moment.field for moment in course.moments if moment.has_error] == ["surgery_on"]


def test_one_date_alone_is_drawn() -> None:
    course = drawn(Timeline(surgery_on=FIRST))
    assert [(moment.day, course.counts_from_first_dose) for moment in course.moments] == [(0, False)]


@pytest.mark.parametrize("days", [10, 100, 1000, 4000])
def test_the_axis_has_few_ticks_and_day_zero_among_them(days: int) -> None:
    course = drawn(replace(TIMELINE, surgery_on=FIRST + timedelta(91 + days), signed_off_on=None))
    assert 0 in [tick.day for tick in course.ticks]
    assert 2 <= len(course.ticks) <= 14
