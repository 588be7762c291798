"""From a folder, zip or file to stored, de-identified series and masks.

Scanning and reading touch no record; all rows of an import are written in its closing transaction, so a refused
or cancelled import leaves nothing half-written.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from cohorts import audit, jobs
from cohorts.core.timeline import date_shift_days
from cohorts.errors import ServiceError, explain
from cohorts.jobs import Report
from cohorts.models import Centre, Cohort, Job, Patient, Timepoint, User
from cohorts.models.patient import PATIENT_CODE
from cohorts.selectors import true_scan_date
from cohorts.services.cohorts import centre_for
from cohorts.services.patients import create_patient, mark_evaluable, record_scan
from imaging import storage
from imaging.core.codec import pack_mask, pack_volume
from imaging.core.deidentify import Deidentifier, clean_files
from imaging.core.deidentify_values import region_text
from imaging.core.dicom import SeriesReport, read_series
from imaging.core.errors import ImagingError, NothingToImport
from imaging.core.masks import largest_component, mean_hu, read_mask
from imaging.core.nifti import read_volume_file
from imaging.core.regions import ORGAN_RANK, UNKNOWN_RANK
from imaging.core.scan import ScanReport, SegmentationReport, as_json, open_source, scan
from imaging.models import ImageSeries, Segmentation
from imaging.services import uploads

ACCEPTED = "accepted"
_TIME_WORDS = {
    Timepoint.Kind.PRE: {"pre", "baseline", "t0", "before"},
    Timepoint.Kind.POST: {"post", "followup", "t1", "after"},
}


@dataclass(frozen=True)
class ImportOptions:
    """What a person says about the files; empty means: find out."""

    patient_code: str = ""
    timepoint: str = "auto"
    centre_code: str = ""
    roi: str = ""


@dataclass(frozen=True)
class Planned:
    """One series with its tumour mask, and whose it is."""

    series: SeriesReport
    segmentation: SegmentationReport | None
    patient_code: str
    timepoint: str
    note: str


@dataclass(frozen=True, eq=False)
class Read:
    """A planned series as stored artefacts and the facts of its rows."""

    planned: Planned
    series: dict[str, Any]
    segmentation: dict[str, Any] | None
    scanned_on: date | None


@transaction.atomic
def enqueue_import(
    cohort: Cohort,
    *,
    path: Path,
    options: ImportOptions,
    user: User | None,
    centre: Centre | None = None,
    parent: Job | None = None,
) -> Job:
    """Queue an import of files on this machine; ``centre`` is the wall within which the person works, if any."""
    parameters = {"inbox": uploads.inbox_for(path), "options": options.__dict__}
    return jobs.enqueue(
        Job.Kind.IMPORT, cohort=cohort, user=user, centre=centre, parameters=parameters, parent=parent
    )


def run(job: Job, report: Report) -> Callable[[], dict[str, Any]]:
    """Import: scan, plan, read, and give what the closing transaction writes."""
    inbox, options = job.parameters["inbox"], ImportOptions(**job.parameters["options"])
    try:
        with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as workdir:
            source = uploads.source_in(inbox)
            write = import_path(job.cohort, source, options=options, job=job, report=report, workdir=Path(workdir))
    except ImagingError:
        uploads.discard(inbox)  # trying again would end the same way
        raise

    def write_and_discard() -> dict[str, Any]:
        transaction.on_commit(lambda: uploads.discard(inbox))
        return write()

    return write_and_discard


def import_path(
    cohort: Cohort, path: Path, *, options: ImportOptions, job: Job, report: Report, workdir: Path
) -> Callable[[], dict[str, Any]]:
    """Read everything that a path holds; gives the writer of all rows."""
    report(0, 100, "looking at the files")
    found = scan(
        open_source(path, workdir=workdir),
        roi=options.roi or None,
        on_progress=lambda done, total: report(round(50 * done / max(total, 1)), 100, "looking at the files"),
    )
    if not found.series and not found.segmentations:
        raise NothingToImport(
            f"There is neither an image nor a mask in it; {found.ignored} other files were looked at."
        )
    planned, refusals = plan(found, cohort, options, centre=job.centre)
    read: list[Read] = []
    for number, one in enumerate(planned):
        report(50 + round(50 * number / len(planned)), 100, "reading and removing identity")
        try:
            read.append(_read(one, cohort))
        except ImagingError as error:
            refusals[one.series.series_uid] = (error.code, error.message)
    summary = _summary(found, refusals)

    def write() -> dict[str, Any]:
        imported = [_write(one, cohort, options, job) for one in read]
        return {**summary, "imported": imported}

    return write


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
        for time, chosen, note in _timepoints(members, found, cohort, code, options, refusals):
            notes = "; ".join(filter(None, (note, _mask_note(found, chosen))))
            planned.append(Planned(chosen, _tumour(found, chosen), code, time, notes))
    return planned, refusals


def _patient_code(series: SeriesReport, found: ScanReport, cohort: Cohort, options: ImportOptions) -> str:
    """Give the pseudonym: the one named, one that the cohort has, else one made with the secret key."""
    if options.patient_code:
        return _valid_code(options.patient_code)
    raw = series.patient_id or _patient_folder(series, found)
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
    times = set().union(*_TIME_WORDS.values())
    own = [folder for folder in Path(series.path).parts[len(shared) : -1] if folder.lower() not in times]
    above = [names[0] for names in shared if names[0].lower() not in times]
    return own[0] if own else above[-1] if above else ""


def _timepoints(
    members: Sequence[SeriesReport],
    found: ScanReport,
    cohort: Cohort,
    code: str,
    options: ImportOptions,
    refusals: dict[str, tuple[str, str]],
) -> Iterable[tuple[str, SeriesReport, str]]:
    """Give one series for each timepoint of a patient, with a note on how the time was found."""
    by_time: dict[str, list[tuple[SeriesReport, str]]] = {}
    patient = Patient.objects.filter(cohort=cohort, code=code).select_related("cohort").first()
    days = sorted({s.acquisition.acquired_on for s in members if s.acquisition.acquired_on})
    for series in members:
        try:
            time, note = _timepoint(series, days, patient, options)
        except ServiceError as error:
            refusals[series.series_uid] = (error.code, error.message)
            continue
        by_time.setdefault(time, []).append((series, note))
    for time, candidates in sorted(by_time.items(), reverse=True):
        # A series with a tumour mask counts before one without; then the thinnest slices.
        ranked = sorted(candidates, key=lambda c: (_tumour(found, c[0]) is None, (c[0].spacing_zyx_mm or (9,))[0]))
        for series, _ in ranked[1:]:
            reason = "Another series of this timepoint was chosen: it has a tumour mask, or thinner slices."
            refusals[series.series_uid] = ("not_chosen", reason)
        yield time, *ranked[0]


def _timepoint(
    series: SeriesReport, days: Sequence[date], patient: Patient | None, options: ImportOptions
) -> tuple[str, str]:
    if options.timepoint != "auto":
        return options.timepoint, ""
    day = series.acquisition.acquired_on
    if day and patient and patient.first_dose_on:
        return (Timepoint.Kind.PRE if day <= patient.first_dose_on else Timepoint.Kind.POST), "by the first dose"
    words = set(re.split(r"[^a-z0-9]+", series.path.lower()))
    for kind, named in _TIME_WORDS.items():
        if words & named:
            return kind, "by the name of the folder or file"
    known = sorted({*days, *_known_days(patient)})
    if day is None or len(known) > 2:
        raise ServiceError(
            "timepoint_unknown",
            f"It is not clear which scan is before and which after treatment: {len(known)} scan dates are known.",
        )
    if len(known) == 1:
        return Timepoint.Kind.PRE, "assumed: the only scan so far"
    return (Timepoint.Kind.PRE if day == known[0] else Timepoint.Kind.POST), "by the order of the scan dates"


def _known_days(patient: Patient | None) -> Iterable[date]:
    if patient is None:
        return ()
    found = (true_scan_date(t) for t in patient.timepoints.select_related("patient__cohort"))
    return [day for day in found if day is not None]


def _masks_of(found: ScanReport, series: SeriesReport) -> list[SegmentationReport]:
    own = [s for s in found.segmentations if s.series_uid == series.series_uid and s.verdict == ACCEPTED]
    return sorted(own, key=lambda s: (s.tumour_rank, s.number))


def _tumour(found: ScanReport, series: SeriesReport) -> SegmentationReport | None:
    """Give the accepted mask of a series whose name says tumour; a mask that is alone may have any but an organ's."""
    own = _masks_of(found, series)
    limit = ORGAN_RANK if len(own) == 1 else UNKNOWN_RANK
    return own[0] if own and own[0].tumour_rank < limit else None


def _mask_note(found: ScanReport, series: SeriesReport) -> str:
    own, chosen = _masks_of(found, series), _tumour(found, series)
    if own and chosen is None:
        names = ", ".join(region_text(mask.name) for mask in own)
        return f"none of the regions ({names}) is named like a tumour; name the region and import again"
    rivals = [
        region_text(mask.name)
        for mask in own
        if chosen and mask is not chosen and mask.tumour_rank == chosen.tumour_rank
    ]
    if chosen and rivals:
        return f"{region_text(chosen.name)} was taken, though {', '.join(rivals)} would fit as well; name the region to choose"
    return ""


def _read(planned: Planned, cohort: Cohort) -> Read:
    series, segmentation = planned.series, planned.segmentation
    shift = date_shift_days(settings.DEIDENTIFICATION_KEY, cohort_code=cohort.code, patient_code=planned.patient_code)
    cleaner = Deidentifier(
        key=settings.DEIDENTIFICATION_KEY,
        patient_code=planned.patient_code,
        secret=f"{cohort.code}:{planned.patient_code}",
        shift_days=shift,
    )
    volume = read_series(series.files) if series.kind == "dicom" else read_volume_file(series.files[0])
    facts = _series_facts(series, cleaner) | {
        "volume_sha256": storage.put(pack_volume(volume)),
        "dicom_sha256": _store_clean(series.files, cleaner) if series.kind == "dicom" else "",
    }
    day = series.acquisition.acquired_on
    scanned_on = day + timedelta(days=shift) if day else None
    if segmentation is None:
        return Read(planned, facts, None, scanned_on)
    named = read_mask(segmentation.file, volume, roi=segmentation.number)
    _, components = largest_component(named.mask)
    is_dicom = segmentation.kind in {"rtstruct", "seg"}
    mask_facts = {
        "name": region_text(segmentation.name),
        "kind": segmentation.kind,
        "tool": named.tool[:64],
        "voxels": named.mask.voxels,
        "volume_mm3": named.mask.volume_mm3,
        "mean_hu": mean_hu(volume, named.mask),
        "components": components,
        "mask_sha256": storage.put(pack_mask(named.mask)),
        "source_sha256": _store_clean([segmentation.file], cleaner) if is_dicom else "",
    }
    return Read(planned, facts, mask_facts, scanned_on)


def _series_facts(series: SeriesReport, cleaner: Deidentifier) -> dict[str, Any]:
    acquisition = series.acquisition
    is_dicom = series.kind == "dicom"
    return {
        "kind": series.kind,
        "series_uid": cleaner.uid(series.series_uid) if is_dicom else series.series_uid,
        "frame_of_reference_uid": cleaner.uid(series.frame_of_reference_uid) if series.frame_of_reference_uid else "",
        "shape_zyx": list(series.shape_zyx or ()),
        "spacing_zyx_mm": list(series.spacing_zyx_mm or ()),
        "manufacturer": acquisition.manufacturer[:64],
        "scanner": acquisition.model[:64],
        "kernel": acquisition.kernel[:64],
        "kvp": acquisition.kvp,
        "slice_thickness_mm": acquisition.slice_thickness_mm,
        "contrast": acquisition.contrast,
    }


def _store_clean(files: Sequence[Path], cleaner: Deidentifier) -> str:
    """Store de-identified files as one archive; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in clean_files(files, cleaner):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 1)
    return storage.put(buffer.getvalue())


def _write(read: Read, cohort: Cohort, options: ImportOptions, job: Job) -> dict[str, Any]:
    planned, actor = read.planned, job.created_by
    patient = Patient.objects.filter(cohort=cohort, code=planned.patient_code).first()
    if patient is None:
        centre = job.centre or centre_for(cohort, options.centre_code or None)
        patient = create_patient(cohort, code=planned.patient_code, centre=centre, actor=actor)
    timepoint = record_scan(patient, kind=planned.timepoint, scanned_on=read.scanned_on, actor=actor)
    volume_sha256 = read.series.pop("volume_sha256")
    series, _ = ImageSeries.objects.get_or_create(
        timepoint=timepoint, volume_sha256=volume_sha256, defaults={**read.series, "imported_by": job}
    )
    segmentation = _write_segmentation(read, series, job)
    return {
        "patient": patient.code,
        "timepoint": planned.timepoint,
        "note": planned.note,
        "segmentation": segmentation.name if segmentation else None,
        "voxels": segmentation.voxels if segmentation else None,
        "centre": patient.centre.code,
    }


def _write_segmentation(read: Read, series: ImageSeries, job: Job) -> Segmentation | None:
    """Store a mask as the current version of its timepoint; an equal one on an equal image is kept as it is."""
    if read.segmentation is None:
        return None
    timepoint = series.timepoint
    own = Segmentation.objects.filter(timepoint=timepoint)
    current = own.filter(is_current=True).first()
    if current and current.mask_sha256 == read.segmentation["mask_sha256"] and current.series_id == series.pk:
        return current
    own.filter(is_current=True).update(is_current=False)
    segmentation = Segmentation.objects.create(
        timepoint=timepoint,
        series=series,
        version=own.count() + 1,
        imported_by=job,
        created_by=job.created_by,
        **read.segmentation,
    )
    mark_evaluable(timepoint, actor=job.created_by)
    patient = timepoint.patient
    changes = audit.differences(current, segmentation, ["name", "version", "voxels", "mask_sha256"])
    audit.record(
        "imported", segmentation, actor=job.created_by, cohort=patient.cohort, patient=patient, changes=changes
    )
    return segmentation


def _summary(found: ScanReport, refusals: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Give the verdicts as the job keeps them: without paths, original UIDs and free words, which are identity."""
    rows = as_json(found)
    names = {series.series_uid: f"series {number}" for number, series in enumerate(found.series, start=1)}
    for series, row in zip(found.series, rows["series"], strict=True):
        _neutral(row, names[series.series_uid])
        if refusal := refusals.get(series.series_uid):
            row |= {"verdict": "refused", "code": refusal[0], "reason": refusal[1]}
        row["remedy"] = _remedy(row)
    for number, (one, row) in enumerate(zip(found.segmentations, rows["segmentations"], strict=True), start=1):
        _neutral(row, f"mask {number} of {names.get(one.series_uid, 'no series')}")
        row["remedy"] = _remedy(row)
    return {**rows, "ignored": found.ignored}


def _neutral(row: dict[str, Any], label: str) -> None:
    row["path"] = label
    row.pop("series_uid", None)
    if row.get("name"):
        row["name"] = region_text(row["name"])
    # Sentences quote regions as their files call them, which may be after the patient.
    row["reason"] = re.sub(r"""(['"])(.+?)\1""", lambda quoted: repr(region_text(quoted[2])), row["reason"])


def _remedy(row: dict[str, Any]) -> str:
    error = ServiceError(row["code"], row["reason"] or row["code"])
    return "" if row["verdict"] == ACCEPTED else explain(error, reference="").remedy
