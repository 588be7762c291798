"""Keeping what was drawn as a new version, and choosing which version counts."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Timepoint, User
from cohorts.services.locks import require_unlocked
from cohorts.services.patients import mark_evaluable
from imaging import storage
from imaging.core.codec import pack_mask
from imaging.core.deidentify.values import region_text
from imaging.core.errors import EmptyMask
from imaging.core.geometry import TumorMask
from imaging.core.masks import largest_component, mean_hu
from imaging.core.provenance import ECOTONE_VERSION
from imaging.models import ImageSeries, Segmentation
from imaging.services.contouring import difference, volume_of

_AUDITED = ("name", "lesion", "version", "voxels", "mask_sha256")


@dataclass(frozen=True)
class Drawn:
    """What comes with a drawing.

    Parameters
    ----------
    name : str
        Of the region.
    base : int
        The newest version when drawing began; 0 where there was none.
    drawn_from : Segmentation or None
        The version that was edited.
    reason : str
        Why it was drawn anew.
    """

    name: str
    base: int = 0
    drawn_from: Segmentation | None = None
    reason: str = ""


@transaction.atomic
def save_version(series: ImageSeries, mask: TumorMask, *, drawn: Drawn, actor: User) -> Segmentation:
    """Keep a drawing as the version that counts; features of the version before stay with that one.

    Raises
    ------
    ServiceError
        ``locked`` where the record is signed; ``mask_changed`` where somebody saved a version meanwhile.
    EmptyMask
        If nothing is drawn.
    """
    if not mask.voxels:
        raise EmptyMask(_("Nothing is drawn yet, so there is nothing to save."))
    patient = series.timepoint.patient
    require_unlocked(patient)
    timepoint = Timepoint.objects.select_for_update().get(pk=series.timepoint_id)
    own = Segmentation.objects.filter(timepoint=timepoint)
    _require_newest(own.order_by("-version").select_related("created_by").first(), drawn.base)
    current = own.filter(is_current=True).select_related("series").first()
    own.filter(is_current=True).update(is_current=False)
    segmentation = Segmentation.objects.create(
        series=series,
        timepoint=timepoint,
        kind=Segmentation.Kind.DRAWN,
        version=1 + (own.aggregate(most=Max("version"))["most"] or 0),
        lesion=_lesion_of(drawn, current, own),
        name=region_text(drawn.name),
        author=(actor.get_full_name() or actor.username)[:64],
        tool=f"Ecotone contouring {ECOTONE_VERSION}",
        drawn_from=drawn.drawn_from,
        comparison=difference(mask, current),
        created_by=actor,
        **_measured(series, mask),
    )
    mark_evaluable(timepoint, actor=actor)
    _record("drew", segmentation, current, actor=actor, reason=drawn.reason)
    return segmentation


def _lesion_of(drawn: Drawn, current: Segmentation | None, own: QuerySet[Segmentation]) -> int:
    """Return the lesion of a drawing: that of the version it began with, of its name, of what counts, or a new one."""
    if drawn.drawn_from:
        return drawn.drawn_from.lesion
    named = own.filter(name__iexact=region_text(drawn.name)).order_by("-version").first()
    if lesion := named or current:
        return lesion.lesion
    return 1 + (own.aggregate(most=Max("lesion"))["most"] or 0)


def _measured(series: ImageSeries, mask: TumorMask) -> dict[str, float | str]:
    return {
        "voxels": mask.voxels,
        "volume_mm3": mask.volume_mm3,
        "mean_hu": mean_hu(volume_of(series), mask),
        "components": largest_component(mask)[1],
        "mask_sha256": storage.put(pack_mask(mask)),
    }


def _require_newest(newest: Segmentation | None, base: int) -> None:
    if newest is None or newest.version == base:
        return
    who = newest.author or (newest.created_by.username if newest.created_by else _("an import"))
    raise ServiceError(
        "mask_changed",
        _("Version %(version)d by %(who)s was saved while you were drawing. Your drawing is still here, unsaved.")
        % {"version": newest.version, "who": who},
    )


@transaction.atomic
def make_current(segmentation: Segmentation, *, actor: User, reason: str = "") -> Segmentation:
    """Let a version count from now on; nothing happens where it does already.

    Raises
    ------
    ServiceError
        ``locked`` where the record is signed.
    """
    require_unlocked(segmentation.timepoint.patient)
    timepoint = Timepoint.objects.select_for_update().get(pk=segmentation.timepoint_id)
    own = Segmentation.objects.filter(timepoint=timepoint)
    current = own.filter(is_current=True).first()
    if current == segmentation:
        return segmentation
    own.filter(is_current=True).update(is_current=False)
    own.filter(pk=segmentation.pk).update(is_current=True)
    segmentation.refresh_from_db(fields=["is_current"])
    mark_evaluable(timepoint, actor=actor)
    _record("chose", segmentation, current, actor=actor, reason=reason)
    return segmentation


def _record(verb: str, segmentation: Segmentation, current: Segmentation | None, *, actor: User, reason: str) -> None:
    patient = segmentation.timepoint.patient
    changes = audit.differences(current, segmentation, _AUDITED)
    audit.record(
        verb, segmentation, actor=actor, cohort=patient.cohort, patient=patient, changes=changes, reason=reason
    )
