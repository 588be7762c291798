"""Reading blinded readings: what waits for whom, and what the readers settled on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from cohorts.access import Person, visible
from cohorts.core.agreement import UNREAD, Consensus, ReadingState, consensus, is_as_settled
from cohorts.core.observers import Agreement, agreement
from cohorts.models import BlindedReading, Cohort, PathologyOutcome, Patient
from cohorts.selectors.locks import unlocked


def consensus_of(patient: Patient) -> Consensus:
    """Give what the blinded readings of one patient come to."""
    values = patient.blinded_readings.order_by("slot").values_list("viable_percent", flat=True)
    return consensus_by(patient.cohort, [float(value) for value in values])


def consensus_in(cohort: Cohort, patients: Iterable[Patient] | None = None) -> Mapping[int, Consensus]:
    """Give patient id → what their readings come to, for all patients that have a reading, or for those named."""
    rows = BlindedReading.objects.filter(patient__cohort=cohort)
    if patients is not None:
        rows = rows.filter(patient__in=patients)
    values: dict[int, list[float]] = {}
    for patient_id, value in rows.order_by("patient_id", "slot").values_list("patient_id", "viable_percent"):
        values.setdefault(patient_id, []).append(float(value))
    return {patient_id: consensus_by(cohort, readings) for patient_id, readings in values.items()}


def settled(outcome: PathologyOutcome, consensus: Consensus) -> bool:
    """Tell whether a stored reading is what the blinded readers settled on, and may hence train models."""
    return is_as_settled(float(outcome.viable_percent), consensus)


def consensus_by(cohort: Cohort, values: Sequence[float]) -> Consensus:
    """Settle readings, in the order of their slots, by a cohort's margin and MPR line."""
    return consensus(
        values,
        margin_points=float(cohort.reading_margin_points),
        threshold_percent=float(cohort.mpr_threshold_percent),
    )


def readable(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    """Narrow patients to those whose resected tumour can be read: treatment is over, and nothing excludes them."""
    reported = PathologyOutcome.objects.filter(patient=OuterRef("pk"), is_current=True)
    over = Q(last_dose_on__lt=timezone.localdate()) | Exists(reported)
    return patients.filter(over, cohort__double_reading=True, exclusion="")


@dataclass(frozen=True)
class Wanted:
    """One patient whose tumour a reader is to read."""

    patient: Patient
    is_adjudication: bool


def wanted_readings(cohort: Cohort, user: Person, *, limit: int) -> tuple[list[Wanted], int]:
    """Give the first patients that wait for this reader, those that need a third reader first, and how many wait."""
    patients = visible(unlocked(readable(Patient.objects.filter(cohort=cohort))), user)
    known = consensus_in(cohort)
    pks = unread_by(user, patients, known)
    pks.sort(key=lambda pk: known.get(pk, UNREAD).state != ReadingState.TO_ADJUDICATE)
    shown = Patient.objects.select_related("centre").in_bulk(pks[:limit])
    return [_wanted(shown[pk], known.get(pk, UNREAD)) for pk in pks[:limit]], len(pks)


def unread_by(user: Person, patients: QuerySet[Patient], known: Mapping[int, Consensus]) -> list[int]:
    """Give the ids of the patients that still want a reading by this person, in the order of their codes."""
    own = BlindedReading.objects.filter(patient=OuterRef("pk"), reader=user.pk)
    pks = patients.filter(~Exists(own)).order_by("code", "pk").values_list("pk", flat=True)
    return [pk for pk in pks if not known.get(pk, UNREAD).is_settled]


def wanted_reading(patient: Patient, user: Person) -> Wanted | None:
    """Give what one patient wants of this reader, if anything."""
    known = consensus_of(patient)
    found = unread_by(user, unlocked(readable(Patient.objects.filter(pk=patient.pk))), {patient.pk: known})
    return _wanted(patient, known) if found else None


def _wanted(patient: Patient, consensus: Consensus) -> Wanted:
    return Wanted(patient, consensus.state == ReadingState.TO_ADJUDICATE)


def own_readings(cohort: Cohort, user: Person) -> QuerySet[BlindedReading]:
    """Give what a reader has read, newest first."""
    own = visible(BlindedReading.objects.filter(patient__cohort=cohort, reader=user.pk), user)
    return own.select_related("patient__centre").order_by("-read_at", "-pk")


@dataclass(frozen=True)
class ReadingProgress:
    """How far the double reading of a cohort is, and how well its readers agree."""

    states: Mapping[str, int]
    settled: int
    agreement: Agreement | None
    pairs: tuple[tuple[str, float, float], ...]


def reading_progress(cohort: Cohort, user: Person) -> ReadingProgress:
    """Count the readings of the patients that a person may see, and compare the first two of each."""
    patients = visible(Patient.objects.filter(cohort=cohort), user)
    known = consensus_in(cohort, patients)
    waiting = visible(readable(Patient.objects.filter(cohort=cohort)), user).exclude(pk__in=list(known)).count()
    counts = Counter(str(consensus.state) for consensus in known.values())
    pairs = _pairs(cohort, patients)
    threshold = float(cohort.mpr_threshold_percent)
    return ReadingProgress(
        states={state.value: counts[state.value] for state in ReadingState} | {ReadingState.NONE.value: waiting},
        settled=sum(consensus.is_settled for consensus in known.values()),
        agreement=agreement([pair[1:] for pair in pairs], threshold_percent=threshold),
        pairs=tuple(pairs),
    )


def _pairs(cohort: Cohort, patients: QuerySet[Patient]) -> list[tuple[str, float, float]]:
    """Give code and the first two readings of each patient, the reader who joined first on the left.

    Where the same two people read everything, a column is a person.
    """
    slots = (BlindedReading.Slot.FIRST, BlindedReading.Slot.SECOND)
    rows = BlindedReading.objects.filter(patient__cohort=cohort, patient__in=patients, slot__in=slots)
    found: dict[str, list[float]] = {}
    for code, value in rows.order_by("patient__code", "reader").values_list("patient__code", "viable_percent"):
        found.setdefault(code, []).append(float(value))
    return [(code, values[0], values[1]) for code, values in found.items() if len(values) == 2]
