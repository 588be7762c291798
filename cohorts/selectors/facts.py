"""What can be known of a patient, as conditions that filters, flow and completeness share.

Upper apps declare theirs when Django starts, so that this app need not know their records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cohorts.models import BlindedReading, Cohort, PathologyOutcome, Patient, RecordLock, Timepoint

#: A condition on patients of a cohort; `Exists` and `Q` both serve.
Condition = Exists | Q


@dataclass(frozen=True)
class Fact:
    """Something that a patient has or lacks."""

    key: str
    label: str | Promise
    holds: Callable[[Cohort], Condition]
    applies: Callable[[Cohort], bool] = lambda cohort: True


@dataclass(frozen=True)
class Trait:
    """A property with values of an upper app by which patients can be filtered, such as the scanner."""

    key: str
    label: str | Promise
    has_value: Callable[[str], Condition]
    values: Callable[[QuerySet[Patient]], list[str]]


_FACTS: dict[str, Fact] = {}
_TRAITS: dict[str, Trait] = {}


def declare(*, facts: Iterable[Fact] = (), traits: Iterable[Trait] = ()) -> None:
    """Add what an upper app knows of patients; called once, when Django starts."""
    _FACTS.update({fact.key: fact for fact in facts})
    _TRAITS.update({trait.key: trait for trait in traits})


def facts_of(cohort: Cohort) -> list[Fact]:
    """Give the facts that apply to a cohort, in the order of a patient's course."""
    order = {key: place for place, key in enumerate(ORDER)}
    found = [fact for fact in _FACTS.values() if fact.applies(cohort)]
    return sorted(found, key=lambda fact: order.get(fact.key, len(order)))


def fact_named(key: str, cohort: Cohort) -> Fact | None:
    """Give a fact by its key, where it applies."""
    fact = _FACTS.get(key)
    return fact if fact and fact.applies(cohort) else None


def traits() -> list[Trait]:
    """Give the properties of upper apps by which patients can be filtered."""
    return list(_TRAITS.values())


def patient_has(model: type[Any], path: str, **conditions: Any) -> Exists:
    """Give the condition that a patient has a record, which a path leads to."""
    return Exists(model.objects.filter(**{path: OuterRef("pk")}, **conditions))


#: Left to right in the completeness table.
ORDER = (
    "clinical",
    "ct_pre",
    "ct_post",
    "mask_pre",
    "mask_post",
    "features_pre",
    "features_post",
    "registration",
    "pathology",
    "settled",
    "locked",
)


def _clinical(cohort: Cohort) -> Condition:
    words = ("sex", "histology", "clinical_stage")
    known = Q(age_years__isnull=False, first_dose_on__isnull=False, last_dose_on__isnull=False)
    for name in words:
        known &= ~Q(**{name: ""})
    return known


def _scan(kind: Timepoint.Kind) -> Callable[[Cohort], Condition]:
    return lambda cohort: patient_has(Timepoint, "patient", kind=kind)


def _settled(cohort: Cohort) -> Condition:
    """Adjudicated, or two readings that agree by the rule of `cohorts.core.agreement`."""
    line, margin = cohort.mpr_threshold_percent, cohort.reading_margin_points
    second = BlindedReading.objects.filter(
        patient=OuterRef("patient"),
        slot=BlindedReading.Slot.SECOND,
        viable_percent__gte=OuterRef("viable_percent") - margin,
        viable_percent__lte=OuterRef("viable_percent") + margin,
    )
    below, above = Q(viable_percent__lte=line), Q(viable_percent__gt=line)
    agrees = (below & Exists(second.filter(below))) | (above & Exists(second.filter(above)))
    first = BlindedReading.objects.filter(agrees, patient=OuterRef("pk"), slot=BlindedReading.Slot.FIRST)
    return Exists(first) | patient_has(BlindedReading, "patient", slot=BlindedReading.Slot.ADJUDICATION)


def _locked(cohort: Cohort) -> Condition:
    whole = RecordLock.objects.filter(
        cohort=cohort, patient=None, unlocked_at=None
    )  # the same for everybody: asked once
    return patient_has(RecordLock, "patient", unlocked_at=None) | Exists(whole)


declare(
    facts=(
        Fact("clinical", _("Clinical data"), _clinical),
        Fact("ct_pre", _("CT before"), _scan(Timepoint.Kind.PRE)),
        Fact("ct_post", _("CT after"), _scan(Timepoint.Kind.POST)),
        Fact("pathology", _("Pathology"), lambda cohort: patient_has(PathologyOutcome, "patient", is_current=True)),
        Fact("settled", _("Reading settled"), _settled, lambda cohort: cohort.double_reading),
        Fact("locked", _("Locked"), _locked),
    )
)
