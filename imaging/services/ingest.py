"""From a folder, zip or file to stored, de-identified series and masks.

Scanning and reading touch no record; all rows of an import are written in its closing transaction, so a refused
or cancelled import leaves nothing half-written.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from cohorts import jobs
from cohorts.core.timeline import date_shift_days
from cohorts.jobs import Report
from cohorts.models import Centre, Cohort, Job, Patient, User
from cohorts.services.cohorts import centre_for
from cohorts.services.patients import create_patient, record_scan
from imaging import storage
from imaging.core.codec import pack_volume
from imaging.core.corrections import Corrected
from imaging.core.deidentify import Deidentifier
from imaging.core.dicom import SeriesReport, read_corrected
from imaging.core.errors import ImagingError, NothingToImport
from imaging.core.nifti import read_volume_file
from imaging.core.scan import open_source, scan
from imaging.models import ImageSeries
from imaging.services import uploads
from imaging.services.import_masks import ReadMask, read_lesions, store_clean, write_lesions
from imaging.services.persons import record_marks
from imaging.services.placing import ImportOptions, Planned, plan
from imaging.services.same_scan import ScanKey, elsewhere_note, same_scans, source_digest
from imaging.services.verdicts import nothing_imported, summary_of


@dataclass(frozen=True, eq=False)
class Read:
    """A planned series as stored artefacts and the facts of its rows."""

    planned: Planned
    series: dict[str, Any]
    masks: tuple[ReadMask, ...]

    @property
    def key(self) -> ScanKey:
        """By what the scan is known again."""
        planned = self.planned
        return ScanKey(
            series_uid=planned.series.series_uid,
            patient_code=planned.patient_code,
            timepoint=planned.timepoint,
            volume_sha256=self.series["volume_sha256"],
            source_digest=self.series["source_digest"],
        )


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
        corrections=options.corrections,
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
            read.append(_read(one, cohort, options))
        except ImagingError as error:
            refusals[one.series.series_uid] = (error.code, error.message)
    refusals |= same_scans([one.key for one in read], cohort)
    read = [one for one in read if one.key.series_uid not in refusals]
    summary = summary_of(found, [one.planned for one in read], refusals)

    def write() -> dict[str, Any]:
        if not read:
            raise nothing_imported(summary)
        imported = [_write(one, cohort, options, job) for one in read]
        return {**summary, "imported": imported}

    return write


def _read(planned: Planned, cohort: Cohort, options: ImportOptions) -> Read:
    series = planned.series
    shift = date_shift_days(settings.DEIDENTIFICATION_KEY, cohort_code=cohort.code, patient_code=planned.patient_code)
    cleaner = Deidentifier(
        key=settings.DEIDENTIFICATION_KEY,
        patient_code=planned.patient_code,
        secret=f"{cohort.code}:{planned.patient_code}",
        shift_days=shift,
    )
    image = _image(series, options)
    volume = image.volume
    facts = _series_facts(series, cleaner) | {
        "corrections": list(image.sentences),
        "notes": list(series.notes),
        "derived": series.derived[:64],
        "source_digest": source_digest(series, cohort),
        "scanned_on": day + timedelta(days=shift) if (day := series.acquisition.acquired_on) else None,
        "volume_sha256": storage.put(pack_volume(volume)),
        "dicom_sha256": store_clean(series.files, cleaner) if series.kind == "dicom" else "",
    }
    return Read(planned, facts, read_lesions(planned, image, cleaner))


def _image(series: SeriesReport, options: ImportOptions) -> Corrected:
    if series.kind == "dicom":
        return read_corrected(series.files, corrections=options.corrections)
    return Corrected(read_volume_file(series.files[0]))


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


def _write(read: Read, cohort: Cohort, options: ImportOptions, job: Job) -> dict[str, Any]:
    planned, actor = read.planned, job.created_by
    elsewhere = elsewhere_note(read.key, cohort)
    patient = Patient.objects.filter(cohort=cohort, code=planned.patient_code).first()
    if patient is None:
        centre = job.centre or centre_for(cohort, options.centre_code or None)
        patient = create_patient(cohort, code=planned.patient_code, centre=centre, actor=actor)
    record_marks(patient, planned.series.person, actor=actor, confirmed=options.same_person)
    timepoint = record_scan(patient, kind=planned.timepoint, scanned_on=read.series["scanned_on"], actor=actor)
    volume_sha256 = read.series.pop("volume_sha256")
    series, _ = ImageSeries.objects.get_or_create(
        timepoint=timepoint, volume_sha256=volume_sha256, defaults={**read.series, "imported_by": job}
    )
    lesions = write_lesions(read.masks, series, job=job, is_named=bool(options.roi))
    counting = next((one for one in lesions if one.is_current), None)
    return {
        "patient": patient.code,
        "timepoint": planned.timepoint,
        "note": "; ".join(filter(None, (planned.note, elsewhere, *planned.series.corrections))),
        "segmentation": counting.name if counting else None,
        "voxels": counting.voxels if counting else None,
        "lesions": [
            {"lesion": one.lesion, "name": one.name, "voxels": one.voxels, "counts": one.is_current}
            for one in lesions
        ],
        "centre": patient.centre.code,
    }
