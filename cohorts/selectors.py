"""Reading: what pages and services ask of cohorts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db.models import Case, Count, Exists, OuterRef, Prefetch, QuerySet, When
from scipy.stats import binomtest

from cohorts.access import Person, visible
from cohorts.core.response import is_mpr, is_pcr
from cohorts.core.timeline import Timeline, date_shift_days
from cohorts.models import Cohort, Job, PathologyOutcome, Patient, Timepoint


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


def patients_for_list(cohort: Cohort, user: Person, *, search: str = "", centre: str = "") -> QuerySet[Patient]:
    """Give the patients that a person may see, ordered, with what the list shows."""
    found = visible(Patient.objects.filter(cohort=cohort), user)
    if search:
        found = found.filter(code__icontains=search)
    if centre:
        found = found.filter(centre__code=centre)
    current = PathologyOutcome.objects.filter(is_current=True)
    return (
        found.select_related("centre", "cohort")
        .annotate(
            has_pre=Exists(Timepoint.objects.filter(patient=OuterRef("pk"), kind=Timepoint.Kind.PRE)),
            has_post=Exists(Timepoint.objects.filter(patient=OuterRef("pk"), kind=Timepoint.Kind.POST)),
        )
        .prefetch_related(Prefetch("outcomes", queryset=current, to_attr="current_outcomes"))
        .order_by("code")
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


@dataclass(frozen=True)
class CentreSummary:
    """Counts of one centre, or of all."""

    name: str
    patients: int
    complete: int
    with_outcome: int
    mpr: int
    pcr: int

    @property
    def mpr_percent(self) -> float | None:
        """Share of major responders among patients with an outcome."""
        return 100 * self.mpr / self.with_outcome if self.with_outcome else None

    @property
    def mpr_interval_percent(self) -> tuple[float, float] | None:
        """Wilson 95 % interval of the MPR rate."""
        if not self.with_outcome:
            return None
        interval = binomtest(self.mpr, self.with_outcome).proportion_ci(method="wilson")
        return 100 * float(interval.low), 100 * float(interval.high)


@dataclass(frozen=True)
class CohortSummary:
    """What the cohort page says at its top, and the rows that its charts draw."""

    total: CentreSummary
    centres: tuple[CentreSummary, ...]
    rows: tuple[dict[str, object], ...]


def summarise(cohort: Cohort, user: Person) -> CohortSummary:
    """Count patients, complete timepoints and responses, for all and by centre, of what a person may see."""
    patients = list(patients_for_list(cohort, user))
    rows = tuple(_chart_row(patient, cohort) for patient in patients)
    by_centre: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        by_centre.setdefault(str(row["centre"]), []).append(row)
    centres = tuple(_count(name, members) for name, members in sorted(by_centre.items()))
    return CohortSummary(_count("All centres", rows), centres, rows)


def _chart_row(patient: Patient, cohort: Cohort) -> dict[str, object]:
    outcomes: list[PathologyOutcome] = patient.current_outcomes  # type: ignore[attr-defined]
    for outcome in outcomes:
        outcome.patient = patient  # spares a query: the reading asks for the histology
    response = response_of(outcomes[0], cohort) if outcomes else None
    return {
        "patient": patient.code,
        "centre": patient.centre.name,
        "complete": patient.has_pre and patient.has_post,  # type: ignore[attr-defined]
        "response": "No outcome yet" if response is None else "MPR" if response.mpr else "No MPR",
        "pcr": bool(response and response.pcr),
        "viable_percent": float(outcomes[0].viable_percent) if outcomes else None,
        "age_years": patient.age_years,
        "sex": patient.get_sex_display() or "Not stated",
        "histology": patient.get_histology_display() or "Not stated",
        "location": patient.get_location_display() or "Not stated",
        "pdl1_percent": float(patient.pdl1_percent) if patient.pdl1_percent is not None else None,
    }


def _count(name: str, rows: Iterable[dict[str, object]]) -> CentreSummary:
    members = list(rows)
    responses = Counter(str(row["response"]) for row in members)
    return CentreSummary(
        name=name,
        patients=len(members),
        complete=sum(bool(row["complete"]) for row in members),
        with_outcome=responses["MPR"] + responses["No MPR"],
        mpr=responses["MPR"],
        pcr=sum(bool(row["pcr"]) for row in members),
    )


def cohorts_for_list(user: Person) -> QuerySet[Cohort]:
    """Give the cohorts that a person may see."""
    return visible(Cohort.objects.all(), user).annotate(n_centres=Count("centres", distinct=True)).order_by("name")


def jobs_for_list(cohort: Cohort, user: Person) -> QuerySet[Job]:
    """Give the jobs of a cohort that a person may see; cases stand under their batch."""
    return visible(Job.objects.filter(cohort=cohort, parent=None), user).select_related("created_by", "patient")


def active_job(cohort: Cohort, kind: str) -> Job | None:
    """Give the job of a kind that is not over, if there is one."""
    return Job.objects.filter(cohort=cohort, kind=kind).exclude(state__in=Job.TERMINAL).order_by("pk").first()


def job_cases(job: Job) -> QuerySet[Job]:
    """Give the cases of a batch, those that need attention first."""
    trouble = Case(When(state__in=[Job.State.FAILED, Job.State.CRASHED], then=0), default=1)
    return job.children.select_related("patient").order_by(trouble, "pk")
