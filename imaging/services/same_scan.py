"""Refusing one scan under two timepoints or two patients: the same pixels, or the same series, cannot be both."""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from cohorts.models import Cohort
from imaging.core.dicom import SeriesReport
from imaging.models import ImageSeries

if TYPE_CHECKING:
    from imaging.services.ingest import Read

SAME_SCAN = "same_scan"


def source_digest(series: SeriesReport, cohort: Cohort) -> str:
    """Return the keyed hash of a DICOM series' UID, by which it is known again; "" for image files, which have none."""
    if series.kind != "dicom":
        return ""
    key: bytes = settings.DEIDENTIFICATION_KEY
    return hmac.new(key, f"series:{cohort.code}:{series.series_uid}".encode(), hashlib.sha256).hexdigest()


def told_apart_by_pixels(read: Sequence[Read], cohort: Cohort, refusals: dict[str, tuple[str, str]]) -> list[Read]:
    """Return the series that show a scan of their own; the others become refusals.

    Parameters
    ----------
    read : sequence of Read
        What an import has read.
    cohort : Cohort
        Whose stored scans count.
    refusals : dict
        Series UID → code and reason; what is refused is added.
    """
    kept = []
    together = _shared(read)
    for one in read:
        reason = together.get(one.planned.series.series_uid) or _stored_elsewhere(one, cohort)
        if reason:
            refusals[one.planned.series.series_uid] = (SAME_SCAN, reason)
        else:
            kept.append(one)
    return kept


def _shared(read: Sequence[Read]) -> dict[str, str]:
    """Return series UID → reason for scans of one import whose pixels are equal."""
    groups: dict[str, list[Read]] = defaultdict(list)
    for one in read:
        groups[one.series["volume_sha256"]].append(one)
    return {
        one.planned.series.series_uid: _(
            "These images came twice, for two timepoints or patients: one scan cannot be both."
        )
        for group in groups.values()
        if len(group) > 1
        for one in group
    }


def _stored_elsewhere(one: Read, cohort: Cohort) -> str:
    equal = Q(volume_sha256=one.series["volume_sha256"])
    if digest := one.series.get("source_digest"):
        equal |= Q(source_digest=digest)
    stored = ImageSeries.objects.filter(equal, timepoint__patient__cohort=cohort)
    if stored.exclude(timepoint__patient__code=one.planned.patient_code).exists():
        return _("These images are stored already, as a scan of another patient.")
    other = stored.exclude(timepoint__kind=one.planned.timepoint).select_related("timepoint").first()
    if other is None:
        return ""
    return _("These images are stored already as the patient's other scan (%(timepoint)s).") % {
        "timepoint": other.timepoint.get_kind_display()
    }
