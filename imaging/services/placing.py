"""Deciding whose each series is, which time it shows, and which mask counts. Nothing is read or written here."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError

from cohorts.errors import ServiceError
from cohorts.models import Centre, Cohort, Patient
from cohorts.models.patient import PATIENT_CODE
from imaging.core.corrections import Corrections, Repeated
from imaging.core.dicom import SeriesReport
from imaging.core.scan import ScanReport, SegmentationReport
from imaging.core.timepoint_words import timepoint_of_name
from imaging.services.lesions import index_of, lesion_note, lesions_of
from imaging.services.persons import another_patient_note, patient_known_by, require_one_person, require_same_person
from imaging.services.timepoints import known_dates, require_order, stated_timepoints, timepoint_of

ACCEPTED = "accepted"
NOT_CHOSEN = "not_chosen"
_NOT_CHOSEN = "Another series of this timepoint was chosen: it is original, has a tumour mask, or has thinner slices."


@dataclass(frozen=True)
class ImportOptions:
    """What a person says about the files; empty means: find out. Nothing is corrected unless asked for."""

    patient_code: str = ""
    timepoint: str = "auto"
    centre_code: str = ""
    roi: str = ""
    correct_tilt: bool = False
    repeated: Repeated = ""
    without_localizers: bool = False
    match_by_geometry: bool = False
    #: Why files that state different persons are of one all the same.
    same_person: str = ""

    @property
    def corrections(self) -> Corrections:
        """What may be corrected in the images."""
        return Corrections(
            tilt=self.correct_tilt,
            repeated=self.repeated,
            localizers=self.without_localizers,
            match_by_geometry=self.match_by_geometry,
        )


@dataclass(frozen=True)
class Planned:
    """One series with its lesions, the index lesion (``segmentation``) first among them, and whose it is."""

    series: SeriesReport
    segmentation: SegmentationReport | None
    patient_code: str
    timepoint: str
    note: str
    lesions: tuple[SegmentationReport, ...] = ()


def plan(
    found: ScanReport, cohort: Cohort, options: ImportOptions, *, centre: Centre | None = None
) -> tuple[list[Planned], dict[str, tuple[str, str]]]:
    """Decide whose each accepted series is, which time it shows, and which mask counts.

    Returns
    -------
    list of Planned
        What will be read.
    dict
        Series UID → (code, reason) of accepted series that cannot be placed.
    """
    refusals: dict[str, tuple[str, str]] = {}
    by_patient: dict[str, list[SeriesReport]] = {}
    for series in found.series:
        if series.verdict != ACCEPTED:
            continue
        try:
            code = _patient_code(series, found, cohort, options)
            _require_within(centre, cohort, code)
            by_patient.setdefault(code, []).append(series)
        except ServiceError as error:
            refusals[series.series_uid] = (error.code, error.message)
    planned: list[Planned] = []
    for code, members in by_patient.items():
        if not _is_one_person(members, cohort, code, options, refusals):
            continue
        for time, chosen, note in _timepoints(members, found, cohort, code, options, refusals):
            masks = _masks_of(found, chosen)
            known = another_patient_note([chosen.person], cohort=cohort, patient_code=code)
            notes = "; ".join(filter(None, (note, known, lesion_note(masks))))
            planned.append(Planned(chosen, index_of(masks), code, time, notes, lesions_of(masks)))
    return planned, refusals


def _is_one_person(
    members: Sequence[SeriesReport],
    cohort: Cohort,
    code: str,
    options: ImportOptions,
    refusals: dict[str, tuple[str, str]],
) -> bool:
    """Return whether the series of a patient show one person, the one whose earlier scans are stored, or refuse them."""
    persons = [series.person for series in members]
    try:
        if not options.same_person:
            require_one_person(persons)
            require_same_person(persons, cohort=cohort, patient_code=code)
    except ServiceError as error:
        refusals |= {series.series_uid: (error.code, error.message) for series in members}
        return False
    return True


def _patient_code(series: SeriesReport, found: ScanReport, cohort: Cohort, options: ImportOptions) -> str:
    """Give the pseudonym: the one named, one that the cohort has, else one made with the secret key."""
    if options.patient_code:
        return _valid_code(options.patient_code)
    if known := patient_known_by(series.person, cohort):
        return known.code
    raw = series.person.patient_id or _patient_folder(series, found)
    if not raw:
        raise ServiceError("patient_unknown", "The files do not say whose they are; name the patient.")
    if Patient.objects.filter(cohort=cohort, code=raw).exists():
        return raw
    key: bytes = settings.DEIDENTIFICATION_KEY
    digest = hmac.new(key, f"patient:{cohort.code}:{raw}".encode(), hashlib.sha256).digest()
    return "P-" + base64.b32encode(digest[:5]).decode()


def _require_within(centre: Centre | None, cohort: Cohort, code: str) -> None:
    """Refuse a patient who is not of the centre within which the person works."""
    if centre and Patient.objects.filter(cohort=cohort, code=code).exclude(centre=centre).exists():
        raise ServiceError("patient_unknown", f"Your centre, {centre.name}, has no patient of this name or number.")


def _valid_code(code: str) -> str:
    try:
        PATIENT_CODE(code)
    except ValidationError as error:
        raise ServiceError("invalid_code", f"The patient's code cannot be used. {' '.join(error.messages)}") from None
    return code


def _patient_folder(series: SeriesReport, found: ScanReport) -> str:
    """Give the folder that stands for a patient: the outermost one in which the series differ, times aside."""
    levels = zip(*(Path(other.path).parts[:-1] for other in found.series), strict=False)
    shared = list(takewhile(lambda names: len(set(names)) == 1, levels))
    own = [folder for folder in Path(series.path).parts[len(shared) : -1] if timepoint_of_name(folder) is None]
    above = [names[0] for names in shared if timepoint_of_name(names[0]) is None]
    return own[0] if own else above[-1] if above else ""


def _timepoints(
    members: Sequence[SeriesReport],
    found: ScanReport,
    cohort: Cohort,
    code: str,
    options: ImportOptions,
    refusals: dict[str, tuple[str, str]],
) -> list[tuple[str, SeriesReport, str]]:
    """Return one series for each timepoint of a patient, with a note on how the time was found."""
    by_time: dict[str, list[tuple[SeriesReport, str]]] = {}
    patient = Patient.objects.filter(cohort=cohort, code=code).select_related("cohort").first()
    known = known_dates(members, patient)
    for series, timepoint in zip(members, stated_timepoints(members), strict=True):
        try:
            day = series.acquisition.acquired_on
            time, note = (
                (options.timepoint, "")
                if options.timepoint != "auto"
                else timepoint_of(day, timepoint=timepoint, known=known)
            )
        except ServiceError as error:
            refusals[series.series_uid] = (error.code, error.message)
            continue
        by_time.setdefault(time, []).append((series, note))
    chosen = [
        (time, *_chosen(candidates, found, refusals)) for time, candidates in sorted(by_time.items(), reverse=True)
    ]
    return _in_order(chosen, patient, refusals)


def _chosen(
    candidates: Sequence[tuple[SeriesReport, str]], found: ScanReport, refusals: dict[str, tuple[str, str]]
) -> tuple[SeriesReport, str]:
    """Return the series of a timepoint that counts: original before derived, with a tumour mask, the thinnest slices."""

    def rank(candidate: tuple[SeriesReport, str]) -> tuple[bool, int, float]:
        series = candidate[0]
        return bool(series.derived), _lesion_standing(found, series), (series.spacing_zyx_mm or (9.0,))[0]

    first, *rest = sorted(candidates, key=rank)
    for series, _note in rest:
        refusals[series.series_uid] = (NOT_CHOSEN, _NOT_CHOSEN)
    return first


def _in_order(
    chosen: list[tuple[str, SeriesReport, str]], patient: Patient | None, refusals: dict[str, tuple[str, str]]
) -> list[tuple[str, SeriesReport, str]]:
    """Return what was chosen, or nothing where its days break the order of dates."""
    try:
        require_order(patient, {time: series.acquisition.acquired_on for time, series, _note in chosen})
    except ServiceError as error:
        refusals |= {series.series_uid: (error.code, error.message) for _time, series, _note in chosen}
        return []
    return chosen


def _masks_of(found: ScanReport, series: SeriesReport) -> list[SegmentationReport]:
    own = [s for s in found.segmentations if s.series_uid == series.series_uid and s.verdict == ACCEPTED]
    return sorted(own, key=lambda s: (s.tumour_rank, s.number))


def _lesion_standing(found: ScanReport, series: SeriesReport) -> int:
    """Return 0 for a series with an index lesion, 1 for one with regions that could be lesions, 2 for others."""
    masks = _masks_of(found, series)
    return 0 if index_of(masks) else 1 if lesions_of(masks) else 2
