"""The rules of METHOD.md 5.3: each with a reading that breaks it, and the field where it is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cohorts.core.outcome_rules import check
from cohorts.core.response import SAMPLINGS, ResponseReading, is_mpr, is_pcr, why_mpr, why_pcr

PARTIAL = ResponseReading(
    viable_percent=40,
    necrosis_percent=25,
    stroma_percent=35,
    ypt="ypT2a",
    ypn="ypN0",
    nodes_examined=12,
    nodes_positive=0,
    sampling="complete",
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
        (
            "E4",
            "reported_pcr",
            replace(COMPLETE, reported_pcr=True, nodes_viable_percent=5, ypn="ypN1", nodes_positive=1),
        ),
        ("E4", "reported_pcr", replace(COMPLETE, reported_pcr=True, ypt="ypTX")),
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
        ("W4", "sampling", replace(COMPLETE, sampling="incomplete")),
        ("W4", "sampling", replace(COMPLETE, sampling="")),
        ("W4", "sampling", replace(COMPLETE, sampling="", reported_pcr=True)),
        ("W5", "viable_percent", replace(PARTIAL, histology="adenocarcinoma")),
        ("W7", "ypt", replace(COMPLETE, ypt="ypTis")),
        ("W12", "tnm_edition", replace(PARTIAL, ypn="ypN2a", nodes_positive=1, tnm_edition=8)),
        ("W12", "tnm_edition", replace(PARTIAL, ypm="ypM1c1", tnm_edition=8)),
        ("W14", "ypt", replace(PARTIAL, ypt="ypTX")),
        ("W14", "ypt", replace(COMPLETE, ypt="ypTX")),
        ("W15", "sampling", replace(COMPLETE, sampling="as_iaslc", tumour_bed_mm=30)),
        ("W16", "ypm", replace(PARTIAL, ypm="ypM1b")),
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
        (True, replace(COMPLETE, sampling="as_iaslc", tumour_bed_mm=45)),
        (None, replace(COMPLETE, sampling="incomplete")),
        (None, replace(COMPLETE, sampling="")),
        (None, replace(COMPLETE, ypt="ypTX")),
        (False, replace(PARTIAL, ypt="ypTX")),
    ],
)
def test_a_complete_response_needs_everything_and_stays_open_without_nodes_or_sampling(
    complete: bool | None, reading: ResponseReading
) -> None:
    assert is_pcr(reading) is complete


def test_residual_tumour_denies_a_complete_response_even_without_nodes() -> None:
    assert is_pcr(viable(3, nodes_examined=0, ypn="ypNX")) is False


@pytest.mark.parametrize("ypt", ["ypT0", "ypTis", "ypTX"])
@pytest.mark.parametrize("ypn", ["ypN0", "ypN1", "ypNX"])
@pytest.mark.parametrize("percent", [0, 0.5, 10, 50])
@pytest.mark.parametrize("sampling", ["", *SAMPLINGS])
def test_a_complete_response_is_always_a_major_one(ypt: str, ypn: str, percent: float, sampling: str) -> None:
    reading = viable(percent, ypt=ypt, ypn=ypn, sampling=sampling)  # E8
    assert not is_pcr(reading) or is_mpr(reading)


@pytest.mark.parametrize(
    ("reading", "mpr", "pcr"),
    [
        (viable(8), "8 % viable ≤ 10 %", "8 % viable tumour in the primary"),
        (viable(10.5), "10.5 % viable > 10 %", "10.5 % viable tumour in the primary"),
        (COMPLETE, "0 % viable ≤ 10 %", "0 % viable, ypT0 ypN0, 12 nodes without tumour, bed sampled completely"),
        (replace(COMPLETE, ypn="ypN1", nodes_positive=1), "0 % viable ≤ 10 %", "viable tumour in lymph nodes"),
        (replace(COMPLETE, nodes_examined=0), "0 % viable ≤ 10 %", "no lymph node was examined"),
        (replace(COMPLETE, sampling="incomplete"), "0 % viable ≤ 10 %", "the bed was not sampled completely"),
        (replace(COMPLETE, sampling=""), "0 % viable ≤ 10 %", "how the bed was sampled is not stated"),
        (
            replace(COMPLETE, sampling="as_iaslc"),
            "0 % viable ≤ 10 %",
            "0 % viable, ypT0 ypN0, 12 nodes without tumour, bed sampled as IASLC asks",
        ),
        (
            replace(COMPLETE, nodes_examined=None),
            "0 % viable ≤ 10 %",
            "whether lymph nodes were examined is not stated",
        ),
        (replace(COMPLETE, ypt="ypTX"), "0 % viable ≤ 10 %", "the primary could not be assessed (ypTX)"),
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


def test_nothing_that_a_report_may_leave_out_has_a_favourable_default() -> None:
    said_nothing = ResponseReading(0, 40, 60, "ypT0", "ypN0", nodes_examined=12, nodes_positive=0)
    assert (said_nothing.sampling, said_nothing.tnm_edition) == ("", None)
    assert is_pcr(said_nothing) is None


@pytest.mark.parametrize("sampling", ["", "incomplete"])
def test_a_reported_complete_response_is_unconfirmed_by_its_sampling_and_never_refused(sampling: str) -> None:
    reported = replace(COMPLETE, sampling=sampling, reported_pcr=True)
    assert {finding.rule for finding in check(reported)} == {"W4"}
    assert not [finding for finding in check(replace(reported, reported_pcr=False)) if finding.is_error]


def test_a_reported_complete_response_without_a_count_of_nodes_is_open_and_not_refused() -> None:
    found = check(replace(COMPLETE, nodes_examined=None, nodes_positive=None, reported_pcr=True))
    assert [finding.rule for finding in found] == ["W2"]


def test_sampling_is_no_doubt_where_viable_tumour_denies_the_complete_response_anyway() -> None:
    assert said(replace(PARTIAL, sampling="")) == set()
    assert ("W4", "sampling") not in said(replace(COMPLETE, sampling="", ypn="ypN1", nodes_positive=1))


@pytest.mark.parametrize(("bed", "rules"), [(30.0, {"W15"}), (30.1, set()), (None, set())])
def test_blocks_suffice_only_for_a_bed_that_iaslc_does_not_ask_to_be_sampled_entirely(
    bed: float | None, rules: set[str]
) -> None:
    found = check(replace(COMPLETE, sampling="as_iaslc", tumour_bed_mm=bed))
    assert {finding.rule for finding in found} == rules
    assert check(replace(COMPLETE, sampling="complete", tumour_bed_mm=bed)) == ()


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (replace(COMPLETE, nodes_examined=0, ypn="ypNX"), "No node was examined: pCR cannot be evaluated"),
        (
            replace(PARTIAL, nodes_examined=0, ypn="ypNX"),
            "No node was examined. Viable tumour in the primary denies pCR",
        ),
        (replace(COMPLETE, nodes_examined=None), "It is not stated how many nodes were examined: pCR cannot be"),
        (
            replace(PARTIAL, nodes_examined=None),
            "It is not stated how many nodes were examined. Viable tumour denies pCR",
        ),
    ],
)
def test_the_warning_on_nodes_says_what_is_known_of_them_and_of_the_complete_response(
    reading: ResponseReading, words: str
) -> None:
    message = next(finding.message for finding in check(reading) if finding.rule == "W2")
    assert message.startswith(words)
    assert ("cannot be evaluated" in message) == (is_pcr(reading) is None)


def test_the_warning_on_adenocarcinoma_names_the_cut_of_the_cohort_and_what_the_report_derives() -> None:
    found = check(viable(40, histology="adenocarcinoma"), threshold_percent=20)
    message = next(finding.message for finding in found if finding.rule == "W5")
    assert "40 % viable tumour is no MPR at 20 %" in message
    assert "sensitivity analysis of the study report derives MPR at other cuts" in message
