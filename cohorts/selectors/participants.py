"""The way of participants through a study, and what is there of each: both follow from the same facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils.translation import gettext as _

from cohorts.models import Cohort, PathologyOutcome, Patient
from cohorts.selectors.facts import Fact, facts_of, patient_has
from cohorts.selectors.summary import wilson_percent


@dataclass(frozen=True)
class Pattern:
    """Patients of one centre who have and lack the same things."""

    centre: str
    centre_code: str
    exclusion: str
    has: frozenset[str]
    n: int
    #: Whether their current pathology, settled where readings are blinded, is an MPR; None where there is none.
    mpr: bool | None = None


@dataclass(frozen=True)
class Left:
    """Those who did not go on, and why; the query finds them in the list of patients."""

    reason: str
    n: int
    query: str
    known: int = 0
    mpr: int = 0

    @property
    def mpr_interval_percent(self) -> tuple[float, float] | None:
        """Wilson 95 % interval of the MPR rate among those whose response is known; None where nobody's is."""
        return wilson_percent(self.mpr, self.known)


@dataclass(frozen=True)
class Stage:
    """One box of the flow: how many came so far, and who left before it."""

    label: str
    n: int
    left: tuple[Left, ...] = ()

    @property
    def n_left(self) -> int:
        """How many left before this box."""
        return sum(reason.n for reason in self.left)


@dataclass(frozen=True)
class CentreRow:
    """How many patients of one centre have each thing."""

    name: str
    code: str
    n: int
    counts: tuple[tuple[str, int], ...]


def with_facts(patients: QuerySet[Patient], cohort: Cohort, facts: list[Fact]) -> QuerySet[Patient]:
    """Add to each patient whether each fact holds, as ``has_KEY``."""
    flags = {f"has_{f.key}": ExpressionWrapper(Q(f.holds(cohort)), BooleanField()) for f in facts}
    return patients.annotate(**flags)


def patterns(patients: QuerySet[Patient], cohort: Cohort) -> list[Pattern]:
    """Count patients of each centre by what they have; one query, and few rows whatever the size."""
    facts = facts_of(cohort)
    names = [f"has_{fact.key}" for fact in facts]
    major = patient_has(
        PathologyOutcome, "patient", is_current=True, viable_percent__lte=cohort.mpr_threshold_percent
    )
    found = with_facts(patients, cohort, facts).annotate(has_mpr=major)
    counted = Counter(found.order_by().values_list("centre__name", "centre__code", "exclusion", "has_mpr", *names))
    rows = []
    for (name, code, reason, mpr, *flags), n in sorted(counted.items()):
        has = frozenset(f.key for f, flag in zip(facts, flags, strict=True) if flag)
        rows.append(Pattern(name, code, reason, has, n, bool(mpr) if _is_known(has, facts) else None))
    return rows


def _is_known(has: frozenset[str], facts: list[Fact]) -> bool:
    """Return whether the response is known: pathology is entered, and settled where readings are blinded."""
    return {"pathology", "settled"} & {fact.key for fact in facts} <= has


def completeness(found: list[Pattern], facts: list[Fact]) -> list[CentreRow]:
    """Count by centre how many patients have each thing."""
    centres = sorted({(pattern.centre, pattern.centre_code) for pattern in found})
    rows = [_centre(name, code, [p for p in found if p.centre_code == code], facts) for name, code in centres]
    return rows if len(rows) == 1 else [*rows, _centre(_("All centres"), "", found, facts)]


def _centre(name: str, code: str, found: list[Pattern], facts: list[Fact]) -> CentreRow:
    counts = tuple((f.key, sum(p.n for p in found if f.key in p.has)) for f in facts)
    return CentreRow(name, code, sum(p.n for p in found), counts)


#: Box, then what must be there to come so far; who lacks the first of several is counted there.
_STEPS: tuple[tuple[Callable[[], str], tuple[str, ...]], ...] = (
    (lambda: _("CT before and after treatment"), ("ct_pre", "ct_post")),
    (lambda: _("Tumour outlined in both scans"), ("mask_pre", "mask_post")),
    (lambda: _("Features of both scans"), ("features_pre", "features_post")),
    (lambda: _("Pathology known"), ("pathology",)),
    (lambda: _("Readings settled"), ("settled",)),
)


def flow(found: list[Pattern], facts: list[Fact]) -> list[Stage]:
    """Give the boxes from enrolment to analysis, with the reasons to leave between them."""
    stages = [Stage(_("Enrolled"), sum(p.n for p in found)), _not_excluded(found)]
    rest, labels = [p for p in found if not p.exclusion], {f.key: str(f.label) for f in facts}
    passed: list[str] = []
    for label, keys in _STEPS:
        if not set(keys) <= set(labels):
            continue
        left = []
        for key in keys:
            lacking = [p for p in rest if key not in p.has]
            rest = [p for p in rest if key in p.has]
            query = f"exclusion=none&lacks={key}" + (f"&has={','.join(passed)}" if passed else "")
            left.append(_left(_("Without: %(fact)s") % {"fact": labels[key]}, lacking, query))
            passed.append(key)
        stages.append(Stage(label(), sum(p.n for p in rest), tuple(reason for reason in left if reason.n)))
    return [*stages, Stage(_("Can be analysed"), stages[-1].n)]


def _left(reason: str, patterns: list[Pattern], query: str) -> Left:
    known, major = (p for p in patterns if p.mpr is not None), (p for p in patterns if p.mpr)
    return Left(reason, sum(p.n for p in patterns), query, sum(p.n for p in known), sum(p.n for p in major))


def _not_excluded(found: list[Pattern]) -> Stage:
    left = [
        _left(str(label), [p for p in found if p.exclusion == value], f"exclusion={value}")
        for value, label in Patient.Exclusion.choices
    ]
    return Stage(_("Not excluded"), sum(p.n for p in found if not p.exclusion), tuple(one for one in left if one.n))


def matrix_row(patient: Any, facts: list[Fact]) -> list[bool]:
    """Give what one patient has, in the order of the facts."""
    return [bool(getattr(patient, f"has_{fact.key}")) for fact in facts]
