"""Counts of a cohort, for all and by centre."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, QuerySet
from scipy.stats import binomtest

from cohorts.access import Person, visible
from cohorts.models import Cohort, PathologyOutcome, Patient
from cohorts.selectors.patients import patients_for_list, response_of


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
