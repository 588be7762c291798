"""Computing stored results again from the stored scans, and comparing them byte by byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cohorts.models import Cohort
from imaging import storage
from imaging.core.codec import pack_labels
from imaging.core.features import FeatureVector, extract
from imaging.core.geometry import TumorMask, Volume
from imaging.core.habitats import Codebook
from imaging.core.provenance import versions
from imaging.core.supervoxels import pack_supervoxels, supervoxels
from imaging.models import FeatureSet, HabitatMap, Segmentation, SupervoxelMap
from imaging.selectors import current_segmentations
from imaging.services.extraction import load
from imaging.services.habitats import label

Scan = tuple[Volume, TumorMask]


@dataclass(frozen=True)
class Comparison:
    """One stored result against the same result computed now."""

    patient: str
    timepoint: str
    result: str
    protocol: str
    equal: bool
    detail: str = ""


def verify(cohort: Cohort, *, limit: int | None = None) -> Iterator[Comparison]:
    """Compute again every result of the current masks: features, supervoxels, habitat maps and their features.

    Habitats are assigned again with the stored codebook; fitting it again is part of training.

    Parameters
    ----------
    limit : int, optional
        At most so many masks, in the order of patients' codes.

    Raises
    ------
    ArtefactCorrupt
        If a stored file was altered.
    """
    for segmentation in current_segmentations(cohort)[:limit]:
        scan = load(segmentation)
        yield from _whole_tumour(segmentation, scan)
        yield from _supervoxels(segmentation, scan)
        yield from _habitats(segmentation)


def _whole_tumour(segmentation: Segmentation, scan: Scan) -> Iterator[Comparison]:
    rows = FeatureSet.objects.filter(segmentation=segmentation, region=FeatureSet.Region.WHOLE_TUMOUR)
    for row in rows.select_related("schema", "protocol").order_by("pk"):
        again = extract(*scan, row.protocol.spec)
        yield _compared(segmentation, "features", row, _differing(row, again))


def _supervoxels(segmentation: Segmentation, scan: Scan) -> Iterator[Comparison]:
    rows = SupervoxelMap.objects.filter(segmentation=segmentation).select_related("protocol").order_by("pk")
    for row in rows:
        again = pack_supervoxels(supervoxels(*scan, row.protocol.spec.habitats))
        differs = "" if again == storage.get(row.sha256) else "other supervoxels or descriptors"
        yield _compared(segmentation, "supervoxels", row, differs)


def _habitats(segmentation: Segmentation) -> Iterator[Comparison]:
    maps = HabitatMap.objects.filter(segmentation=segmentation).select_related("habitat_model__protocol")
    for row in maps.order_by("pk"):
        model = row.habitat_model
        parts = SupervoxelMap.objects.get(segmentation=segmentation, protocol=model.protocol)
        again = label(parts.sha256, Codebook.from_dict(model.codebook))
        packed = pack_labels(again.labels.array, again.labels.grid)
        differs = "" if packed == storage.get(row.sha256) else "other labels"
        yield _compared(segmentation, "habitat map", row, differs)
        features = FeatureSet.objects.filter(
            segmentation=segmentation, habitat_model=model, region=FeatureSet.Region.HABITATS
        )
        for stored in features.select_related("schema", "protocol"):
            yield _compared(segmentation, "habitat features", stored, _differing(stored, again.features))


def _differing(row: FeatureSet, again: FeatureVector) -> str:
    if tuple(row.schema.names) != again.names:
        return "other names"
    before, now = row.values, again.values
    if before.tobytes() == np.asarray(now, dtype="<f8").tobytes():
        return ""
    places = [i for i in range(len(now)) if before[i : i + 1].tobytes() != now[i : i + 1].tobytes()]
    return f"{len(places)} of {len(now)} values, the first is {again.names[places[0]]}"


def _compared(
    segmentation: Segmentation, result: str, row: FeatureSet | SupervoxelMap | HabitatMap, differs: str
) -> Comparison:
    timepoint = segmentation.timepoint
    protocol = row.habitat_model.protocol if isinstance(row, HabitatMap) else row.protocol
    if differs and (changed := _changed_versions(row.provenance)):
        differs = f"{differs}; since then changed: {changed}"
    return Comparison(timepoint.patient.code, timepoint.kind, result, protocol.name, not differs, differs)


def _changed_versions(provenance: Mapping[str, object]) -> str:
    then = provenance.get("versions")
    if not isinstance(then, Mapping):
        return "unknown, no versions were stored"
    now = versions()
    return ", ".join(
        f"{name} {then[name]} → {now[name]}" for name in sorted(then) if now.get(name, then[name]) != then[name]
    )
