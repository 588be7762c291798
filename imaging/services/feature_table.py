"""The features of a cohort as one table, which pages read by the feature.

Features are stored by the scan; reading one feature of all patients from there means to read all features of
all patients. So the table is turned once and kept on disk in parts of some features each. It is a copy: what
it was made from is compared at each use, and where that changed, the table is made again in its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from django.db.models import Q, QuerySet
from numpy.typing import NDArray

from cohorts.models import Cohort, Timepoint
from imaging import storage
from imaging.core.delta import changes
from imaging.core.feature_names import TRANSITIONS, FeatureName, parse
from imaging.models import ExtractionProtocol, FeatureSchema, FeatureSet, HabitatModel
from imaging.services.kept import key_of

FloatArray = NDArray[np.float64]

PRE, POST, CHANGE = "pre", "post", "change"
#: When a value holds: before or after treatment, or from one to the other.
MOMENTS = (PRE, POST, CHANGE)
_KINDS = (PRE, POST)
#: Features of one part on disk: some megabytes for thousands of patients.
_PART = 64


@dataclass(frozen=True)
class Source:
    """Which features a table holds: of whole tumours, and under a codebook those of its habitats."""

    cohort: Cohort
    protocol: ExtractionProtocol
    habitat_model: HabitatModel | None = None

    def rows(self) -> QuerySet[FeatureSet]:
        """Give the rows that count: of current masks, at timepoints that can be evaluated."""
        wanted = Q(region=FeatureSet.Region.WHOLE_TUMOUR, protocol=self.protocol, habitat_model=None)
        if self.habitat_model:
            wanted |= Q(habitat_model=self.habitat_model)
        return FeatureSet.objects.filter(
            wanted,
            segmentation__timepoint__patient__cohort=self.cohort,
            segmentation__is_current=True,
            segmentation__timepoint__status=Timepoint.Status.EVALUABLE,
        )

    def state(self) -> str:
        """Give a digest of the rows; they are added and removed, but none gets other values."""
        chosen = self.rows().order_by("pk").values_list("pk", flat=True)
        return hashlib.sha256(",".join(map(str, chosen)).encode()).hexdigest()

    def place(self, part: str) -> str:
        """Give the key under which a part of the table lies."""
        digests = [self.protocol.digest, self.habitat_model.digest if self.habitat_model else ""]
        return key_of({"features of": self.cohort.pk, "under": digests, "part": part})


@dataclass(frozen=True, eq=False)
class CohortFeatures:
    """Every feature of every patient at both timepoints.

    ``patients`` holds ids, ``voxel_mm3`` the volume of a voxel of the feature grid, timepoints x patients.
    """

    source: Source
    state: str
    patients: NDArray[np.int64]
    features: tuple[FeatureName, ...]
    voxel_mm3: FloatArray

    @cached_property
    def position(self) -> dict[str, int]:
        """Name → place of a feature."""
        return {feature.name: place for place, feature in enumerate(self.features)}

    @cached_property
    def positions(self) -> dict[int, int]:
        """Id of a patient → row."""
        return {int(pk): row for row, pk in enumerate(self.patients)}

    def values(self, moment: str, names: Sequence[str] | None = None) -> FloatArray:
        """Give values at a moment, patients x features; NaN where there is none."""
        chosen = range(len(self.features)) if names is None else [self.position[name] for name in names]
        found = np.full((len(chosen), len(self.patients)), np.nan)
        parts: dict[int, FloatArray] = {}
        for row, place in enumerate(chosen):
            number, within = divmod(place, _PART)
            if number not in parts:
                parts = {number: self._part(number)}  # one at a time: places mostly come in order
            found[row] = self._at(moment, self.features[place], parts[number][within])
        return np.asarray(found.T)

    def _at(self, moment: str, feature: FeatureName, both: FloatArray) -> FloatArray:
        pre: FloatArray = both[0]
        post: FloatArray = both[1]
        if feature.family == TRANSITIONS:  # of both scans, and so a change by itself
            return post if moment == CHANGE else np.full(len(post), np.nan)
        if moment == CHANGE:
            return changes(feature.name, pre, post, voxel_volume_mm3=self.voxel_mm3[0])
        return pre if moment == PRE else post

    def _part(self, number: int) -> FloatArray:
        content = storage.recall(self.source.place(str(number))) or b""
        state, rest = content[:64].decode("ascii", "replace"), content[64:]
        if state != self.state:  # made again meanwhile by somebody who saw other rows
            return _gather(self.source, self.patients, self.features)[0][number * _PART : (number + 1) * _PART]
        return np.frombuffer(rest, dtype="<f8").reshape(-1, len(_KINDS), len(self.patients))


def features_of(source: Source) -> CohortFeatures:
    """Give the table of a cohort; it is turned anew where rows were added or removed."""
    state = source.state()
    head = json.loads(storage.recall(source.place("head")) or b"{}")
    if head.get("state") != state:
        head = _turn(source, state)
    return CohortFeatures(
        source,
        state,
        np.array(head["patients"], dtype=np.int64),
        tuple(parse(name, region=region) for name, region in head["features"]),
        np.array(head["voxel_mm3"], dtype=np.float64).reshape(len(_KINDS), -1),
    )


def _turn(source: Source, state: str) -> dict[str, object]:
    """Write the parts of a table, then its head, which makes them count."""
    named = _names(source)
    features = [parse(name, region=region) for name, region in named]
    found = source.rows().order_by("segmentation__timepoint__patient_id")
    patients = np.array(
        found.values_list("segmentation__timepoint__patient_id", flat=True).distinct(), dtype=np.int64
    )
    values, voxels = _gather(source, patients, features)
    for start in range(0, len(features), _PART):
        content = state.encode() + values[start : start + _PART].astype("<f8").tobytes()
        storage.remember(source.place(str(start // _PART)), content)
    head = {"state": state, "patients": patients.tolist(), "features": named, "voxel_mm3": voxels.tolist()}
    storage.remember(source.place("head"), json.dumps(head).encode())
    return head


def _names(source: Source) -> list[tuple[str, str]]:
    """Give name and region of every feature; were an engine to add some, those of its last version count."""
    last: dict[str, int] = {}
    for region, schema in source.rows().order_by("pk").values_list("region", "schema_id"):
        last[region] = schema
    schemas = FeatureSchema.objects.in_bulk(set(last.values()))
    return [
        (name, region)
        for region in FeatureSet.Region.values
        if region in last
        for name in schemas[last[region]].names
    ]


def _gather(
    source: Source, patients: NDArray[np.int64], features: Iterable[FeatureName]
) -> tuple[FloatArray, FloatArray]:
    """Read features x timepoints x patients from the rows, and the volume of a voxel."""
    places = {feature.name: place for place, feature in enumerate(features)}
    columns = {int(pk): column for column, pk in enumerate(patients)}
    values = np.full((len(places), len(_KINDS), len(columns)), np.nan)
    voxels = np.ones((len(_KINDS), len(columns)))
    into = {pk: np.array([places.get(name, -1) for name in names]) for pk, names in _schemas(source).items()}
    fields = ("patient_id", "kind")
    rows = source.rows().values_list(
        *(f"segmentation__timepoint__{name}" for name in fields),
        "region",
        "schema_id",
        "vector",
        "provenance__voxel_volume_mm3",
    )
    for patient, kind, region, schema, vector, voxel in rows.iterator(chunk_size=200):
        if (column := columns.get(patient)) is None:
            continue
        at, time = into[schema], _KINDS.index(kind)
        values[at[at >= 0], time, column] = np.frombuffer(bytes(vector), dtype="<f8")[at >= 0]
        if region == FeatureSet.Region.WHOLE_TUMOUR and voxel:
            voxels[time, column] = voxel
    return values, voxels


def _schemas(source: Source) -> dict[int, list[str]]:
    used = source.rows().order_by().values_list("schema_id", flat=True).distinct()
    return {schema.pk: schema.names for schema in FeatureSchema.objects.filter(pk__in=list(used))}
