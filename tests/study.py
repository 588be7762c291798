"""A study of forty patients whose features are drawn, not computed: small enough to train in a test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
from django.db import transaction

from cohorts.models import Centre, Cohort, Membership, PathologyOutcome, Patient, Role, Timepoint, User
from cohorts.services.cohorts import create_cohort
from cohorts.services.outcomes import enter_outcome
from cohorts.services.patients import create_patient
from imaging import storage
from imaging.core.codec import pack_registered, unpack_labels
from imaging.core.geometry import Grid
from imaging.core.habitats import HabitatLabels
from imaging.core.registration import STANDARD as REGISTRATION
from imaging.core.registration import Registered, lung_grid_of
from imaging.core.spec import STANDARD
from imaging.core.supervoxels import Supervoxels, habitat_digest, pack_supervoxels
from imaging.models import (
    FeatureSet,
    HabitatMap,
    HabitatModel,
    ImageSeries,
    Registration,
    Segmentation,
    SupervoxelMap,
)
from imaging.services.extraction import schema_of
from imaging.services.protocols import protocol_named
from tests.trial import READING

NAMES = ("original_shape_MeshVolume", "original_glcm_Planted", *(f"original_firstorder_Noise{n}" for n in range(6)))
CENTRES = ("A", "B", "C")
_GRID = Grid((4, 8, 8), (1.0, 1.0, 1.0))


@dataclass(frozen=True)
class Study:
    """A cohort that can be trained on; ``responder`` maps a patient's code to the planted class."""

    cohort: Cohort
    people: dict[str, User]
    responder: dict[str, bool]

    def patient(self, code: str) -> Patient:
        return Patient.objects.select_related("cohort", "centre").get(cohort=self.cohort, code=code)


@transaction.atomic
def build_study(code: str = "study", *, n: int = 40, without_outcome: int = 1) -> Study:
    """Make the study: six of ten patients at centre A, every other one a responder; the last have no outcome."""
    people = {role.value: User.objects.create(username=f"{code}-{role.value}") for role in Role}
    cohort = create_cohort(code, name="Study", centres={c: f"Centre {c}" for c in CENTRES}, actor=None)
    for role, person in people.items():
        Membership.objects.create(user=person, cohort=cohort, role=role)
    centres = {centre.code: centre for centre in cohort.centres.all()}
    responder = {}
    for number in range(n):
        name = f"S-{number:02d}"
        responder[name] = number % 2 == 0
        patient = _patient(cohort, name, centres["AAABBAAACC"[number % 10]], number)
        for kind in Timepoint.Kind.values:
            store_case(patient, kind, responder=responder[name], seed=number)
        if number < n - without_outcome:
            enter_outcome(patient, values=reading_of(responder[name]), actor=people[Role.COORDINATOR])
    return Study(cohort, people, responder)


def reading_of(responder: bool) -> dict[str, Any]:
    """Give a reading of a responder or of another patient."""
    viable = Decimal(5 if responder else 60)
    return (
        READING
        | {"viable_percent": viable, "necrosis_percent": Decimal(65) - viable, "surgery_on": None}
        | {"signed_off_on": None}
    )


def _patient(cohort: Cohort, name: str, centre: Centre, number: int) -> Patient:
    clinical = {
        "age_years": 50 + number % 30,
        "sex": ("female", "male")[number // 4 % 2],
        "smoking": ("never", "former", "current")[number % 3],
        "histology": ("adenocarcinoma", "squamous")[number // 2 % 2],
        "clinical_stage": ("IB", "IIA", "IIIA")[number % 3],
        "pdl1_percent": Decimal(number % 7 * 10),
        "location": ("central", "peripheral")[number // 3 % 2],
        "cycles": 2 + number % 3,
        "first_dose_on": date(2024, 3, 4) + timedelta(number),
    }
    return create_patient(cohort, code=name, centre=centre, actor=None, clinical=clinical)


def store_case(patient: Patient, kind: str, *, responder: bool, seed: int) -> Segmentation:
    """Store one timepoint with drawn features and supervoxels; the planted ones follow the response."""
    timepoint = Timepoint.objects.create(patient=patient, kind=kind)
    number = Segmentation.objects.filter(timepoint=timepoint).count() + 1
    unique = hashlib.sha256(f"{patient.pk}{kind}{number}".encode()).hexdigest()
    series = ImageSeries.objects.create(
        timepoint=timepoint,
        kind="dicom",
        series_uid=unique[:60],
        shape_zyx=[4, 8, 8],
        spacing_zyx_mm=[1, 1, 1],
        volume_sha256=unique,
    )
    segmentation = Segmentation.objects.create(
        timepoint=timepoint,
        series=series,
        name="GTV-1",
        kind="rtstruct",
        version=number,
        voxels=256,
        volume_mm3=256.0,
        mean_hu=20.0,
        mask_sha256=unique,
    )
    store_values(segmentation, responder=responder, seed=seed)
    return segmentation


def store_values(segmentation: Segmentation, *, responder: bool, seed: int) -> None:
    """Write drawn features and supervoxels of a segmentation, over those that it has."""
    kind = segmentation.timepoint.kind
    random = np.random.default_rng([seed, kind == "post"])
    effect = float(responder) if kind == "post" else 0.0
    values = random.normal(size=len(NAMES))
    values[0] = np.exp(random.normal(9 - 0.5 * effect, 0.4))
    values[1] = 5 + 0.5 * values[1] + 1.2 * effect
    parts = draw_supervoxels(seed, kind == "post", responder=responder)
    protocol = protocol_named(STANDARD.name)
    FeatureSet.objects.update_or_create(
        segmentation=segmentation,
        region=FeatureSet.Region.WHOLE_TUMOUR,
        protocol=protocol,
        habitat_model=None,
        defaults={"schema": schema_of(NAMES), "vector": values.astype("<f8").tobytes()},
    )
    SupervoxelMap.objects.update_or_create(
        segmentation=segmentation,
        protocol=protocol,
        defaults={"n_supervoxels": parts.n, "sha256": storage.put(pack_supervoxels(parts))},
    )


@cache
def draw_supervoxels(seed: int, after: bool, *, responder: bool) -> Supervoxels:
    """Give sixteen cubes of two voxels; more of them are of low density in a responder after treatment."""
    random = np.random.default_rng([seed, after, 7])
    blocks = np.arange(1, 17, dtype=np.int32).reshape(1, 4, 4)
    labels = np.kron(blocks, np.ones((4, 2, 2), dtype=np.int32))
    low = random.random(16) < (0.6 if responder and after else 0.35)
    descriptors = random.normal(0, 0.4, size=(16, 40))
    descriptors[:, :20] += np.where(low, -2.0, 2.0)[:, None]
    return Supervoxels(
        labels=labels,
        descriptors=descriptors,
        mean_hu=np.where(low, -40.0, 50.0) + random.normal(0, 3, 16),
        voxels=np.full(16, 16, dtype=np.int64),
        grid=_GRID,
        spec_digest=habitat_digest(STANDARD.habitats),
    )


def segmentations_of(patient: Patient) -> dict[str, int]:
    """Give timepoint → id of the current mask."""
    rows = Segmentation.objects.filter(timepoint__patient=patient, is_current=True)
    return dict(rows.values_list("timepoint__kind", "pk"))


def stored_labels(patient: Patient, kind: str, model: HabitatModel) -> HabitatLabels:
    """Give the stored habitats of a scan."""
    row = HabitatMap.objects.get(segmentation=segmentations_of(patient)[kind], habitat_model=model)
    return HabitatLabels(*unpack_labels(storage.get(row.sha256)), model.n_habitats, model.digest)


def register_at_rest(patient: Patient) -> Registered:
    """Store a registration that moves nothing, with lung in one corner."""
    field = Grid((2, 3, 3), (4.0, 4.0, 4.0))
    lung = np.zeros((2, *lung_grid_of(field).shape_zyx), dtype=bool)
    lung[:, :, :5, :5] = True
    registered = Registered(np.zeros((2, 3, 3, 3), dtype=np.float32), field, lung)
    masks = segmentations_of(patient)
    Registration.objects.create(
        pre_id=masks["pre"],
        post_id=masks["post"],
        digest=REGISTRATION.digest,
        accepted=True,
        sha256=storage.put(pack_registered(registered)),
    )
    return registered


def outcomes_of(cohort: Cohort) -> int:
    """Count the readings that are current."""
    return PathologyOutcome.objects.filter(patient__cohort=cohort, is_current=True).count()
