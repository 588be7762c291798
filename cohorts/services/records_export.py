"""Clinical data and readings as the table that an import takes back without a change."""

from __future__ import annotations

from cohorts.core.tables import write_text, write_workbook
from cohorts.models import Cohort, PathologyOutcome, Patient, User
from cohorts.selectors.table_imports import known_in
from cohorts.services.outcomes import OUTCOME_FIELDS
from cohorts.services.patients import CLINICAL_FIELDS
from cohorts.services.table_import.values import COLUMNS, text_of

#: Kind → content type of the file.
KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def records_of(cohort: Cohort, user: User | None, *, kind: str) -> bytes:
    """Give the records of a cohort as a file: of every patient, or of those that a person may see."""
    known = known_in(cohort, user)
    rows = [_row(patient, known.outcomes.get(patient.pk)) for _code, patient in sorted(known.patients.items())]
    if kind == "xlsx":
        return write_workbook(COLUMNS, rows, title=cohort.code)
    return write_text(COLUMNS, rows)


def _row(patient: Patient, outcome: PathologyOutcome | None) -> list[str]:
    clinical = [text_of(patient, name) for name in CLINICAL_FIELDS]
    reading = [text_of(outcome, name) if outcome else "" for name in OUTCOME_FIELDS]
    return [patient.code, *clinical, *reading]
