"""Clinical stage by the tables of two editions of the TNM, what they leave open, and what a typed stage is asked about."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from cohorts.core.staging import (
    CM_CHOICES,
    CN_CHOICES,
    CT_CHOICES,
    EDITIONS,
    ClinicalTNM,
    check_stage,
    derived_stage,
    stage_table,
)


def stage(words: str, edition: int | None) -> str:
    t, n, m = (f"c{category}" for category in words.split())
    return derived_stage(ClinicalTNM(t, n, m, edition))


def said(words: str, edition: int | None, typed: str = "") -> set[tuple[str, str]]:
    t, n, m = (f"c{category}" for category in words.split())
    found = check_stage(ClinicalTNM(t, n, m, edition, typed))
    assert not any(finding.is_error for finding in found)
    return {(finding.rule, finding.field) for finding in found}


#: Lines of the published tables: Goldstraw et al. 2016 and Rami-Porta et al. 2024.
@pytest.mark.parametrize(
    ("words", "eighth", "ninth"),
    [
        ("TX N0 M0", "occult", "occult"),
        ("Tis N0 M0", "0", "0"),
        ("T1mi N0 M0", "IA1", "IA1"),
        ("T1a N0 M0", "IA1", "IA1"),
        ("T1b N0 M0", "IA2", "IA2"),
        ("T1c N0 M0", "IA3", "IA3"),
        ("T2a N0 M0", "IB", "IB"),
        ("T2b N0 M0", "IIA", "IIA"),
        ("T3 N0 M0", "IIB", "IIB"),
        ("T4 N0 M0", "IIIA", "IIIA"),
        ("T1c N1 M0", "IIB", "IIA"),
        ("T2a N1 M0", "IIB", "IIB"),
        ("T3 N1 M0", "IIIA", "IIIA"),
        ("T4 N1 M0", "IIIA", "IIIA"),
        ("T1b N2a M0", "IIIA", "IIB"),
        ("T1b N2b M0", "IIIA", "IIIA"),
        ("T2b N2a M0", "IIIA", "IIIA"),
        ("T2b N2b M0", "IIIA", "IIIB"),
        ("T3 N2a M0", "IIIB", "IIIA"),
        ("T3 N2b M0", "IIIB", "IIIB"),
        ("T4 N2a M0", "IIIB", "IIIB"),
        ("T1a N3 M0", "IIIB", "IIIB"),
        ("T2a N3 M0", "IIIB", "IIIB"),
        ("T3 N3 M0", "IIIC", "IIIC"),
        ("T4 N3 M0", "IIIC", "IIIC"),
        ("T1a N0 M1a", "IVA", "IVA"),
        ("T0 NX M1b", "IVA", "IVA"),
        ("TX NX M1c", "IVB", "IVB"),
        ("T4 N3 M1c2", "IVB", "IVB"),
    ],
)
def test_the_stage_is_that_of_the_table_of_the_stated_edition(words: str, eighth: str, ninth: str) -> None:
    assert (stage(words, 8), stage(words, 9)) == (eighth, ninth)
    assert stage(words, None) == (eighth if eighth == ninth else "")


@pytest.mark.parametrize(
    ("words", "edition", "expected"),
    [
        ("T1 N0 M0", 9, "IA"),
        ("T1 N2 M0", 8, "IIIA"),
        ("T1 N2 M0", 9, ""),
        ("T4 N2 M0", 9, "IIIB"),
        ("T2 N0 M0", 8, ""),
        ("T2 N1 M0", 8, "IIB"),
        ("T2 N1 M1", 8, ""),
        ("T1mi N1 M0", 9, ""),
        ("T0 N1 M0", 8, ""),
        ("T2a NX M0", 9, ""),
    ],
)
def test_a_subcategory_that_is_not_stated_leaves_the_stage_open_only_where_it_decides(
    words: str, edition: int, expected: str
) -> None:
    assert stage(words, edition) == expected


def test_without_one_of_the_three_there_is_no_stage() -> None:
    whole = ClinicalTNM("cT2a", "cN0", "cM0", 9)
    assert derived_stage(whole) == "IB"
    for lacking in (
        ClinicalTNM("", "cN0", "cM0", 9),
        ClinicalTNM("cT2a", "", "cM0", 9),
        ClinicalTNM("cT2a", "cN0", "", 9),
    ):
        assert derived_stage(lacking) == ""
        assert check_stage(lacking) == ()


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_worse_t_or_n_never_lowers_the_stage(edition: int) -> None:
    order = ["IA1", "IA2", "IA3", "IB", "IIA", "IIB", "IIIA", "IIIB", "IIIC"]
    table = stage_table(edition)
    ts = ["T1a", "T1b", "T1c", "T2a", "T2b", "T3", "T4"]
    ns = ["N0", "N1", "N2", "N3"] if edition == 8 else ["N0", "N1", "N2a", "N2b", "N3"]
    rank = {(t, n): order.index(table[t, n, "M0"]) for t, n in product(ts, ns)}
    assert all(rank[t, a] <= rank[t, b] for t in ts for a, b in pairwise(ns))
    assert all(rank[a, n] <= rank[b, n] for n in ns for a, b in pairwise(ts))


def test_every_choice_is_read_by_both_tables() -> None:
    stages = {order for edition in EDITIONS for order in stage_table(edition).values()} | {"", "IA"}
    for t, n, m, edition in product(CT_CHOICES, CN_CHOICES, CM_CHOICES, (8, 9, None)):
        assert derived_stage(ClinicalTNM(t, n, m, edition)) in stages


@pytest.mark.parametrize(
    ("words", "edition", "typed", "rules"),
    [
        ("T1a N2a M0", 9, "IIIA", {("W19", "clinical_stage")}),
        ("T1a N2a M0", 9, "IIB", set()),
        ("T1a N2a M0", 9, " iib ", set()),
        ("T1a N2a M0", None, "IIIA", {("W20", "clinical_tnm_edition")}),
        ("T1a N2a M0", None, "", {("W20", "clinical_tnm_edition")}),
        ("T1a N2b M0", None, "IIIA", set()),
        ("T2a N0 M0", None, "IIA", {("W19", "clinical_stage")}),
        ("T1a N2a M0", 8, "IIIA", {("W12", "clinical_tnm_edition")}),
        ("T3 N1 M0", 9, "III", set()),  # says less, not something else
        ("T1b N0 M0", 9, "IA", set()),
        ("T1b N0 M0", 9, "IA3", {("W19", "clinical_stage")}),
        ("T2b N0 M0", 9, "I", {("W19", "clinical_stage")}),
        ("T2b N0 M0", 9, "stage two", {("W19", "clinical_stage")}),
        ("T2b NX M0", 9, "IV", set()),
    ],
)
def test_a_typed_stage_that_contradicts_and_an_edition_that_is_missing_are_asked_about(
    words: str, edition: int | None, typed: str, rules: set[tuple[str, str]]
) -> None:
    assert said(words, edition, typed) == rules
