"""What a run records of patients, readings and masks as they were when it used them, so that a report never quotes later rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.utils import timezone

from cohorts.models import AuditEntry, Cohort, PathologyOutcome, Patient
from cohorts.selectors.patients import timeline_of
from imaging.models import Segmentation
from modeling.services.facts import stage_of

#: Fields of a patient that a clinical predictor is made of.
PREDICTORS = frozenset(
    ("age_years", "sex", "smoking", "histology", "clinical_stage", "pdl1_percent", "location", "cycles")
)


@dataclass(frozen=True)
class RecordedPatient:
    """Characteristics of a modelled patient; empty or None where not known, days as ISO 8601."""

    code: str
    age_years: float | None
    sex: str
    smoking: str
    histology: str
    stage: str
    pdl1_percent: float | None
    zone: str
    cycles: int | None
    regimen: str
    first_dose_on: str
    post_scan_to_surgery_days: int | None
    #: Whether the clinical predictors were entered, and last changed, before surgery; None where either day is unknown.
    clinical_before_surgery: bool | None = None
    #: Edition of the TNM of the stage; runs of older versions did not record it.
    stage_edition: int | None = None


@dataclass(frozen=True)
class RecordedReading:
    """How one pathology reading was made; empty or None where it is not stated."""

    source: str
    reader: str
    sampling: str
    blinded: bool | None
    tnm_edition: int | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RecordedReading:
        """Return what a run recorded; until version 0.6 it was whether the bed was sampled completely."""
        found = dict(values)
        if "sampling_complete" in found:
            found["sampling"] = "complete" if found.pop("sampling_complete") else "incomplete"
        return cls(**found)


@dataclass(frozen=True)
class RecordedMask:
    """How one mask was drawn, and its scan made."""

    patient: str
    kind: str
    author: str
    tool: str
    manufacturer: str
    kernel: str
    slice_thickness_mm: float | None
    pixel_mm: float
    kvp: float | None
    contrast: bool | None


@dataclass(frozen=True)
class Recorded:
    """Everything of the cohort that reports describe, at one moment."""

    cohort_name: str
    is_synthetic: bool
    training_centre: str
    patients: tuple[RecordedPatient, ...]
    readings: tuple[RecordedReading, ...]
    masks: tuple[RecordedMask, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recorded:
        """Return what `as_dict` wrote."""
        return cls(
            values["cohort_name"],
            values["is_synthetic"],
            values["training_centre"],
            tuple(RecordedPatient(**row) for row in values["patients"]),
            tuple(map(RecordedReading.from_dict, values["readings"])),
            tuple(RecordedMask(**row) for row in values["masks"]),
        )


def record(
    cohort: Cohort,
    patients: Sequence[Patient],
    *,
    zones: Mapping[str, str],
    outcomes: Sequence[PathologyOutcome],
    segmentations: Sequence[Segmentation],
) -> Recorded:
    """Return what is described of modelled patients, from rows as they are in memory.

    Parameters
    ----------
    zones : mapping of str to str
        Where the tumour lies, by patient code.
    """
    home = cohort.training_centre
    by_patient = {outcome.patient_id: outcome for outcome in outcomes}
    entered = _entered(patients)
    return Recorded(
        cohort_name=cohort.name,
        is_synthetic=cohort.is_synthetic,
        training_centre=f"{home.name} ({home.code})" if home else "",
        patients=tuple(
            _patient(one, zones.get(one.code, ""), by_patient.get(one.pk), entered.get(one.pk)) for one in patients
        ),
        readings=tuple(RecordedReading(o.source, o.reader, o.sampling, o.blinded, o.tnm_edition) for o in outcomes),
        masks=tuple(map(_mask, segmentations)),
    )


def _entered(patients: Sequence[Patient]) -> dict[int, date]:
    """Return by patient the day on which a clinical predictor was last entered or changed, as history has it."""
    found: dict[int, date] = {}
    rows = AuditEntry.objects.filter(patient__in=patients, object_type="patient").order_by("at")
    for patient, at, changes in rows.values_list("patient", "at", "changes"):
        if not PREDICTORS.isdisjoint(changes):
            found[patient] = timezone.localdate(at)
    return found


def _patient(
    patient: Patient, zone: str, outcome: PathologyOutcome | None, entered: date | None = None
) -> RecordedPatient:
    timeline = timeline_of(patient, outcome=outcome)
    scanned, operated = timeline.post_scan_on, timeline.surgery_on
    return RecordedPatient(
        code=patient.code,
        age_years=_number(patient.age_years),
        sex=patient.sex,
        smoking=patient.smoking,
        histology=patient.histology,
        stage=stage_of(patient)[0],
        pdl1_percent=_number(patient.pdl1_percent),
        zone=zone,
        cycles=patient.cycles,
        regimen=patient.regimen,
        first_dose_on=patient.first_dose_on.isoformat() if patient.first_dose_on else "",
        post_scan_to_surgery_days=(operated - scanned).days if operated and scanned else None,
        clinical_before_surgery=entered < operated if operated and entered else None,
        stage_edition=patient.clinical_tnm_edition,
    )


def _mask(mask: Segmentation) -> RecordedMask:
    series = mask.series
    return RecordedMask(
        patient=mask.timepoint.patient.code,
        kind=mask.kind,
        author=mask.author,
        tool=mask.tool,
        manufacturer=series.manufacturer,
        kernel=series.kernel,
        slice_thickness_mm=_number(series.slice_thickness_mm),
        pixel_mm=float(series.spacing_zyx_mm[-1]),
        kvp=_number(series.kvp),
        contrast=series.contrast,
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
