"""Which patients a page is about: the filters of the address bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q, QuerySet

from cohorts.core.response import SUFFICIENT_SAMPLINGS
from cohorts.models import Cohort, PathologyOutcome, Patient
from cohorts.selectors.facts import fact_named, traits

#: Stands for an empty field in the address.
UNKNOWN = "unknown"
_LONGEST = 120


@dataclass(frozen=True)
class PatientFilters:
    """The filters of one address; an empty one filters nothing, and one that makes no sense is as if empty."""

    q: str = ""
    centre: str = ""
    response: str = ""
    histology: str = ""
    sex: str = ""
    smoking: str = ""
    stage: str = ""
    location: str = ""
    complete: str = ""
    has: str = ""
    lacks: str = ""
    exclusion: str = ""
    age_min: int | None = None
    age_max: int | None = None
    #: Values of the properties that upper apps declare: the scanner.
    traits: tuple[tuple[str, str], ...] = field(default=())

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> PatientFilters:
        """Read the filters of an address, or those that a subset keeps."""
        texts: dict[str, Any] = {name: _text(query.get(name)) for name in _TEXTS}
        numbers: dict[str, Any] = {name: _whole(query.get(name)) for name in ("age_min", "age_max")}
        found = ((t.key, _text(query.get(t.key))) for t in traits())
        return cls(**texts, **numbers, traits=tuple((key, value) for key, value in found if value))

    def values(self) -> dict[str, str]:
        """Give what is filtered by, as the address says it."""
        own = {
            name: str(value) for name, value in asdict(self).items() if name != "traits" and value not in ("", None)
        }
        return own | dict(self.traits)

    def __bool__(self) -> bool:
        return bool(self.values())

    @property
    def is_folded_open(self) -> bool:
        """True where a filter is set that pages fold away at first."""
        return bool(set(self.values()) - {"q", "centre", "response"})

    def query_string(self) -> str:
        """Give the part of an address behind the question mark; empty without filters."""
        return urlencode(self.values())

    def without(self, name: str) -> PatientFilters:
        """Give the filters without one of them."""
        if name in _NAMES:
            empty: dict[str, Any] = {name: None if name in ("age_min", "age_max") else ""}
            return replace(self, **empty)
        return replace(self, traits=tuple(pair for pair in self.traits if pair[0] != name))

    def apply(self, queryset: QuerySet[Patient], cohort: Cohort) -> QuerySet[Patient]:
        """Narrow patients of a cohort to those that fit every filter."""
        for condition in (self._own(), self._ages(), self._facts(cohort), _response(self.response, cohort)):
            queryset = queryset.filter(condition)
        by_key = {trait.key: trait for trait in traits()}
        for key, value in self.traits:
            queryset = queryset.filter(by_key[key].has_value(value))
        return queryset

    def _own(self) -> Q:
        condition = Q()
        if self.q:
            condition &= Q(code__icontains=self.q)
        if self.centre:
            condition &= Q(centre__code=self.centre)
        for name, column in _COLUMNS.items():
            if value := getattr(self, name):
                condition &= Q(**{column: "" if value == UNKNOWN else value})
        if self.exclusion:
            chosen = {"none": Q(exclusion=""), "any": ~Q(exclusion="")}
            condition &= chosen.get(self.exclusion, Q(exclusion=self.exclusion))
        return condition

    def _ages(self) -> Q:
        bounds = {"age_years__gte": self.age_min, "age_years__lte": self.age_max}
        return Q(**{name: bound for name, bound in bounds.items() if bound is not None})

    def _facts(self, cohort: Cohort) -> Q:
        condition = Q()
        if self.complete in ("yes", "no"):
            both = _holds("ct_pre", cohort) & _holds("ct_post", cohort)
            condition &= both if self.complete == "yes" else ~both
        for key in known_keys(self.has, cohort):
            condition &= _holds(key, cohort)
        for key in known_keys(self.lacks, cohort):
            condition &= ~_holds(key, cohort)
        return condition


_NAMES = tuple(f.name for f in fields(PatientFilters) if f.name != "traits")
_TEXTS = tuple(name for name in _NAMES if name not in ("age_min", "age_max"))
#: Filter → column of the patient.
_COLUMNS = {
    "histology": "histology",
    "sex": "sex",
    "smoking": "smoking",
    "stage": "clinical_stage",
    "location": "location",
}


def _text(value: Any) -> str:
    return str(value or "").replace("\0", "").strip()[:_LONGEST]  # PostgreSQL takes no text with a zero byte


def _whole(value: Any) -> int | None:
    try:
        number = int(str(value))
    except ValueError:
        return None
    return number if 0 <= number <= 150 else None


def known_keys(keys: str, cohort: Cohort) -> list[str]:
    """Give the facts that an address names, one or several with commas between."""
    return [key for key in keys.split(",") if fact_named(key, cohort)]


def _holds(key: str, cohort: Cohort) -> Q:
    fact = fact_named(key, cohort)
    return Q(fact.holds(cohort)) if fact else Q()


def _response(wanted: str, cohort: Cohort) -> Q:
    """Give the condition of a response; it says in the database's words what `cohorts.core.response` says."""
    current = PathologyOutcome.objects.filter(patient=OuterRef("pk"), is_current=True)
    line = cohort.mpr_threshold_percent
    conditions = {
        "mpr": Q(viable_percent__lte=line),
        "no_mpr": Q(viable_percent__gt=line),
        "pcr": _COMPLETE_RESPONSE,
        "known": Q(),
    }
    if wanted == "none":
        return ~Q(Exists(current))
    return Q(Exists(current.filter(conditions[wanted]))) if wanted in conditions else Q()


_NONE_OR_ZERO = Q(nodes_positive=None) | Q(nodes_positive=0)
_NOT_VIABLE = Q(nodes_viable_percent=None) | Q(nodes_viable_percent=0)
_COMPLETE_RESPONSE = (
    Q(viable_percent=0, ypt="ypT0", ypn="ypN0", nodes_examined__gt=0, sampling__in=SUFFICIENT_SAMPLINGS)
    & _NONE_OR_ZERO
    & _NOT_VIABLE
)
