"""Whether new scans show the person whose earlier scans are stored: compared by keyed hashes, never by values."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence

from django.conf import settings
from django.utils.translation import gettext as _

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Cohort, Patient, User
from imaging.core.person import ATTRIBUTES, Person, differences
from imaging.models import PersonMark

Marks = Mapping[str, str]


def marks_of(person: Person, cohort: Cohort) -> dict[str, str]:
    """Return attribute → keyed hash of what a file states of its person; equal persons have equal ones in a cohort."""
    key: bytes = settings.DEIDENTIFICATION_KEY
    return {
        attribute: hmac.new(key, f"{attribute}:{cohort.code}:{value.casefold()}".encode(), hashlib.sha256).hexdigest()
        for attribute, value in person.stated().items()
    }


def patient_known_by(person: Person, cohort: Cohort) -> Patient | None:
    """Return the patient of a cohort whose earlier scans bore the same PatientID, if there is exactly one."""
    mark = marks_of(person, cohort).get("patient_id", "")
    known = Patient.objects.filter(cohort=cohort, person_marks__kind="patient_id", person_marks__digest=mark)
    found = list(known.distinct()[:2]) if mark else []
    return found[0] if len(found) == 1 else None


def require_one_person(persons: Iterable[Person]) -> None:
    """Refuse files for one patient that state several persons.

    Raises
    ------
    ServiceError
        ``several_persons`` with the names of what differs, never the values.
    """
    if differing := differences(persons):
        words = {"what": ", ".join(differing)}
        raise ServiceError(
            "several_persons", _("The files for this patient state several persons: %(what)s differ.") % words
        )


def require_same_person(persons: Sequence[Person], *, cohort: Cohort, patient_code: str) -> None:
    """Refuse scans of another person than the one whose scans the patient has, or whose patient is another one.

    Raises
    ------
    ServiceError
        ``another_person`` with the names of what differs.
    """
    new = _joined(persons, cohort)
    stored: dict[str, set[str]] = {}
    for kind, digest in PersonMark.objects.filter(patient__cohort=cohort, patient__code=patient_code).values_list(
        "kind", "digest"
    ):
        stored.setdefault(kind, set()).add(digest)
    differing = [ATTRIBUTES[kind] for kind, digest in new.items() if kind in stored and digest not in stored[kind]]
    if differing:
        words = {"what": ", ".join(differing)}
        raise ServiceError(
            "another_person",
            _("The files state another person than this patient's earlier scans: %(what)s differ.") % words,
        )
    is_known = Patient.objects.filter(cohort=cohort, code=patient_code).exists()
    if not stored and is_known and _other_patients(persons, cohort, patient_code):
        raise ServiceError(
            "another_person", _("The PatientID of the files belongs to another patient of this cohort.")
        )


def another_patient_note(persons: Sequence[Person], *, cohort: Cohort, patient_code: str) -> str:
    """Return what is to be said of files for a new patient whose PatientID another patient has; "" for others."""
    if not _other_patients(persons, cohort, patient_code):
        return ""
    return _("the PatientID of the files belongs to another patient of this cohort as well")


def _other_patients(persons: Sequence[Person], cohort: Cohort, patient_code: str) -> bool:
    mark = _joined(persons, cohort).get("patient_id", "")
    others = PersonMark.objects.filter(patient__cohort=cohort, kind="patient_id", digest=mark)
    return others.exclude(patient__code=patient_code).exists()


def record_marks(patient: Patient, person: Person, *, actor: User | None, confirmed: str) -> None:
    """Write what a scan's files state of its person, as keyed hashes; what was confirmed by a reason is audited."""
    known = set(PersonMark.objects.filter(patient=patient).values_list("kind", "digest"))
    new = sorted(set(marks_of(person, patient.cohort).items()) - known)
    PersonMark.objects.bulk_create(PersonMark(patient=patient, kind=kind, digest=digest) for kind, digest in new)
    if confirmed and new:
        changes = {"person": ("", ", ".join(ATTRIBUTES[kind] for kind, _digest in new))}
        audit.record(
            "confirmed",
            patient,
            actor=actor,
            cohort=patient.cohort,
            patient=patient,
            changes=changes,
            reason=confirmed,
        )


def _joined(persons: Iterable[Person], cohort: Cohort) -> dict[str, str]:
    return {kind: digest for person in persons for kind, digest in marks_of(person, cohort).items()}
