"""Reading the lesions of a series at import, and writing them as segmentations of its timepoint."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.db.models import Max, QuerySet

from cohorts import audit
from cohorts.models import Job
from cohorts.services.patients import mark_evaluable
from imaging import storage
from imaging.core.codec import pack_mask
from imaging.core.corrections import Corrected
from imaging.core.deidentify import Deidentifier, clean_files
from imaging.core.deidentify.values import region_text, sentence_text
from imaging.core.errors import ImagingError
from imaging.core.masks import largest_component, mean_hu, read_mask
from imaging.core.regions import NAMELESS_RANK
from imaging.core.scan import SegmentationReport
from imaging.models import ImageSeries, Segmentation
from imaging.services.lesions import rivals
from imaging.services.placing import Planned

_AUDITED = ("name", "lesion", "version", "voxels", "mask_sha256")


@dataclass(frozen=True, eq=False)
class ReadMask:
    """One region as stored bytes and the facts of its row; ``is_index`` says that it is to count."""

    region: SegmentationReport
    facts: dict[str, Any]
    is_index: bool


def read_lesions(planned: Planned, image: Corrected, cleaner: Deidentifier) -> tuple[ReadMask, ...]:
    """Read every region that could be a lesion; equal masks count once.

    A region that cannot be read and is not the index lesion is left out: its verdict stands in the report.

    Raises
    ------
    ImagingError
        If the index lesion cannot be read.
    """
    sources: dict[Path, str] = {}
    read: list[ReadMask] = []
    for region in planned.lesions:
        try:
            facts = _facts(region, image, cleaner, sources)
        except ImagingError:
            if region is planned.segmentation:
                raise
            continue
        read.append(ReadMask(region, facts, region is planned.segmentation))
    found: dict[str, ReadMask] = {}
    for mask in _with_index(read, planned):
        found.setdefault(mask.facts["mask_sha256"], mask)
    return tuple(found.values())


def _with_index(read: Sequence[ReadMask], planned: Planned) -> Sequence[ReadMask]:
    """Let the first of equal rivals count where all of them hold the very same voxels."""
    best = rivals(planned.lesions)
    if planned.segmentation or not best or best[0].tumour_rank > NAMELESS_RANK:
        return read
    voxels = {mask.facts["mask_sha256"] for mask in read if mask.region in best}
    if len(voxels) != 1 or len([mask for mask in read if mask.region in best]) != len(best):
        return read
    return [replace(mask, is_index=mask.region is best[0]) for mask in read]


def _facts(
    region: SegmentationReport, image: Corrected, cleaner: Deidentifier, sources: dict[Path, str]
) -> dict[str, Any]:
    named = read_mask(region.file, image.volume, roi=region.number, drawn_on=image.drawn_on)
    if region.kind in {"rtstruct", "seg"} and region.file not in sources:
        sources[region.file] = store_clean([region.file], cleaner)
    return {
        "name": region_text(region.name),
        "kind": region.kind,
        "roi_number": region.number,
        "notes": [sentence_text(note) for note in region.notes],
        "tool": named.tool[:64],
        "voxels": named.mask.voxels,
        "volume_mm3": named.mask.volume_mm3,
        "mean_hu": mean_hu(image.volume, named.mask),
        "components": largest_component(named.mask)[1],
        "mask_sha256": storage.put(pack_mask(named.mask)),
        "source_sha256": sources.get(region.file, ""),
    }


def store_clean(files: Sequence[Path], cleaner: Deidentifier) -> str:
    """Store de-identified files as one archive; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in clean_files(files, cleaner):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 1)
    return storage.put(buffer.getvalue())


def write_lesions(masks: Sequence[ReadMask], series: ImageSeries, *, job: Job, is_named: bool) -> list[Segmentation]:
    """Store each lesion as a segmentation of its timepoint, and let one of them count.

    The index lesion of the import counts, unless the lesion that counts already is in the import as well: a choice
    that a person made stays. A region that a person named counts in any case.
    """
    own = Segmentation.objects.filter(timepoint=series.timepoint)
    current = own.filter(is_current=True).first()
    written: list[tuple[ReadMask, Segmentation, bool]] = []
    for mask in masks:
        written.append((mask, *_stored(mask, series, job, taken=[one.lesion for _, one, _ in written])))
    chosen = next((one for mask, one, _ in written if mask.is_index), None)
    again = next((one for _, one, is_new in written if is_new and current and one.lesion == current.lesion), None)
    has_same = any(current and one.lesion == current.lesion for _, one, _ in written)
    if has_same and not is_named:
        chosen = again or current
    if chosen and chosen != current:
        own.filter(is_current=True).update(is_current=False)
        own.filter(pk=chosen.pk).update(is_current=True)
        mark_evaluable(series.timepoint, actor=job.created_by)
    for _, one, is_new in written:
        one.refresh_from_db(fields=["is_current"])
        if is_new or (one == chosen and chosen != current):
            _record(one, current if one == chosen else None, job, verb="imported" if is_new else "chose")
    return [one for _, one, _ in written]


def _stored(mask: ReadMask, series: ImageSeries, job: Job, *, taken: Sequence[int]) -> tuple[Segmentation, bool]:
    """Return the segmentation of a mask and whether it is new: equal voxels on an equal image are kept as they are."""
    own = Segmentation.objects.filter(timepoint=series.timepoint)
    equal = own.filter(series=series, mask_sha256=mask.facts["mask_sha256"]).order_by("-is_current", "-version")
    if known := equal.first():
        return known, False
    segmentation = Segmentation.objects.create(
        timepoint=series.timepoint,
        series=series,
        version=1 + (own.aggregate(most=Max("version"))["most"] or 0),
        lesion=_lesion_of(mask, own.exclude(lesion__in=taken))
        or 1 + (own.aggregate(most=Max("lesion"))["most"] or 0),
        is_current=False,
        imported_by=job,
        created_by=job.created_by,
        **mask.facts,
    )
    return segmentation, True


def _lesion_of(mask: ReadMask, own: QuerySet[Segmentation]) -> int | None:
    """Return the lesion that a region continues: that of its name, of its name and number where several have it.

    Names that tell nothing are all kept as "ROI", so one import never gives two regions one lesion.
    """
    named = own.filter(name__iexact=mask.facts["name"]).order_by("-version")
    numbered = named.filter(roi_number=mask.facts["roi_number"])
    return next((one.lesion for rows in (numbered, named) if (one := rows.first())), None)


def _record(segmentation: Segmentation, before: Segmentation | None, job: Job, *, verb: str) -> None:
    patient = segmentation.timepoint.patient
    changes = audit.differences(before, segmentation, _AUDITED)
    audit.record(verb, segmentation, actor=job.created_by, cohort=patient.cohort, patient=patient, changes=changes)
