"""A small trial: two centres with a patient each, and people of every role and of none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.test import Client

from cohorts.models import Centre, Cohort, Membership, PathologyOutcome, Patient, Role, User
from cohorts.services.cohorts import create_cohort
from cohorts.services.patients import create_patient

#: A reading without contradiction and without warning, ready for `enter_outcome`.
READING: dict[str, Any] = {
    "viable_percent": Decimal("40"),
    "necrosis_percent": Decimal("25"),
    "stroma_percent": Decimal("35"),
    "fibrosis_percent": None,
    "inflammation_percent": None,
    "ypt": "ypT2a",
    "ypn": "ypN0",
    "nodes_examined": 12,
    "nodes_positive": 0,
    "nodes_viable_percent": None,
    "tumour_bed_mm": Decimal("31.5"),
    "sampling": "complete",
    "tnm_edition": 9,
    "surgery_on": date(2024, 6, 10),
    "signed_off_on": date(2024, 6, 20),
    "reader": "AB",
    "blinded": True,
    "source": "report",
    "reported_mpr": None,
    "reported_pcr": None,
}
COMPLETE_RESPONSE = {**READING, "viable_percent": Decimal(0), "necrosis_percent": Decimal(40)} | {
    "stroma_percent": Decimal(60),
    "ypt": "ypT0",
}


@dataclass(frozen=True)
class Trial:
    """The records of the trial. ``people`` maps a role's value, or ``elsewhere`` and ``stranger``, to a user."""

    cohort: Cohort
    here: Centre
    there: Centre
    patient: Patient
    other_patient: Patient
    people: dict[str, User]

    @property
    def coordinator(self) -> User:
        return self.people[Role.COORDINATOR]

    @property
    def researcher(self) -> User:
        return self.people[Role.RESEARCHER]

    def client(self, person: str = Role.COORDINATOR) -> Client:
        """A browser in which somebody is logged in."""
        client = Client()
        client.force_login(self.people[person])
        return client


def build_trial(code: str = "trial") -> Trial:
    """Make the trial. ``elsewhere`` administers the other centre; ``stranger`` administers another cohort."""
    cohort = create_cohort(code, name="Trial", centres={"A": "Here", "B": "There"}, actor=None)
    here, there = cohort.centres.get(code="A"), cohort.centres.get(code="B")
    people = {role.value: User.objects.create(username=role.value) for role in Role}
    for role, person in people.items():
        Membership.objects.create(user=person, cohort=cohort, role=role)
    people["elsewhere"] = User.objects.create(username="elsewhere")
    Membership.objects.create(user=people["elsewhere"], cohort=cohort, role=Role.ADMINISTRATOR, centre=there)
    people["stranger"] = User.objects.create(username="stranger")
    create_cohort("other", name="Other trial", centres={"A": "Far"}, actor=people["stranger"])
    clinical = {
        "histology": "squamous",
        "first_dose_on": date(2024, 3, 4),
        "last_dose_on": date(2024, 4, 22),
        "age_years": 61,
    }
    patient = create_patient(cohort, code="P-1", centre=here, actor=people[Role.COORDINATOR], clinical=clinical)
    other = create_patient(cohort, code="P-2", centre=there, actor=people[Role.COORDINATOR])
    return Trial(cohort, here, there, patient, other, people)


def as_form(values: dict[str, Any]) -> dict[str, Any]:
    """Give a reading as a browser posts it."""
    posted = {}
    for name, value in values.items():
        field = PathologyOutcome._meta.get_field(name)
        if value is None:
            continue
        if field.get_internal_type() == "BooleanField" and not field.null:
            if value:
                posted[name] = "on"
            continue
        posted[name] = str(value)
    return posted
