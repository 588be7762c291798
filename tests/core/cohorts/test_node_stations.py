"""Nodes by station: their text form, their totals, and ypN as the positive stations have it."""

from __future__ import annotations

import pytest

from cohorts.core.errors import UnreadableStations
from cohorts.core.node_stations import (
    STATIONS,
    check_stations,
    format_stations,
    parse_stations,
    total_examined,
    total_positive,
)


def said(text: str, *, ypn: str = "ypN0", examined: int | None = None, positive: int | None = None) -> set[str]:
    found = check_stations(parse_stations(text), ypn=ypn, nodes_examined=examined, nodes_positive=positive)
    assert {finding.field for finding in found} <= {"stations"}
    return {finding.rule for finding in found}


def test_the_text_form_is_read_in_the_order_of_the_map() -> None:
    assert parse_stations("10r: 0/2 ; 7:1/4 (30 %)\n4L: 0/1") == [
        {"station": "4L", "examined": 1, "positive": 0, "viable_percent": None},
        {"station": "7", "examined": 4, "positive": 1, "viable_percent": 30.0},
        {"station": "10R", "examined": 2, "positive": 0, "viable_percent": None},
    ]


@pytest.mark.parametrize("text", ["", "7: 1/4 (30%)", "2R: 0/3; 4R: 2/5 (12.5%); 11: 0/1", "3a: 0/1; 3p: 0/2"])
def test_what_is_written_is_read_again_as_it_was(text: str) -> None:
    assert format_stations(parse_stations(text)) == text


def test_every_station_of_the_map_is_read() -> None:
    text = "; ".join(f"{name}: 0/1" for name in STATIONS)
    assert [station["station"] for station in parse_stations(text)] == list(STATIONS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seven", "“seven” is no station"),
        ("7: 1", "is no station"),
        ("7: 1/x", "is no station"),
        ("7: -1/3", "is no station"),
        ("15R: 0/1", "no station 15R"),
        ("7R: 0/1", "no station 7R"),
        ("7: 0/900", "More than 200"),
        ("7: 0/1; 7: 1/2", "stands twice"),
    ],
)
def test_what_is_not_understood_is_named(text: str, words: str) -> None:
    with pytest.raises(UnreadableStations, match=words):
        parse_stations(text)


def test_the_totals_are_the_sums_and_without_stations_there_are_none() -> None:
    stations = parse_stations("7: 1/4; 10R: 2/3")
    assert (total_examined(stations), total_positive(stations)) == (7, 3)
    assert (total_examined([]), total_positive([])) == (None, None)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("7: 0/4", set()),
        ("7: 3/2", {"E7"}),
        ("7: 0/2 (5%)", {"E7"}),
        ("7: 1/2 (0%)", {"E7"}),
        ("7: 1/2 (101%)", {"E1"}),
    ],
)
def test_a_station_contradicts_itself(text: str, rules: set[str]) -> None:
    assert said(text, ypn="ypN2") == rules


@pytest.mark.parametrize(
    ("examined", "positive", "rules"),
    [
        (6, 1, set()),
        (None, None, set()),
        (5, 1, {"E13"}),
        (6, 0, {"E13"}),
        (9, 1, {"W10"}),
        (6, 2, {"W10"}),
        (9, 0, {"W10", "E13"}),
    ],
)
def test_stated_totals_are_compared_with_the_sums(examined: int, positive: int, rules: set[str]) -> None:
    assert said("7: 1/4; 10R: 0/2", ypn="ypN2", examined=examined, positive=positive) == rules


@pytest.mark.parametrize(
    ("text", "ypn", "fits"),
    [
        ("11R: 1/2", "ypN1", True),
        ("11R: 1/2", "ypN3", True),  # of the other side
        ("11R: 1/2", "ypN2", False),
        ("4R: 1/2; 4: 1/1", "ypN3", True),  # the side decides nothing any more
        ("7: 1/2", "ypN1", False),
        ("7: 1/2; 11R: 1/1", "ypN2", True),
        ("7: 1/2; 11R: 1/1", "ypN2a", True),
        ("7: 1/2; 4R: 1/1", "ypN2a", False),
        ("7: 1/2; 4R: 1/1", "ypN2b", True),
        ("7: 1/2", "ypN2b", False),
        ("1R: 1/1", "ypN2", False),
        ("1R: 1/1", "ypN3", True),
        ("9L: 1/1", "ypN1", False),
        ("10L: 1/1", "ypN1", True),
        ("4: 1/1; 7: 1/2", "ypN2a", False),
        ("5: 1/1; 6: 1/2; 4L: 1/3", "ypN2b", True),
    ],
)
def test_ypn_is_compared_with_the_positive_stations(text: str, ypn: str, fits: bool) -> None:
    assert said(text, ypn=ypn) == (set() if fits else {"W11"})


@pytest.mark.parametrize("ypn", ["ypN1", "ypN2", "ypN2b"])
@pytest.mark.parametrize(
    "text",
    ["4R: 1/2; 4L: 1/3", "2L: 1/1; 10R: 1/1", "11R: 1/4; 12L: 2/2", "5: 1/1; 4R: 1/1", "6: 1/2; 10R: 1/1; 7: 1/1"],
)
def test_positive_nodes_on_both_sides_are_n3_wherever_the_primary_is(text: str, ypn: str) -> None:
    assert said(text, ypn=ypn) == {"W0"}
    assert said(text, ypn="ypN3") == set()


def test_nodes_without_tumour_on_the_other_side_are_no_n3() -> None:
    assert said("4R: 1/2; 4L: 0/3; 10L: 0/1", ypn="ypN2a") == set()


@pytest.mark.parametrize(
    ("text", "ypn", "rules"),
    [
        ("4R: 1/2; 10: 1/1", "ypN2", {"W13"}),
        ("4R: 1/2; 4: 1/1", "ypN2b", {"W13"}),
        ("4R: 1/2; 4: 1/1", "ypN2a", {"W13"}),
        ("5: 1/2; 11: 1/1", "ypN2a", {"W13"}),
        ("4: 1/2; 10: 1/1", "ypN2", set()),  # no side is stated at all
        ("4R: 1/2; 7: 1/1; 3a: 1/1", "ypN2b", set()),  # stations of the midline have none
        ("4R: 1/2; 10: 0/1", "ypN2a", set()),
        ("4R: 1/2; 4L: 1/1; 10: 1/1", "ypN3", set()),
    ],
)
def test_the_side_of_a_station_that_has_none_is_asked_for_and_not_guessed(
    text: str, ypn: str, rules: set[str]
) -> None:
    assert said(text, ypn=ypn) == rules


def test_the_question_of_the_side_names_both_stations() -> None:
    found = check_stations(parse_stations("4R: 1/2; 10: 1/1"), ypn="ypN2", nodes_examined=None, nodes_positive=None)
    assert [finding.message for finding in found] == [
        "On which side is station 10? 4R is positive, too; nodes on both sides would mean ypN3."
    ]
    assert not found[0].is_error
