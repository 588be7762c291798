"""Taking an import back: one mask, one scan, or all that an import brought."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from cohorts import audit, jobs
from cohorts.errors import ServiceError
from cohorts.models import Job, Patient, Timepoint, User
from cohorts.services.locks import require_unlocked
from cohorts.services.patients import record_scan
from imaging.models import ImageSeries, PersonMark, Segmentation
from imaging.services import artefacts
from imaging.services.removal import Records, counts_of, digests_of, records_with

_SERIES = ("series_uid", "kind", "volume_sha256")
_MASK = ("name", "lesion", "version", "voxels", "mask_sha256")


@dataclass(frozen=True)
class Import:
    """Scans and masks that are to be taken back together; masks on the scans go with them."""

    series: QuerySet[ImageSeries]
    masks: QuerySet[Segmentation]

    @cached_property
    def records(self) -> Records:
        """Everything that goes: model → primary keys."""
        return records_with([self.series, self.masks])

    @property
    def counts(self) -> dict[str, int]:
        """How many records of each kind go."""
        return counts_of(self.records)

    @property
    def patients(self) -> QuerySet[Patient]:
        """Whose they are, ordered by code."""
        own = Q(timepoints__series__in=self.series) | Q(timepoints__segmentations__in=self.masks)
        return Patient.objects.filter(own).distinct().select_related("cohort", "centre").order_by("code")


def of_series(series: ImageSeries) -> Import:
    """Return one scan with every mask on it."""
    own = ImageSeries.objects.filter(pk=series.pk)
    return Import(own, Segmentation.objects.filter(series=series))


def of_mask(segmentation: Segmentation) -> Import:
    """Return one mask; the scan stays."""
    return Import(ImageSeries.objects.none(), Segmentation.objects.filter(pk=segmentation.pk))


def of_job(job: Job) -> Import:
    """Return all that an import, or every import of a batch, brought and that is still there."""
    own = Q(imported_by=job) | Q(imported_by__parent=job)
    series = ImageSeries.objects.filter(own)
    return Import(series, Segmentation.objects.filter(own | Q(series__in=series)))


@transaction.atomic
def take_back(taken: Import, *, reason: str, actor: User) -> dict[str, int]:
    """Remove scans and masks with everything that was computed from them; gives how many records of each kind went.

    Models that learned from them become stale, their predictions stay. The bytes go after the transaction, where
    nothing else refers to them.

    Raises
    ------
    ServiceError
        ``reason_missing``; ``nothing_to_take_back``; ``locked`` where a record is signed.
    """
    if not reason.strip():
        raise ServiceError("reason_missing", _("Say why; the reason stands in the history."))
    patients = list(taken.patients.order_by("pk"))
    if not patients:
        raise ServiceError("nothing_to_take_back", _("Nothing that this import brought is there any more."))
    for patient in patients:
        require_unlocked(patient)
    # Evaluated under the locks: what is listed here is what goes.
    series, masks, counts = list(taken.series), list(taken.masks), taken.counts
    gone: list[ImageSeries | Segmentation] = [*masks, *series]
    places = sorted({one.timepoint_id for one in gone})
    _stop_work(masks)
    for one in gone:
        _record(one, actor=actor, reason=reason)
    artefacts.let_go(digests_of(taken.records))
    lesions = {one.timepoint_id: one.lesion for one in masks if one.is_current}
    scanned = {one.timepoint_id for one in series}
    Segmentation.objects.filter(pk__in=[one.pk for one in masks]).delete()
    ImageSeries.objects.filter(pk__in=[one.pk for one in series]).delete()
    for timepoint in Timepoint.objects.filter(pk__in=places).order_by("pk"):
        _settle(timepoint, lesions.get(timepoint.pk), actor=actor, reason=reason)
        if timepoint.pk in scanned and (left := timepoint.series.first()):
            record_scan(timepoint.patient, kind=timepoint.kind, scanned_on=left.scanned_on, actor=actor)
    _forget_persons(patients)
    return counts


def _stop_work(masks: list[Segmentation]) -> None:
    """Cancel what is being computed on masks that go."""
    pks = {one.pk for one in masks}
    kinds = (Job.Kind.EXTRACTION, Job.Kind.STABILITY, Job.Kind.REGISTRATION)
    for job in Job.objects.exclude(state__in=Job.TERMINAL).filter(kind__in=kinds).order_by("pk"):
        if pks & {job.parameters.get(name) for name in ("segmentation", "pre", "post")}:
            jobs.cancel(job)


def _record(one: ImageSeries | Segmentation, *, actor: User, reason: str) -> None:
    patient = one.timepoint.patient
    names = _MASK if isinstance(one, Segmentation) else _SERIES
    changes = {name: (getattr(one, name), None) for name in names}
    audit.record(
        "took back", one, actor=actor, cohort=patient.cohort, patient=patient, changes=changes, reason=reason
    )


def _settle(timepoint: Timepoint, lesion: int | None, *, actor: User, reason: str) -> None:
    """Let the version before count again where the one that counted went; remove a timepoint that has nothing left."""
    own = Segmentation.objects.filter(timepoint=timepoint)
    patient = timepoint.patient
    if not own.exists() and not timepoint.series.exists():
        changes = audit.differences(timepoint, Timepoint(patient=patient), ["kind", "scanned_on"])
        audit.record(
            "took back",
            timepoint,
            actor=actor,
            cohort=patient.cohort,
            patient=patient,
            changes=changes,
            reason=reason,
        )
        timepoint.delete()
    elif lesion is not None and (before := own.filter(lesion=lesion).order_by("-version").first()):
        own.filter(pk=before.pk).update(is_current=True)
        changes = audit.differences(None, before, _MASK)
        audit.record(
            "chose", before, actor=actor, cohort=patient.cohort, patient=patient, changes=changes, reason=reason
        )


def _forget_persons(patients: list[Patient]) -> None:
    """Forget what files said of a person of whom no scan is left: the next scan may be the right one."""
    for patient in patients:
        if not ImageSeries.objects.filter(timepoint__patient=patient).exists():
            PersonMark.objects.filter(patient=patient).delete()
