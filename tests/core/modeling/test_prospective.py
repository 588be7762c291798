"""When a prediction was made before anybody could know."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from modeling.core.prospective import Known, Timing, timing_of

SURGERY = date(2026, 3, 10)
BEFORE = datetime(2026, 3, 9, 23, 59, tzinfo=UTC)
LATER = datetime(2026, 4, 1, tzinfo=UTC)


def test_a_prediction_before_everything_is_before() -> None:
    known = Known(SURGERY, date(2026, 3, 20), LATER, LATER)
    assert timing_of(BEFORE, known) == Timing.BEFORE


@pytest.mark.parametrize(
    "known",
    [
        Known(date(2026, 3, 9)),
        Known(SURGERY, signed_off_on=date(2026, 3, 9)),
        Known(SURGERY, read_at=BEFORE - timedelta(seconds=1)),
        Known(SURGERY, read_at=BEFORE),
        Known(SURGERY, entered_at=BEFORE),
        Known(read_at=BEFORE),
        Known(signed_off_on=date(2026, 3, 1)),
    ],
)
def test_the_earliest_of_surgery_sign_off_reading_and_entry_decides(known: Known) -> None:
    assert timing_of(BEFORE, known) == Timing.AFTER


def test_the_day_of_surgery_is_not_before_it_and_the_day_before_is() -> None:
    dawn = datetime(2026, 3, 10, 0, 1, tzinfo=UTC)
    assert timing_of(dawn, Known(SURGERY)) == Timing.AFTER
    assert timing_of(BEFORE, Known(SURGERY)) == Timing.BEFORE


def test_days_are_those_of_the_time_zone_of_the_moment() -> None:
    shanghai = timezone(timedelta(hours=8))
    assert timing_of(BEFORE.astimezone(shanghai), Known(SURGERY)) == Timing.AFTER, "it is the tenth there"


@pytest.mark.parametrize("known", [Known(), Known(entered_at=LATER), Known(signed_off_on=date(2026, 3, 20))])
def test_without_a_day_of_surgery_the_timing_is_unknown(known: Known) -> None:
    assert timing_of(BEFORE, known) == Timing.UNKNOWN


def test_a_reading_that_was_entered_again_does_not_make_an_operation_of_years_ago_prospective() -> None:
    """Operated and signed off in 2021, predicted in 2026, entered anew after the prediction."""
    predicted = datetime(2026, 2, 1, 9, 0, tzinfo=UTC)
    known = Known(date(2021, 5, 3), date(2021, 5, 12), None, predicted + timedelta(days=30))
    assert timing_of(predicted, known) == Timing.AFTER
