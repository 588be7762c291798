"""Reading patients, their dates and their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from cohorts.core.response import is_mpr, is_pcr
from cohorts.core.timeline import Timeline, date_shift_days
from cohorts.models import Cohort, PathologyOutcome, Patient, Timepoint


def current_outcome(patient: Patient) -> PathologyOutcome | None:
    """Give the reading that counts now."""
    return PathologyOutcome.objects.filter(patient=patient, is_current=True).first()


def shift_days(patient: Patient) -> int:
    """Give the days by which this patient's imaging dates are moved."""
    key: bytes = settings.DEIDENTIFICATION_KEY
    return date_shift_days(key, cohort_code=patient.cohort.code, patient_code=patient.code)


def true_scan_date(timepoint: Timepoint) -> date | None:
    """Undo the shift of a scan's date, to compare it with clinical dates."""
    if timepoint.scanned_on is None:
        return None
    return timepoint.scanned_on - timedelta(days=shift_days(timepoint.patient))


def timeline_of(patient: Patient, *, outcome: PathologyOutcome | None = None) -> Timeline:
    """Give a patient's dates on one calendar, with a reading that may not be stored yet."""
    reading = outcome or (current_outcome(patient) if patient.pk else None)
    scans = {t.kind: true_scan_date(t) for t in patient.timepoints.all()} if patient.pk else {}
    return Timeline(
        pre_scan_on=scans.get(Timepoint.Kind.PRE),
        first_dose_on=patient.first_dose_on,
        last_dose_on=patient.last_dose_on,
        post_scan_on=scans.get(Timepoint.Kind.POST),
        surgery_on=reading.surgery_on if reading else None,
        signed_off_on=reading.signed_off_on if reading else None,
    )


def patients_for_list(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    """Add to patients what a list of them shows."""
    current = PathologyOutcome.objects.filter(is_current=True)
    return (
        patients.select_related("centre", "cohort")
        .annotate(
            has_pre=Exists(Timepoint.objects.filter(patient=OuterRef("pk"), kind=Timepoint.Kind.PRE)),
            has_post=Exists(Timepoint.objects.filter(patient=OuterRef("pk"), kind=Timepoint.Kind.POST)),
        )
        .prefetch_related(Prefetch("outcomes", queryset=current, to_attr="current_outcomes"))
    )


@dataclass(frozen=True)
class Response:
    """MPR and pCR of one reading, with the threshold that gave them."""

    mpr: bool
    pcr: bool | None
    threshold_percent: float


def response_of(outcome: PathologyOutcome, cohort: Cohort) -> Response:
    """Derive MPR and pCR from a reading."""
    threshold = float(cohort.mpr_threshold_percent)
    return Response(is_mpr(outcome.reading, threshold_percent=threshold), is_pcr(outcome.reading), threshold)
