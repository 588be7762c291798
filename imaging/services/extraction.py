"""From a segmentation to stored features and supervoxels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from django.db import transaction

from cohorts import jobs
from cohorts.errors import ServiceError
from cohorts.jobs import Report
from cohorts.models import Cohort, Job, Timepoint, User
from cohorts.services.patients import mark_not_evaluable
from imaging import storage
from imaging.core.codec import unpack_mask, unpack_volume
from imaging.core.errors import EmptyMask, MaskTooSmall
from imaging.core.features import FeatureVector, extract
from imaging.core.geometry import TumorMask, Volume
from imaging.core.provenance import traced
from imaging.core.supervoxels import pack_supervoxels, supervoxels
from imaging.models import (
    ExtractionProtocol,
    FeatureSchema,
    FeatureSet,
    HabitatModel,
    Segmentation,
    SupervoxelMap,
)
from imaging.selectors import segmentations_to_extract
from imaging.services import location
from imaging.services.protocols import protocol_named

_NOTE_CHARACTERS = Timepoint._meta.get_field("note").max_length


@transaction.atomic
def enqueue_missing(cohort: Cohort, *, protocol_name: str, user: User | None) -> Job | None:
    """Queue one case for every current segmentation that lacks features; None where nothing is missing.

    Raises
    ------
    ServiceError
        ``nothing_to_do`` if the cohort has no segmentation at all; ``unknown_setting`` for an unknown protocol.
    """
    protocol = protocol_named(protocol_name)
    if not Segmentation.objects.filter(timepoint__patient__cohort=cohort, is_current=True).exists():
        raise ServiceError("nothing_to_do", "The cohort has no image with a tumour mask yet.")
    missing = list(segmentations_to_extract(cohort, protocol))
    if not missing:
        return None
    kind = Job.Kind.EXTRACTION_BATCH
    batch = jobs.open_batch(kind, cohort=cohort, user=user, total=len(missing), protocol=protocol_name)
    for segmentation in missing:
        patient = segmentation.timepoint.patient
        jobs.enqueue(
            Job.Kind.EXTRACTION,
            cohort=cohort,
            user=user,
            centre=patient.centre,
            patient=patient,
            parent=batch,
            parameters={
                "segmentation": segmentation.pk,
                "protocol": protocol_name,
                "timepoint": segmentation.timepoint.kind,
            },
        )
    return batch


def run(job: Job, report: Report) -> Callable[[], dict[str, Any]]:
    """Extract one case: whole-tumour features, supervoxels, and where in the lungs the tumour lies.

    A tumour that has vanished after treatment is a finding and no failure: its timepoint becomes not evaluable.
    """
    segmentation = Segmentation.objects.select_related("series", "timepoint__patient__cohort").get(
        pk=job.parameters["segmentation"]
    )
    protocol = protocol_named(job.parameters["protocol"])
    if _is_done(segmentation, protocol):
        return lambda: {"already": True}
    report(0, 4, "reading")
    volume, mask = load(segmentation)
    report(1, 4, "whole-tumour features")
    try:
        features = extract(volume, mask, protocol.spec)
        report(2, 4, "supervoxels")
        parts = supervoxels(volume, mask, protocol.spec.habitats)
    except (EmptyMask, MaskTooSmall) as refusal:
        if segmentation.timepoint.kind != Timepoint.Kind.POST:
            raise
        return _vanished(segmentation, reason=refusal.message, actor=job.created_by)
    sha256 = storage.put(pack_supervoxels(parts))
    report(3, 4, "location")
    place = location.measure(segmentation, volume, mask, reference=str(job.reference)[:8])
    report(4, 4, "writing")

    def write() -> dict[str, Any]:
        store_features(segmentation, features, region=FeatureSet.Region.WHOLE_TUMOUR, protocol=protocol)
        SupervoxelMap.objects.update_or_create(
            segmentation=segmentation,
            protocol=protocol,
            defaults={
                "sha256": sha256,
                "n_supervoxels": parts.n,
                "provenance": provenance_of(
                    segmentation, protocol, {"engine": "ecotone", "spec": protocol.spec.name}
                ),
            },
        )
        location.store(segmentation, place)
        return {
            "features": len(features.names),
            "undefined": len(features.undefined),
            "supervoxels": parts.n,
            "location": place["zone"] or place["code"],
        }

    return write


def _vanished(segmentation: Segmentation, *, reason: str, actor: User | None) -> Callable[[], dict[str, Any]]:
    """Give what writes that too little of a tumour is left to be analysed."""

    def write() -> dict[str, Any]:
        # A mask that was imported meanwhile makes its timepoint evaluable; the old one has no say in it.
        if Segmentation.objects.filter(pk=segmentation.pk, is_current=True).exists():
            mark_not_evaluable(segmentation.timepoint, note=reason[:_NOTE_CHARACTERS], actor=actor)
        return {"not_evaluable": reason}

    return write


def load(segmentation: Segmentation) -> tuple[Volume, TumorMask]:
    """Give the volume and mask of a segmentation."""
    volume = unpack_volume(storage.get(segmentation.series.volume_sha256))
    return volume, unpack_mask(storage.get(segmentation.mask_sha256))


def _is_done(segmentation: Segmentation, protocol: ExtractionProtocol) -> bool:
    found = FeatureSet.objects.filter(
        segmentation=segmentation, protocol=protocol, region=FeatureSet.Region.WHOLE_TUMOUR
    )
    return found.exists() and SupervoxelMap.objects.filter(segmentation=segmentation, protocol=protocol).exists()


def store_features(
    segmentation: Segmentation,
    features: FeatureVector,
    *,
    region: str,
    protocol: ExtractionProtocol,
    habitat_model: HabitatModel | None = None,
) -> FeatureSet:
    """Write a feature vector as one row."""
    provenance = provenance_of(segmentation, protocol, features.provenance)
    if habitat_model is not None:
        provenance |= {"habitat_model": habitat_model.version, "codebook_sha256": habitat_model.digest}
    return FeatureSet.objects.update_or_create(
        segmentation=segmentation,
        region=region,
        protocol=protocol,
        habitat_model=habitat_model,
        defaults={
            "schema": schema_of(features.names),
            "vector": np.asarray(features.values, dtype="<f8").tobytes(),
            "undefined": dict(features.undefined),
            "provenance": provenance,
        },
    )[0]


def provenance_of(
    segmentation: Segmentation, protocol: ExtractionProtocol, provenance: Mapping[str, object]
) -> dict[str, object]:
    """Complete what a computation on a stored scan says of itself with versions, digests and corrections."""
    corrected = {"corrections": segmentation.series.corrections}
    return traced(
        {**provenance, **corrected},
        volume_sha256=segmentation.series.volume_sha256,
        mask_sha256=segmentation.mask_sha256,
        protocol_sha256=protocol.digest,
    )


def schema_of(names: tuple[str, ...]) -> FeatureSchema:
    """Give the row that holds these names in this order."""
    digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()
    return FeatureSchema.objects.get_or_create(digest=digest, defaults={"names": list(names)})[0]
