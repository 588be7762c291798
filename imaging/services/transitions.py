"""Following habitats from the first scan to the second, wherever both are labelled and registered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from imaging import storage
from imaging.core.codec import pack_labels, unpack_labels, unpack_registered
from imaging.core.feature_vector import FeatureVector
from imaging.core.habitats import HabitatLabels
from imaging.core.registration import STANDARD, Registered
from imaging.core.supervoxel_graph import FollowedSupervoxels, follow_supervoxels
from imaging.core.supervoxels import unpack_supervoxels
from imaging.core.transitions import Transitions, transition_features, transitions
from imaging.models import FeatureSet, HabitatMap, HabitatModel, Registration, Segmentation, TransitionMap
from imaging.services.extraction import store_features


@dataclass(frozen=True, eq=False)
class Followed:
    """Transitions of one patient under one codebook, with everything that is stored of them."""

    pre_id: int
    post_id: int
    codebook_digest: str
    transitions: Transitions
    features: FeatureVector
    sha256: str


def follow(labels: Mapping[int, HabitatLabels]) -> list[Followed]:
    """Follow every patient whose two masks are among the labelled ones (segmentation id → habitats) and registered.

    Reads displacement fields and computes, so it belongs outside any transaction; `store` writes.
    """
    rows = Registration.objects.filter(
        pre__in=list(labels), post__in=list(labels), digest=STANDARD.digest, accepted=True
    ).order_by("pk")
    return [_follow(unpack_registered(storage.get(row.sha256)), row.pre_id, row.post_id, labels) for row in rows]


def follow_supervoxels_of(
    scans: Mapping[tuple[int, int], tuple[str, str]],
) -> dict[tuple[int, int], FollowedSupervoxels]:
    """Count where the supervoxels of each registered pair of masks went.

    Parameters
    ----------
    scans : mapping of (int, int) to (str, str)
        Ids of the masks before and after treatment → sha256 of their supervoxels.

    Returns
    -------
    dict
        Of the pairs whose registration was accepted; what was counted before is read.
    """
    rows = Registration.objects.filter(
        pre__in=[pre for pre, _ in scans], post__in=[post for _, post in scans], digest=STANDARD.digest, accepted=True
    ).order_by("pk")
    pairs = {(row.pre_id, row.post_id): row.sha256 for row in rows}
    return {pair: _supervoxels_followed(*scans[pair], field) for pair, field in pairs.items() if pair in scans}


def _supervoxels_followed(pre: str, post: str, field: str) -> FollowedSupervoxels:
    asked = {"counts": "supervoxels followed", "pre": pre, "post": post, "registered": field}
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    if (known := storage.recall(key)) is not None:
        return FollowedSupervoxels(np.array(json.loads(known), dtype=np.int64))
    before, after = (unpack_supervoxels(storage.get(sha256)) for sha256 in (pre, post))
    found = follow_supervoxels(before, after, unpack_registered(storage.get(field)))
    storage.remember(key, json.dumps(found.counts.tolist()).encode())
    return found


def follow_stored(registered: Registered, *, pre: Segmentation, post: Segmentation) -> list[Followed]:
    """Follow one patient under every codebook that labelled both scans already."""
    maps: dict[int, dict[int, HabitatMap]] = {}
    rows = HabitatMap.objects.filter(segmentation__in=[pre, post]).select_related("habitat_model").order_by("pk")
    for row in rows:
        maps.setdefault(row.habitat_model_id, {})[row.segmentation_id] = row
    return [
        _follow(registered, pre.pk, post.pk, {pk: _labels(row) for pk, row in both.items()})
        for both in maps.values()
        if len(both) == 2
    ]


def _labels(row: HabitatMap) -> HabitatLabels:
    array, grid = unpack_labels(storage.get(row.sha256))
    return HabitatLabels(array, grid, row.habitat_model.n_habitats, row.habitat_model.digest)


def _follow(registered: Registered, pre_id: int, post_id: int, labels: Mapping[int, HabitatLabels]) -> Followed:
    found = transitions(labels[pre_id], labels[post_id], registered)
    features = transition_features(found)
    features = replace(features, provenance={**features.provenance, "registration": dict(registered.provenance)})
    sha256 = storage.put(pack_labels(found.codes, found.grid))
    return Followed(pre_id, post_id, found.codebook_digest, found, features, sha256)


def store(followed: Sequence[Followed]) -> None:
    """Store transitions; registrations and habitat models have their rows."""
    for one in followed:
        registrations = Registration.objects.select_related("post__series", "post__timepoint__patient")
        registration = registrations.get(pre=one.pre_id, post=one.post_id, digest=STANDARD.digest)
        model = HabitatModel.objects.select_related("protocol").get(
            cohort=registration.post.timepoint.patient.cohort_id, digest=one.codebook_digest
        )
        TransitionMap.objects.update_or_create(
            registration=registration,
            habitat_model=model,
            defaults={"counts": one.transitions.counts.tolist(), "sha256": one.sha256},
        )
        store_features(
            registration.post,
            one.features,
            region=FeatureSet.Region.TRANSITIONS,
            protocol=model.protocol,
            habitat_model=model,
        )
