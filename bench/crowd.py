"""Cohorts of any size, drawn and written in bulk: the records of a study without its pixels."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from cohorts.models import (
    AuditEntry,
    BlindedReading,
    Centre,
    Cohort,
    Job,
    Membership,
    PathologyOutcome,
    Patient,
    RecordLock,
    Role,
    Subset,
    Timepoint,
    User,
)
from imaging.models import FeatureSet, HabitatMap, HabitatModel, ImageSeries, Registration, Segmentation
from imaging.services.extraction import schema_of
from imaging.services.protocols import protocol_named

FEATURES = 1316
CENTRES = 8
_SCANNERS = (("Siemens", "SOMATOM Force"), ("GE", "Revolution"), ("Philips", "Brilliance 64"), ("Siemens", "Drive"))


@transaction.atomic
def crowd(code: str, *, patients: int, features: int = FEATURES, seed: int = 5) -> Cohort:
    """Write a cohort of so many patients; four of five have everything, the others lack this or that.

    The first patient waits for a third reader, so that small cohorts have one, too. One person of each role is
    named ``CODE-ROLE``.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    cohort = Cohort.objects.create(code=code, name=f"Crowd of {patients}", is_synthetic=True, double_reading=True)
    people = [User(username=f"{code}-{role.value}") for role in Role]
    User.objects.bulk_create(people)
    Membership.objects.bulk_create(
        Membership(user=user, cohort=cohort, role=role) for user, role in zip(people, Role, strict=True)
    )
    centres = Centre.objects.bulk_create(
        Centre(cohort=cohort, code=f"C{n}", name=f"Hospital {n}") for n in range(1, CENTRES + 1)
    )
    found = Patient.objects.bulk_create([_patient(draw, cohort, centres, n) for n in range(patients)])
    PathologyOutcome.objects.bulk_create([_outcome(draw, p) for p in found if draw.random() < 0.85])
    _readings(draw, found, people)
    RecordLock.objects.bulk_create(
        RecordLock(cohort=cohort, patient=p, meaning="verified", signed_by=people[0])
        for p in found[1:]
        if draw.random() < 0.3
    )
    _scans(draw, cohort, found, features)
    _acts(draw, cohort, found, people)
    return cohort


def _patient(draw: random.Random, cohort: Cohort, centres: list[Centre], number: int) -> Patient:
    first = date(2019, 1, 7) + timedelta(draw.randrange(1800))
    return Patient(
        cohort=cohort,
        centre=draw.choice(centres),
        code=f"P-{number:05d}",
        age_years=draw.randrange(35, 86) if draw.random() < 0.97 else None,
        sex=draw.choice(Patient.Sex.values),
        smoking=draw.choice(Patient.Smoking.values),
        histology=draw.choice(Patient.Histology.values),
        clinical_stage=draw.choice(["IB", "IIA", "IIB", "IIIA", "IIIB", ""]),
        pdl1_percent=Decimal(draw.randrange(0, 101)) if draw.random() < 0.8 else None,
        location=draw.choice(["central", "peripheral", ""]),
        regimen="PD-1 inhibitor and chemotherapy",
        cycles=draw.randrange(2, 5),
        first_dose_on=first,
        last_dose_on=first + timedelta(42),
        enrolled_on=first - timedelta(7) if draw.random() < 0.9 else None,
        exclusion=draw.choice(Patient.Exclusion.values) if number and draw.random() < 0.06 else "",
    )


def _outcome(draw: random.Random, patient: Patient) -> PathologyOutcome:
    viable = 0 if draw.random() < 0.2 else draw.randrange(1, 90)
    return PathologyOutcome(
        patient=patient,
        version=1,
        viable_percent=viable,
        necrosis_percent=(100 - viable) // 2,
        stroma_percent=100 - viable - (100 - viable) // 2,
        ypt="ypT0" if viable == 0 else "ypT2a",
        ypn="ypN0",
        nodes_examined=12,
        nodes_positive=0,
        sampling="complete",
        surgery_on=patient.last_dose_on + timedelta(30) if patient.last_dose_on else None,
    )


def _readings(draw: random.Random, patients: list[Patient], people: list[User]) -> None:
    rows = []
    for number, patient in enumerate(patients):
        first = draw.randrange(0, 80)
        for slot, user in zip((1, 2), people, strict=False):
            if draw.random() < 0.8 or not number:
                viable = first + (draw.randrange(0, 14) if number else 20 * slot - 20)
                rows.append(BlindedReading(patient=patient, reader=user, slot=slot, viable_percent=viable))
    BlindedReading.objects.bulk_create(rows)


def _scans(draw: random.Random, cohort: Cohort, patients: list[Patient], features: int) -> None:
    """Write two timepoints, series, masks, features and habitat maps of nearly every patient, and registrations."""
    moments = [
        Timepoint(patient=p, kind=kind, scanned_on=date(2024, 1, 1))
        for p in patients
        for kind in Timepoint.Kind
        if draw.random() < 0.95
    ]
    Timepoint.objects.bulk_create(moments)
    series = ImageSeries.objects.bulk_create([_series(draw, t) for t in moments])
    masks = Segmentation.objects.bulk_create([_mask(draw, s) for s in series if draw.random() < 0.96])
    protocol = protocol_named("standard")
    schema = schema_of(tuple(f"original_firstorder_Drawn{n}" for n in range(features)))
    vector = np.random.default_rng(5).normal(size=features).astype("<f8").tobytes()
    region = FeatureSet.Region.WHOLE_TUMOUR
    _in_batches(
        FeatureSet,
        (
            FeatureSet(segmentation=m, region=region, protocol=protocol, schema=schema, vector=vector)
            for m in masks
            if draw.random() < 0.97
        ),
    )
    model = HabitatModel.objects.create(
        cohort=cohort,
        protocol=protocol,
        version=1,
        n_habitats=3,
        digest=_sha(cohort.code),
        codebook={"k": 3, "centroid_mean_hu": [-60.0, 10.0, 60.0], "report": {"by_k": [], "why": "Drawn."}},
    )
    _in_batches(HabitatMap, (_habitats(draw, model, m) for m in masks))
    by_patient: dict[int, dict[str, Segmentation]] = {}
    for mask in masks:
        by_patient.setdefault(mask.timepoint.patient_id, {})[mask.timepoint.kind] = mask
    Registration.objects.bulk_create(
        Registration(pre=m["pre"], post=m["post"], digest=_sha("r"), accepted=draw.random() < 0.9)
        for m in by_patient.values()
        if len(m) == 2
    )


def _series(draw: random.Random, timepoint: Timepoint) -> ImageSeries:
    manufacturer, scanner = draw.choice(_SCANNERS)
    unique = _sha(f"{timepoint.pk}")
    return ImageSeries(
        timepoint=timepoint,
        kind="dicom",
        series_uid=unique[:60],
        shape_zyx=[300, 512, 512],
        spacing_zyx_mm=[draw.choice([1.0, 1.25]), 0.7, 0.7],
        manufacturer=manufacturer,
        scanner=scanner,
        kernel=draw.choice(["B30f", "B70f", "STANDARD"]),
        volume_sha256=unique,
    )


def _mask(draw: random.Random, series: ImageSeries) -> Segmentation:
    volume = draw.lognormvariate(9.5, 0.8)
    return Segmentation(
        timepoint=series.timepoint,
        series=series,
        name="GTV-1",
        kind="rtstruct",
        version=1,
        voxels=int(volume),
        volume_mm3=volume,
        mean_hu=draw.gauss(20, 15),
        mask_sha256=series.volume_sha256,
    )


def _habitats(draw: random.Random, model: HabitatModel, mask: Segmentation) -> HabitatMap:
    shares = np.random.default_rng(draw.randrange(10**6)).dirichlet([3, 3, 3])
    return HabitatMap(
        habitat_model=model,
        segmentation=mask,
        fractions=[float(s) for s in shares],
        volumes_mm3=[float(s) * mask.volume_mm3 for s in shares],
        interaction=[[0, 4, 4, 4], [4, 20, 6, 5], [4, 6, 20, 5], [4, 5, 5, 20]],
        sha256=_sha("h"),
    )


def _acts(draw: random.Random, cohort: Cohort, patients: list[Patient], people: list[User]) -> None:
    """Write three acts on each patient, a job for each, and some subsets."""
    rows = (
        AuditEntry(
            cohort=cohort, centre=p.centre, patient=p, actor=draw.choice(people), verb=verb, object_type="patient",
            object_id=str(p.pk), changes={"age_years": [None, p.age_years], "sex": ["", p.sex]},
        )
        for verb in ("created", "changed", "changed")
        for p in patients
    )  # fmt: skip
    _in_batches(AuditEntry, rows)
    now = timezone.now()
    times = {"started_at": now - timedelta(minutes=3), "finished_at": now}
    batch = Job.objects.create(
        cohort=cohort, kind=Job.Kind.EXTRACTION_BATCH, total=len(patients), created_by=people[0]
    )
    states = (Job.State.DONE, Job.State.DONE, Job.State.FAILED)
    for parent in (batch, None):
        jobs = (
            Job(cohort=cohort, centre=p.centre, patient=p, parent=parent, kind=Job.Kind.EXTRACTION,
                state=draw.choice(states), created_by=draw.choice(people), **times)
            for p in patients
        )  # fmt: skip
        _in_batches(Job, jobs)
    Subset.objects.bulk_create(
        Subset(
            cohort=cohort,
            slug=f"s-{n}",
            name=f"Subset {n}",
            filters={"centre": "C1"},
            owner=people[0],
            is_shared=True,
        )
        for n in range(min(40, len(patients)))
    )


def _in_batches(model: Any, rows: Iterable[Any]) -> None:
    for batch in _batches(rows, 500):
        model.objects.bulk_create(batch)


def _batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
