"""What imaging tells the pages of cohorts about patients: masks, features, registration, scanner."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Exists, QuerySet
from django.utils.translation import gettext_lazy as _

from cohorts.models import Cohort, Patient, Timepoint
from cohorts.selectors.facts import Fact, Trait, declare, patient_has
from imaging.models import FeatureSet, ImageSeries, Registration, Segmentation


def declare_facts() -> None:
    """Make them known; called once, when Django starts."""
    declare(
        facts=(
            Fact("mask_pre", _("Mask before"), _mask(Timepoint.Kind.PRE)),
            Fact("mask_post", _("Mask after"), _mask(Timepoint.Kind.POST)),
            Fact("features_pre", _("Features before"), _features(Timepoint.Kind.PRE)),
            Fact("features_post", _("Features after"), _features(Timepoint.Kind.POST)),
            Fact("registration", _("Registered"), _registered),
        ),
        traits=(Trait("scanner", _("Scanner"), _scanned_with, _scanners),),
    )


def _mask(kind: Timepoint.Kind) -> Callable[[Cohort], Exists]:
    return lambda cohort: patient_has(Segmentation, "timepoint__patient", timepoint__kind=kind, is_current=True)


def _features(kind: Timepoint.Kind) -> Callable[[Cohort], Exists]:
    whole = {"region": FeatureSet.Region.WHOLE_TUMOUR, "habitat_model": None}
    current = {"segmentation__is_current": True, "segmentation__timepoint__kind": kind}
    return lambda cohort: patient_has(FeatureSet, "segmentation__timepoint__patient", **whole, **current)


def _registered(cohort: Cohort) -> Exists:
    current = {"pre__is_current": True, "post__is_current": True}
    return patient_has(Registration, "post__timepoint__patient", accepted=True, **current)


def _scanned_with(value: str) -> Exists:
    return patient_has(ImageSeries, "timepoint__patient", scanner=value)


def _scanners(patients: QuerySet[Patient]) -> list[str]:
    seen = ImageSeries.objects.filter(timepoint__patient__in=patients).exclude(scanner="")
    return list(seen.order_by("scanner").values_list("scanner", flat=True).distinct())
