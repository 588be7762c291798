"""Whose a file says it is: what is stated is compared, what anonymizers write for everybody is not."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from imaging.core.person import NOBODY, Person, differences, person_of


def dataset(**attributes: str) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize("stated", ["", "ANONYMOUS", "anon123", "000000", "Unknown", "N/A", "XXXX", "de-identified"])
def test_an_id_that_everybody_has_names_nobody(stated: str) -> None:
    assert person_of(dataset(PatientID=stated)) == NOBODY


@pytest.mark.parametrize(
    ("attributes", "person"),
    [
        ({"PatientID": " 4711 ", "PatientSex": "M", "PatientBirthDate": "19500203"}, Person("4711", "M", "19500203")),
        ({"PatientSex": "O", "PatientBirthDate": "00010101"}, NOBODY),
        ({"PatientBirthDate": "1950.02.03"}, Person(birth_date="19500203")),
        ({"PatientBirthDate": "19000101"}, NOBODY),
    ],
)
def test_what_is_stated_is_read(attributes: dict[str, str], person: Person) -> None:
    assert person_of(dataset(**attributes)) == person


@pytest.mark.parametrize(
    ("one", "other", "differing"),
    [
        (Person("A"), Person("B"), ["PatientID"]),
        (Person("a"), Person("A"), []),
        (Person("A", "M"), Person("A", "F"), ["sex"]),
        (Person("A", "M", "19500101"), Person("B", "F", "19500102"), ["PatientID", "sex", "birth date"]),
        (Person("A", "M"), Person("A"), []),
        (NOBODY, Person("A", "F", "19500101"), []),
    ],
)
def test_only_what_both_state_can_differ(one: Person, other: Person, differing: list[str]) -> None:
    assert differences([one, other]) == differences([other, one]) == differing


def test_no_value_of_a_person_stands_in_what_differs() -> None:
    assert "4711" not in " ".join(differences([Person("4711"), Person("4712")]))
