"""Counts of a cohort, for all and by centre, and the rows that they are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from django.db.models import Count, Exists, F, FilteredRelation, FloatField, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from cohorts.access import Person, visible
from cohorts.core.response import ResponseReading, is_mpr, is_pcr
from cohorts.models import Cohort, Patient, Timepoint
from cohorts.models.patient import TNM_EDITIONS
from cohorts.selectors.filters import PatientFilters

#: Values of a row's response; charts give each its colour.
NO_OUTCOME = "No outcome yet"
_Z95 = 1.959963984540054


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
        return wilson_percent(self.mpr, self.with_outcome)


@dataclass(frozen=True)
class CohortSummary:
    """What the cohort page says at its top, and the rows that its charts draw."""

    total: CentreSummary
    centres: tuple[CentreSummary, ...]
    rows: tuple[dict[str, Any], ...]


def wilson_percent(hits: int, n: int) -> tuple[float, float] | None:
    """Give Wilson's 95 % interval of a rate, in percent."""
    if not n:
        return None
    rate, z2 = hits / n, _Z95**2
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 * sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


def summarise(cohort: Cohort, user: Person, filters: PatientFilters | None = None) -> CohortSummary:
    """Count patients, complete timepoints and responses, for all and by centre, of what a person may see."""
    return summary_of(patients_shown(cohort, user, filters), cohort)


def summary_of(patients: QuerySet[Patient], cohort: Cohort) -> CohortSummary:
    """Count patients of a cohort, complete timepoints and responses, for all and by centre."""
    rows = patient_rows(patients, cohort)
    by_centre: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_centre.setdefault(row["centre"], []).append(row)
    centres = tuple(_count(name, members) for name, members in sorted(by_centre.items()))
    return CohortSummary(_count(_("All centres"), rows), centres, rows)


def patients_shown(cohort: Cohort, user: Person, filters: PatientFilters | None = None) -> QuerySet[Patient]:
    """Give the patients that a person may see and asks for, without an order."""
    found = visible(Patient.objects.filter(cohort=cohort), user)
    return filters.apply(found, cohort) if filters else found


_OWN = (
    "code",
    "centre__name",
    "age_years",
    "sex",
    "smoking",
    "histology",
    "clinical_stage",
    "clinical_tnm_edition",
    "location",
    "cycles",
    "exclusion",
    "enrolled_on",
    "first_dose_on",
)
_READING = ("ypt", "ypn", "nodes_examined", "nodes_positive", "sampling")
_DECIMALS = ("viable_percent", "nodes_viable_percent")


def patient_rows(patients: QuerySet[Patient], cohort: Cohort) -> tuple[dict[str, Any], ...]:
    """Give what charts and tables need of each patient; one query, however many patients."""
    current = FilteredRelation("outcomes", condition=Q(outcomes__is_current=True))
    # Floats, because reading thousands of decimals takes longer than all the rest.
    floats = {name: Cast(F(f"current__{name}"), FloatField()) for name in _DECIMALS}
    found = patients.annotate(
        current=current,
        pdl1=Cast("pdl1_percent", FloatField()),
        has_pre=_has(Timepoint.Kind.PRE),
        has_post=_has(Timepoint.Kind.POST),
        **floats,
    ).order_by("code")
    extra = ("pdl1", "has_pre", "has_post", *_DECIMALS)
    values = found.values_list(*_OWN, *extra, *(f"current__{name}" for name in _READING))
    names = (*_OWN, *extra, *_READING)
    threshold = float(cohort.mpr_threshold_percent)
    words = _choices()
    return tuple(_row(dict(zip(names, row, strict=True)), threshold, words) for row in values)


def _has(kind: Timepoint.Kind) -> Exists:
    return Exists(Timepoint.objects.filter(patient=OuterRef("pk"), kind=kind))


def _choices() -> dict[str, dict[Any, str]]:
    choices: dict[str, Any] = {
        "sex": Patient.Sex,
        "smoking": Patient.Smoking,
        "histology": Patient.Histology,
        "location": Patient.Location,
    }
    unknown = {"": _("Not stated")}
    words = {name: {value: str(label) for value, label in kind.choices} | unknown for name, kind in choices.items()}
    editions: dict[Any, str] = {value: str(label) for value, label in TNM_EDITIONS}
    return words | {"edition": editions | {None: unknown[""]}}


def _row(values: dict[str, Any], threshold: float, words: dict[str, dict[Any, str]]) -> dict[str, Any]:
    mpr, pcr = _response(values, threshold)
    return {
        "patient": values["code"],
        "centre": values["centre__name"],
        "complete": values["has_pre"] and values["has_post"],
        "response": NO_OUTCOME if mpr is None else "MPR" if mpr else "No MPR",
        "pcr": pcr is True,
        "viable_percent": values["viable_percent"],
        "age_years": values["age_years"],
        **{name: labels.get(values[name], values[name]) for name, labels in words.items() if name != "edition"},
        "stage": values["clinical_stage"] or words["sex"][""],
        "stage_edition": words["edition"][values["clinical_tnm_edition"]],
        "pdl1_percent": values["pdl1"],
        "cycles": values["cycles"],
        "exclusion": values["exclusion"],
        "entered_on": values["enrolled_on"] or values["first_dose_on"],
    }


def _response(values: dict[str, Any], threshold: float) -> tuple[bool | None, bool | None]:
    """Derive MPR and pCR of a row by the rules of the core; a row without outcome has neither."""
    if values["viable_percent"] is None:
        return None, None
    read = {name: values[name] for name in (*_READING, *_DECIMALS)}
    reading = ResponseReading(necrosis_percent=0.0, stroma_percent=0.0, **read)  # the two rules do not ask for them
    return is_mpr(reading, threshold_percent=threshold), is_pcr(reading)


def _count(name: str, rows: Iterable[dict[str, Any]]) -> CentreSummary:
    members: Sequence[dict[str, Any]] = list(rows)
    responses = Counter(row["response"] for row in members)
    return CentreSummary(
        name=name,
        patients=len(members),
        complete=sum(row["complete"] for row in members),
        with_outcome=responses["MPR"] + responses["No MPR"],
        mpr=responses["MPR"],
        pcr=sum(row["pcr"] for row in members),
    )


def cohorts_for_list(user: Person) -> QuerySet[Cohort]:
    """Give the cohorts that a person may see."""
    return visible(Cohort.objects.all(), user).annotate(n_centres=Count("centres", distinct=True)).order_by("name")


def totals(user: Person) -> dict[int, CentreSummary]:
    """Count each cohort that a person may see; one query, however many cohorts."""
    current = FilteredRelation("outcomes", condition=Q(outcomes__is_current=True))
    major = Q(current__viable_percent__lte=F("cohort__mpr_threshold_percent"))
    counted = (
        visible(Patient.objects.all(), user)
        .annotate(current=current, has_pre=_has(Timepoint.Kind.PRE), has_post=_has(Timepoint.Kind.POST))
        .values("cohort_id")
        .order_by("cohort_id")
        .annotate(
            patients=Count("pk"),
            complete=Count("pk", filter=Q(has_pre=True, has_post=True)),
            with_outcome=Count("current"),
            mpr=Count("current", filter=major),
        )
    )
    return {
        row["cohort_id"]: CentreSummary("", row["patients"], row["complete"], row["with_outcome"], row["mpr"], pcr=0)
        for row in counted
    }
