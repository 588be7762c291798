"""The way of participants through a study, and what is there of each: both follow from the same facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils.translation import gettext as _

from cohorts.models import Cohort, Patient
from cohorts.selectors.facts import Fact, facts_of


@dataclass(frozen=True)
class Pattern:
    """Patients of one centre who have and lack the same things."""

    centre: str
    centre_code: str
    exclusion: str
    has: frozenset[str]
    n: int


@dataclass(frozen=True)
class Left:
    """Those who did not go on, and why; the query finds them in the list of patients."""

    reason: str
    n: int
    query: str


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
    found = with_facts(patients, cohort, facts)
    counted = Counter(found.order_by().values_list("centre__name", "centre__code", "exclusion", *names))
    return [
        Pattern(name, code, reason, frozenset(f.key for f, flag in zip(facts, flags, strict=True) if flag), n)
        for (name, code, reason, *flags), n in sorted(counted.items())
    ]


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
            lacking = sum(p.n for p in rest if key not in p.has)
            rest = [p for p in rest if key in p.has]
            query = f"exclusion=none&lacks={key}" + (f"&has={','.join(passed)}" if passed else "")
            left.append(Left(_("Without: %(fact)s") % {"fact": labels[key]}, lacking, query))
            passed.append(key)
        stages.append(Stage(label(), sum(p.n for p in rest), tuple(reason for reason in left if reason.n)))
    return [*stages, Stage(_("Can be analysed"), stages[-1].n)]


def _not_excluded(found: list[Pattern]) -> Stage:
    reasons: Counter[str] = Counter()
    for pattern in found:
        reasons[pattern.exclusion] += pattern.n
    left = tuple(
        Left(str(label), reasons[value], f"exclusion={value}")
        for value, label in Patient.Exclusion.choices
        if reasons[value]
    )
    return Stage(_("Not excluded"), reasons[""], left)


def matrix_row(patient: Any, facts: list[Fact]) -> list[bool]:
    """Give what one patient has, in the order of the facts."""
    return [bool(getattr(patient, f"has_{fact.key}")) for fact in facts]
