"""The images of a cohort in numbers: coverage, scanners, volumes, habitats. The database counts, not the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Avg, Count, Exists, FloatField, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast

from cohorts.models import Cohort, Patient, Timepoint
from imaging.models import FeatureSet, HabitatMap, HabitatModel, ImageSeries, Segmentation
from imaging.services.cohort_cases import RESPONSES, response_case

PRE, POST = Timepoint.Kind.PRE, Timepoint.Kind.POST
#: Upper ends of the classes of change in volume, in percent; what lies above the last is one class.
CHANGE_ENDS = (-80, -60, -40, -20, 0, 20, 40)


@dataclass(frozen=True)
class Coverage:
    """How far the images of some patients have come."""

    patients: int
    with_pre: int
    with_post: int
    with_both: int
    extracted: int


def coverage_of(patients: QuerySet[Patient]) -> Coverage:
    """Count patients with a mask before, after, both, and with features of both; one query."""
    masks = Segmentation.objects.filter(timepoint__patient=OuterRef("pk"), is_current=True)
    features = FeatureSet.objects.filter(
        segmentation__timepoint__patient=OuterRef("pk"),
        segmentation__is_current=True,
        region=FeatureSet.Region.WHOLE_TUMOUR,
    )
    flags = {f"mask_{kind}": Exists(masks.filter(timepoint__kind=kind)) for kind in (PRE, POST)}
    flags |= {f"done_{kind}": Exists(features.filter(segmentation__timepoint__kind=kind)) for kind in (PRE, POST)}
    both = Q(mask_pre=True, mask_post=True)
    counts = patients.annotate(**flags).aggregate(
        patients=Count("pk"),
        with_pre=Count("pk", filter=Q(mask_pre=True)),
        with_post=Count("pk", filter=Q(mask_post=True)),
        with_both=Count("pk", filter=both),
        extracted=Count("pk", filter=both & Q(done_pre=True, done_post=True)),
    )
    return Coverage(**counts)


def scanner_rows(patients: QuerySet[Patient]) -> list[dict[str, Any]]:
    """Count how the scans of each centre were made: scanner, kernel, slice thickness; most frequent first."""
    names = ("timepoint__patient__centre__name", "manufacturer", "scanner", "kernel", "slice_thickness_mm")
    found = (
        ImageSeries.objects.filter(timepoint__patient__in=patients)
        .order_by()
        .values_list(*names)
        .annotate(scans=Count("pk"))
    )
    rows = sorted(found, key=lambda row: (row[0], -row[-1], str(row[1:-1])))
    keys = ("centre", "manufacturer", "scanner", "kernel", "thickness_mm", "scans")
    return [dict(zip(keys, row, strict=True)) for row in rows]


@dataclass(frozen=True)
class Volumes:
    """Tumour volumes of patients of one response who have both, in millilitres, and classes of their change."""

    response: str
    n: int
    pre_ml: tuple[float, float, float]
    post_ml: tuple[float, float, float]
    change_percent: tuple[float, float, float]
    classes: tuple[int, ...]


def volumes_of(patients: QuerySet[Patient], cohort: Cohort) -> list[Volumes]:
    """Give quartiles of tumour volume before and after, and of its change, by response; one query."""
    masks = Segmentation.objects.filter(timepoint__patient__in=patients, is_current=True, volume_mm3__gt=0)
    by_kind = {kind: _volume(masks, kind) for kind in (PRE, POST)}
    both = sorted(by_kind[PRE].keys() & by_kind[POST].keys())
    responses = dict(patients.annotate(response=response_case(cohort)).values_list("pk", "response")) if both else {}
    named = np.array([responses[pk] for pk in both], dtype=np.str_)
    pre, post = (np.array([by_kind[kind][pk] for pk in both]) / 1000 for kind in (PRE, POST))
    return [_volumes(name, pre[named == name], post[named == name]) for name in RESPONSES if (named == name).any()]


def _volume(masks: QuerySet[Segmentation], kind: str) -> dict[int, float]:
    return dict(masks.filter(timepoint__kind=kind).values_list("timepoint__patient_id", "volume_mm3"))


def _volumes(name: str, pre: Any, post: Any) -> Volumes:
    change = 100 * (post / pre - 1)
    classes = np.bincount(np.searchsorted(CHANGE_ENDS, change, side="left"), minlength=len(CHANGE_ENDS) + 1)
    pre_ml, post_ml, percent = (tuple(np.percentile(part, (25, 50, 75)).tolist()) for part in (pre, post, change))
    return Volumes(name, len(change), pre_ml, post_ml, percent, tuple(classes.tolist()))


def composition_rows(patients: QuerySet[Patient], cohort: Cohort, model: HabitatModel) -> list[dict[str, Any]]:
    """Give the mean share of each habitat before and after, in percent, by response; one query."""
    shares = {
        f"habitat_{number + 1}": Avg(Cast(KeyTransform(number, "fractions"), FloatField()))
        for number in range(model.n_habitats)
    }
    found = (
        HabitatMap.objects.filter(
            habitat_model=model, segmentation__is_current=True, segmentation__timepoint__patient__in=patients
        )
        .annotate(response=response_case(cohort, "segmentation__timepoint__patient"))
        .order_by()
        .values("response", "segmentation__timepoint__kind")
        .annotate(n=Count("pk"), **shares)
    )
    by_group: dict[tuple[str, str], dict[str, Any]] = {
        (row["response"], row["segmentation__timepoint__kind"]): dict(row) for row in found
    }
    groups = [(name, kind) for name in RESPONSES for kind in (PRE, POST) if (name, kind) in by_group]
    return [
        {
            "response": name,
            "kind": str(kind),
            "n": by_group[name, kind]["n"],
            "habitat": number,
            "mean_percent": 100 * by_group[name, kind][f"habitat_{number}"],
        }
        for name, kind in groups
        for number in range(1, model.n_habitats + 1)
    ]
