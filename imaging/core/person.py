"""Whose a file says it is: raw values, kept in memory only, compared and never shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields

from pydicom.dataset import Dataset

from imaging.core.dataset import text

#: Attribute of `Person` → how a sentence names it.
ATTRIBUTES = {"patient_id": "PatientID", "sex": "sex", "birth_date": "birth date"}

#: What anonymizers write in place of a PatientID: it is shared by everybody, so it names nobody.
_NOBODY = re.compile(
    r"0*|[x*?._\-]*|anon\w*|de-?id\w*|unknown|none|null|n/?a|not[ _]?(?:stated|available)|patient|removed|redacted|"
    r"hidden|private|masked|no[ _]?(?:id|name)",
    re.IGNORECASE,
)
#: The day that stands for "removed" in many exports, and all others before anybody now alive was born.
_EARLIEST_BIRTH_YEAR = 1902


@dataclass(frozen=True)
class Person:
    """What a file states of the person it shows; "" for what it does not state.

    Parameters
    ----------
    patient_id : str
        PatientID, without surrounding blanks; "" also for what anonymizers write for everybody.
    sex : str
        ``M`` or ``F``; other values tell nobody apart.
    birth_date : str
        Eight digits.
    """

    patient_id: str = ""
    sex: str = ""
    birth_date: str = ""

    def stated(self) -> dict[str, str]:
        """Return attribute → value of what is stated."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}


NOBODY = Person()


def person_of(dataset: Dataset) -> Person:
    """Read whose a DICOM object says it is."""
    patient_id = text(dataset, "PatientID")
    sex = text(dataset, "PatientSex").upper()[:1]
    return Person(
        patient_id="" if _NOBODY.fullmatch(patient_id) else patient_id,
        sex=sex if sex in ("M", "F") else "",
        birth_date=_birth_date(text(dataset, "PatientBirthDate")),
    )


def differences(persons: Iterable[Person]) -> list[str]:
    """Return the names of the attributes in which persons differ, where each of them states one.

    Returns
    -------
    list of str
        As `ATTRIBUTES` names them; empty when all can be one person.
    """
    stated: dict[str, set[str]] = {}
    for person in persons:
        for attribute, value in person.stated().items():
            stated.setdefault(attribute, set()).add(value.casefold())
    return [name for attribute, name in ATTRIBUTES.items() if len(stated.get(attribute, ())) > 1]


def _birth_date(stated: str) -> str:
    digits = re.sub(r"\D", "", stated)
    return digits if len(digits) == 8 and int(digits[:4]) >= _EARLIEST_BIRTH_YEAR else ""
