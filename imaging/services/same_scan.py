"""One scan under two timepoints or two patients: the same pixels, or the same series, cannot be both."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from cohorts.errors import ServiceError
from cohorts.models import Cohort, Patient
from imaging.core.dicom import SeriesReport
from imaging.models import ImageSeries


@dataclass(frozen=True)
class ScanKey:
    """By what a scan that is about to be stored is known again, and where it shall stand."""

    series_uid: str
    patient_code: str
    timepoint: str
    volume_sha256: str
    source_digest: str


def source_digest(series: SeriesReport, cohort: Cohort) -> str:
    """Return the keyed hash of a DICOM series' UID, by which it is known again; "" for image files, which have none."""
    if series.kind != "dicom":
        return ""
    key: bytes = settings.DEIDENTIFICATION_KEY
    return hmac.new(key, f"series:{cohort.code}:{series.series_uid}".encode(), hashlib.sha256).hexdigest()


def same_scans(keys: Sequence[ScanKey], cohort: Cohort) -> dict[str, tuple[str, str]]:
    """Return the scans of an import that came twice or are stored elsewhere: series UID → code and reason."""
    times = Counter((key.patient_code, key.volume_sha256) for key in keys)
    patients = Counter(volume for _code, volume in times)
    refused = {}
    for key in keys:
        try:
            _require_once(times[key.patient_code, key.volume_sha256])
            _require_one_patient(patients[key.volume_sha256])
            _require_not_stored(key, cohort)
        except ServiceError as error:
            refused[key.series_uid] = (error.code, error.message)
    return refused


def _require_once(times: int) -> None:
    if times > 1:
        sentence = _("These images came twice, for two timepoints: one scan cannot be both.")
        raise ServiceError("same_scan", sentence)


def _require_one_patient(patients: int) -> None:
    if patients > 1:
        raise ServiceError("same_scan", _("These images came for two patients of one import: a scan shows one."))


def _equal(key: ScanKey, cohort: Cohort) -> QuerySet[ImageSeries]:
    equal = Q(volume_sha256=key.volume_sha256)
    if key.source_digest:
        equal |= Q(source_digest=key.source_digest)
    return ImageSeries.objects.filter(equal, timepoint__patient__cohort=cohort)


def elsewhere_note(key: ScanKey, cohort: Cohort) -> str:
    """Return what is to be said of a scan for a new patient that another patient has already; "" for others."""
    others = _equal(key, cohort).exclude(timepoint__patient__code=key.patient_code)
    return _("these images are stored already, as a scan of another patient") if others.exists() else ""


def _require_not_stored(key: ScanKey, cohort: Cohort) -> None:
    stored = _equal(key, cohort)
    is_known = Patient.objects.filter(cohort=cohort, code=key.patient_code).exists()
    if is_known and stored.exclude(timepoint__patient__code=key.patient_code).exists():
        raise ServiceError("same_scan", _("These images are stored already, as a scan of another patient."))
    stored = stored.filter(timepoint__patient__code=key.patient_code)
    if other := stored.exclude(timepoint__kind=key.timepoint).select_related("timepoint").first():
        words = {"timepoint": other.timepoint.get_kind_display()}
        raise ServiceError(
            "same_scan", _("These images are stored already as the patient's other scan (%(timepoint)s).") % words
        )
