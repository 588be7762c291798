"""Words of a path name a timepoint only where they do not speak of contrast, phase, stage, sequence or surgery."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.core.timepoint_words import timepoint_of_name, timepoint_of_path, timepoint_words

BELONG_TO_SOMETHING_ELSE = [
    *("THORAX POST CONTRAST", "chest post c.m.", "chest pre c.m.", "CT nach KM post", "post i.v.", "Pre Monitoring"),
    *("stage T1", "cT2a pre", "T1 N0 post", "post 60s", "portal venous post", "post-op", "T1w post", "pre surgery"),
    *("治疗后增强", "术后", "postcontrast", "native pre", "post gad", "pre_NCECT", "POST-RECON"),
]


@pytest.mark.parametrize("name", BELONG_TO_SOMETHING_ELSE)
def test_words_of_contrast_phase_stage_sequence_and_surgery_are_no_timepoint(name: str) -> None:
    assert timepoint_of_name(name) is None
    assert timepoint_words(name) == []


@pytest.mark.parametrize(
    ("name", "timepoint"),
    [
        *(("pre", "pre"), ("Baseline", "pre"), ("CT_pre", "pre"), ("before chemo", "pre"), ("T0", "pre")),
        *(
            ("EX-001_post_ct.nii.gz", "post"),
            ("post NAC CT", "post"),
            ("followup", "post"),
            ("P001_T1.nii.gz", "post"),
        ),
        *(("治疗前", "pre"), ("患者1 治疗后", "post")),
    ],
)
def test_words_of_treatment_are_a_timepoint(name: str, timepoint: str) -> None:
    assert timepoint_of_name(name) == timepoint


@pytest.mark.parametrize("name", ["prendergast", "postma", "Preston", "pre and post", "CT", ""])
def test_names_and_contradictions_are_no_timepoint(name: str) -> None:
    assert timepoint_of_name(name) is None


def test_parts_of_a_path_that_contradict_each_other_say_nothing() -> None:
    assert timepoint_of_path(["study", "pre", "ct"]) == "pre"
    assert timepoint_of_path(["pre", "post"]) is None


@given(
    st.sampled_from(["pre", "post", "baseline", "after"]),
    st.sampled_from(["contrast", "KM", "c.m.", "arterial", "stage", "T1w", "op", "delayed", "40s"]),
    st.sampled_from([" ", "_", "-", "."]),
    st.booleans(),
)
def test_no_order_or_separator_makes_such_a_word_a_timepoint(word: str, other: str, gap: str, first: bool) -> None:
    name = gap.join([word, other] if first else [other, word])
    assert timepoint_of_name(name) is None
