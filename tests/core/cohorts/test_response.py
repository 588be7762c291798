"""The rules of METHOD.md 5.3: each with a reading that breaks it, and the field where it is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cohorts.core.outcome_rules import check
from cohorts.core.response import ResponseReading, is_mpr, is_pcr, why_mpr, why_pcr

PARTIAL = ResponseReading(
    viable_percent=40,
    necrosis_percent=25,
    stroma_percent=35,
    ypt="ypT2a",
    ypn="ypN0",
    nodes_examined=12,
    nodes_positive=0,
    histology="squamous",
)
COMPLETE = replace(PARTIAL, viable_percent=0, necrosis_percent=40, stroma_percent=60, ypt="ypT0")


def viable(percent: float, **changes: object) -> ResponseReading:
    return replace(PARTIAL, viable_percent=percent, necrosis_percent=100 - percent, stroma_percent=0, **changes)


def said(reading: ResponseReading) -> set[tuple[str, str]]:
    return {(finding.rule, finding.field) for finding in check(reading)}


@pytest.mark.parametrize("reading", [PARTIAL, COMPLETE, viable(5), viable(100), viable(13)])
def test_a_reading_without_contradiction_has_no_finding(reading: ResponseReading) -> None:
    assert check(reading) == ()


@pytest.mark.parametrize(
    ("rule", "field", "reading"),
    [
        ("E1", "viable_percent", replace(PARTIAL, viable_percent=101)),
        ("E1", "necrosis_percent", replace(PARTIAL, necrosis_percent=-1)),
        ("E1", "stroma_percent", replace(PARTIAL, stroma_percent=100.01)),
        ("E1", "fibrosis_percent", replace(PARTIAL, fibrosis_percent=-0.5)),
        ("E1", "inflammation_percent", replace(PARTIAL, inflammation_percent=200)),
        ("E1", "nodes_viable_percent", replace(PARTIAL, nodes_viable_percent=100.5)),
        ("E2", "stroma_percent", replace(PARTIAL, stroma_percent=33.9)),
        ("E2", "stroma_percent", replace(PARTIAL, stroma_percent=36.1)),
        ("E3", "fibrosis_percent", replace(PARTIAL, fibrosis_percent=20, inflammation_percent=10)),
        ("E4", "reported_pcr", replace(PARTIAL, reported_pcr=True)),
        ("E4", "reported_pcr", replace(COMPLETE, reported_pcr=True, nodes_examined=0)),
        ("E4", "reported_pcr", replace(COMPLETE, reported_pcr=True, sampling_complete=False)),
        ("E5", "ypt", replace(COMPLETE, ypt="ypT1a")),
        ("E6", "ypt", replace(PARTIAL, ypt="ypT0")),
        ("E7", "nodes_positive", replace(PARTIAL, nodes_examined=3, nodes_positive=4, ypn="ypN1")),
        ("E7", "ypn", replace(PARTIAL, nodes_positive=1)),
        ("E7", "ypn", replace(PARTIAL, nodes_viable_percent=2)),
        ("E7", "nodes_positive", replace(PARTIAL, ypn="ypN2a", nodes_positive=0)),
        ("E7", "nodes_positive", replace(PARTIAL, ypn="ypN1", nodes_positive=None)),
        ("E7", "ypn", replace(PARTIAL, ypn="ypNX")),
        ("E7", "ypn", replace(PARTIAL, ypn="ypNX", nodes_examined=None, nodes_positive=1)),
        ("E7", "nodes_viable_percent", replace(PARTIAL, ypn="ypN1", nodes_positive=1, nodes_viable_percent=0)),
        ("E8", "reported_mpr", replace(COMPLETE, reported_pcr=True, reported_mpr=False)),
        ("E9", "reported_mpr", replace(PARTIAL, reported_mpr=True)),
        ("E9", "reported_mpr", viable(5, reported_mpr=False)),
        ("E9", "reported_pcr", replace(COMPLETE, reported_pcr=False)),
    ],
)
def test_a_broken_rule_is_an_error_at_its_field(rule: str, field: str, reading: ResponseReading) -> None:
    found = check(reading)
    assert (rule, field) in said(reading)
    assert found[0].is_error, "errors stand before warnings"
    assert {f.rule for f in found if f.is_error} == {rule}, "one broken rule is said once, under its own number"


@pytest.mark.parametrize(
    ("rule", "field", "reading"),
    [
        ("W1", "ypn", viable(5, ypn="ypN1", nodes_positive=2)),
        ("W2", "nodes_examined", replace(PARTIAL, nodes_examined=0, ypn="ypNX")),
        ("W2", "nodes_examined", replace(PARTIAL, nodes_examined=None, nodes_positive=None)),
        ("W3", "viable_percent", viable(8)),
        ("W3", "viable_percent", viable(12)),
        ("W4", "sampling_complete", replace(COMPLETE, sampling_complete=False)),
        ("W5", "viable_percent", replace(PARTIAL, histology="adenocarcinoma")),
        ("W7", "ypt", replace(COMPLETE, ypt="ypTis")),
        ("W12", "tnm_edition", replace(PARTIAL, ypn="ypN2a", nodes_positive=1, tnm_edition=8)),
    ],
)
def test_a_doubt_is_a_warning_and_refuses_nothing(rule: str, field: str, reading: ResponseReading) -> None:
    assert (rule, field) in said(reading)
    assert not any(finding.is_error for finding in check(reading))


@pytest.mark.parametrize("total", [99, 101])
def test_components_may_miss_one_hundred_by_one(total: float) -> None:
    assert check(replace(PARTIAL, stroma_percent=35 + total - 100)) == ()


@pytest.mark.parametrize("percent", [7.9, 12.1])
def test_beyond_two_points_from_the_threshold_nobody_asks_for_a_second_reader(percent: float) -> None:
    assert ("W3", "viable_percent") not in said(viable(percent))


def test_a_percentage_out_of_range_is_said_alone() -> None:
    broken = replace(PARTIAL, viable_percent=140, ypt="ypT0", ypn="ypN2")
    assert {finding.rule for finding in check(broken)} == {"E1"}


def test_adenocarcinoma_beyond_65_percent_needs_no_sensitivity_analysis() -> None:
    assert check(viable(66, histology="adenocarcinoma")) == ()


@pytest.mark.parametrize(("percent", "major"), [(0, True), (10, True), (10.01, False), (100, False)])
def test_ten_percent_viable_tumour_is_still_a_major_response(percent: float, major: bool) -> None:
    assert is_mpr(viable(percent)) is major


def test_the_threshold_of_a_major_response_is_an_argument() -> None:
    assert is_mpr(viable(65), threshold_percent=65)
    assert not is_mpr(viable(65), threshold_percent=64.9)


def test_a_cohort_of_another_threshold_is_warned_around_its_own() -> None:
    found = {(f.rule, f.field) for f in check(viable(64), threshold_percent=65)}
    assert ("W3", "viable_percent") in found
    assert ("W3", "viable_percent") not in {(f.rule, f.field) for f in check(viable(10), threshold_percent=65)}


@pytest.mark.parametrize(
    ("complete", "reading"),
    [
        (True, COMPLETE),
        (False, PARTIAL),
        (False, viable(1)),
        (False, replace(COMPLETE, ypn="ypN1", nodes_positive=1)),
        (False, replace(COMPLETE, nodes_viable_percent=5)),
        (False, replace(COMPLETE, ypt="ypTis")),
        (None, replace(COMPLETE, nodes_examined=0)),
        (None, replace(COMPLETE, nodes_examined=None)),
        (None, replace(COMPLETE, ypn="ypNX", nodes_examined=0)),
        (None, replace(COMPLETE, sampling_complete=False)),
    ],
)
def test_a_complete_response_needs_everything_and_stays_open_without_nodes_or_sampling(
    complete: bool | None, reading: ResponseReading
) -> None:
    assert is_pcr(reading) is complete


def test_residual_tumour_denies_a_complete_response_even_without_nodes() -> None:
    assert is_pcr(viable(3, nodes_examined=0, ypn="ypNX")) is False


@pytest.mark.parametrize("ypt", ["ypT0", "ypTis"])
@pytest.mark.parametrize("ypn", ["ypN0", "ypN1", "ypNX"])
@pytest.mark.parametrize("percent", [0, 0.5, 10, 50])
@pytest.mark.parametrize("sampled", [True, False])
def test_a_complete_response_is_always_a_major_one(ypt: str, ypn: str, percent: float, sampled: bool) -> None:
    reading = viable(percent, ypt=ypt, ypn=ypn, sampling_complete=sampled)  # E8
    assert not is_pcr(reading) or is_mpr(reading)


@pytest.mark.parametrize(
    ("reading", "mpr", "pcr"),
    [
        (viable(8), "8 % viable ≤ 10 %", "8 % viable tumour in the primary"),
        (viable(10.5), "10.5 % viable > 10 %", "10.5 % viable tumour in the primary"),
        (COMPLETE, "0 % viable ≤ 10 %", "0 % viable, ypT0 ypN0, 12 nodes without tumour, bed sampled completely"),
        (replace(COMPLETE, ypn="ypN1", nodes_positive=1), "0 % viable ≤ 10 %", "viable tumour in lymph nodes"),
        (replace(COMPLETE, nodes_examined=0), "0 % viable ≤ 10 %", "no lymph node was examined"),
        (replace(COMPLETE, sampling_complete=False), "0 % viable ≤ 10 %", "the bed was not sampled completely"),
    ],
)
def test_a_response_says_which_rule_gave_it(reading: ResponseReading, mpr: str, pcr: str) -> None:
    assert (why_mpr(reading).message, why_pcr(reading).message) == (mpr, pcr)


def test_every_sentence_is_complete_in_english() -> None:
    broken = replace(PARTIAL, viable_percent=5, ypt="ypT0", ypn="ypN2", reported_pcr=True, reported_mpr=False)
    for finding in [*check(broken), *check(replace(PARTIAL, stroma_percent=140))]:
        assert "{" not in finding.message
        assert finding.message.endswith(".")


def test_in_situ_tumour_alone_is_named_as_what_denies_a_complete_response() -> None:
    in_situ = replace(COMPLETE, ypt="ypTis")
    assert (is_pcr(in_situ), why_pcr(in_situ).message) == (False, "ypTis, not ypT0")
