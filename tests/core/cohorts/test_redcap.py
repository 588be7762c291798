"""REDCap: what the data dictionary says of columns and codes, and one row a patient."""

from __future__ import annotations

import pytest

from cohorts.core.errors import UnreadableTable
from cohorts.core.redcap import Conflict, one_row_each, read_dictionary
from cohorts.core.tables import read_table

HEADER = (
    '"Variable / Field Name","Form Name","Section Header","Field Type","Field Label",'
    '"Choices, Calculations, OR Slider Labels","Field Note"\n'
)
DICTIONARY = HEADER + (
    "study_id,base,,text,Study ID,,\n"
    'sex_c,base,,radio,"<b>Sex</b>","1, Female | 2, Male",\n'
    'hist,base,,dropdown,Histology,"1, Adenocarcinoma | 2, Squamous cell carcinoma | 9, Other, or mixed",\n'
    "complete,path,,yesno,Tumour bed sampled completely,,\n"
    'drugs,base,,checkbox,Drugs,"1, Carboplatin | 2, Cisplatin",\n'
    "rvt_score,path,,calc,Residual viable tumour (%),[a]+[b],\n"
)


def test_a_dictionary_says_what_a_column_is_called_and_what_its_codes_mean() -> None:
    project = read_dictionary(read_table(DICTIONARY.encode()))
    assert project.of_column("sex_c").label == "Sex"  # type: ignore[union-attr]
    assert project.of_column("Histology").name == "hist"  # type: ignore[union-attr]
    assert project.of_column("drugs___2").name == "drugs"  # type: ignore[union-attr]
    assert project.of_column("redcap_event_name") is None
    said = [("sex_c", "2"), ("hist", "9"), ("complete", "1"), ("drugs___2", "1"), ("hist", "Adenocarcinoma")]
    assert [project.value_of(*cell) for cell in said] == ["Male", "Other, or mixed", "Yes", "1", "Adenocarcinoma"]
    assert project.value_of("rvt_score", "1") == "1", "the formula of a calculation is no list of choices"


def test_the_metadata_of_the_api_is_understood_as_well() -> None:
    text = 'field_name,field_type,field_label,select_choices_or_calculations\nsex,radio,Sex,"1, F | 2, M"\n'
    assert read_dictionary(read_table(text.encode())).value_of("sex", "1") == "F"


def test_a_table_that_is_no_dictionary_is_refused_with_the_column_that_it_lacks() -> None:
    with pytest.raises(UnreadableTable, match="lacks the column Variable / Field Name"):
        read_dictionary(read_table(b"patient,ypt\nP-1,ypT0\n"))


EVENTS = b"""study_id,redcap_event_name,redcap_repeat_instance,age,rvt,note
1,baseline_arm_1,,61,,a
1,surgery_arm_1,,,8,b
1,surgery_arm_1,2,,8,c
2,baseline_arm_1,,70,,
2,surgery_arm_1,1,,5,
2,surgery_arm_1,2,,15,
"""


def test_events_of_a_record_fill_each_others_gaps_and_contradictions_are_named() -> None:
    rows, conflicts = one_row_each(read_table(EVENTS).rows, key="study_id", columns=["study_id", "age", "rvt"])
    assert [(row.number, dict(row.cells)) for row in rows] == [(2, {"study_id": "1", "age": "61", "rvt": "8"})]
    assert conflicts == (Conflict(5, "rvt", ("5", "15")),)
