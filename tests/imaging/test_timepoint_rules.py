"""Person, series and timepoint together: whatever the files say, no accepted pair of scans stands in the wrong order."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohorts.errors import ServiceError
from cohorts.models import Timepoint
from imaging.services.timepoints import BY_FIRST_DOSE, BY_NAME, KnownDates, require_order, timepoint_of

DAYS = st.integers(0, 12).map(lambda n: date(2024, 1, 1) + timedelta(days=n))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(DAYS, st.sampled_from([None, "pre", "post"])), min_size=1, max_size=3),
    st.none() | DAYS,
    st.dictionaries(st.sampled_from(["pre", "post"]), DAYS),
)
def test_what_is_placed_agrees_with_the_dose_the_words_and_the_scans_that_are_stored(
    scans: list[tuple[date, str | None]], first_dose: date | None, stored: dict[str, date]
) -> None:
    known = KnownDates(tuple(sorted({*(day for day, _ in scans), *stored.values()})), first_dose, stored)
    placed: dict[str, date] = {}
    for day, word in scans:
        try:
            kind, why = timepoint_of(day, timepoint=word, known=known)
        except ServiceError:
            continue
        assert word in (None, kind), "no word is overruled in silence"
        if why == BY_FIRST_DOSE:
            assert (day <= first_dose) == (kind == Timepoint.Kind.PRE)
        if why != BY_NAME:
            assert stored.get(kind, day) == day, "no stored scan of another day is replaced in silence"
        placed[kind] = day
    try:
        require_order(None, placed)
    except ServiceError:
        return
    if len(placed) == 2:
        assert placed["pre"] < placed["post"]


def test_two_scans_of_one_day_are_not_before_and_after() -> None:
    day = date(2024, 1, 1)
    with pytest.raises(ServiceError, match="E10"):
        require_order(None, {"pre": day, "post": day})
