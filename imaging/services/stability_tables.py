"""Reliability of features as tables: one row a feature for pages and files, one a family for an overview."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from statistics import median

from cohorts.core.csv_writer import write_csv
from imaging.core.reliability import STABLE_FROM, Reliability
from imaging.core.spec import FEATURE_CLASSES

#: Verdicts against `STABLE_FROM`, best first.
STABLE, BY_ESTIMATE, UNSTABLE, UNDEFINED = "stable", "by estimate only", "not stable", "undefined"


@dataclass(frozen=True)
class StabilityRow:
    """One feature: coefficient, 95 % limits, and what follows. What is undefined is None, with a reason."""

    feature: str
    image: str
    family: str
    icc: float | None
    lower: float | None
    upper: float | None
    verdict: str
    cases: int
    measurements: int
    reason: str


@dataclass(frozen=True)
class FamilyRow:
    """Features of one family: how many, how many are stable, and the middle coefficient."""

    family: str
    features: int
    stable: int
    by_estimate: int
    median_icc: float | None

    @property
    def stable_share(self) -> float:
        """Share of stable features, 0 to 1."""
        return self.stable / self.features


def stability_rows(found: Reliability, *, family: str = "") -> list[StabilityRow]:
    """Give a row for each feature, or for those of one family, in the order of the protocol."""
    rows = []
    for index, name in enumerate(found.names):
        image, kind, _ = name.split("_", 2)
        if family and kind != family:
            continue
        icc, lower, upper = (_number(part[index]) for part in (found.icc, found.lower, found.upper))
        verdict, reason = _verdict(icc, lower), found.undefined.get(name, "")
        cases, raters = int(found.cases[index]), found.raters
        rows.append(StabilityRow(name, image, kind, icc, lower, upper, verdict, cases, raters, reason))
    return rows


def family_rows(rows: Sequence[StabilityRow]) -> list[FamilyRow]:
    """Sum up by family, in the usual order of families."""
    found = []
    for family in FEATURE_CLASSES:
        own = [row for row in rows if row.family == family]
        if not own:
            continue
        known = [row.icc for row in own if row.icc is not None]
        verdicts = [row.verdict for row in own]
        middle = median(known) if known else None
        found.append(FamilyRow(family, len(own), verdicts.count(STABLE), verdicts.count(BY_ESTIMATE), middle))
    return found


def as_csv(rows: Sequence[StabilityRow]) -> str:
    """Write rows as CSV with a header; undefined values are empty."""
    return write_csv([field.name for field in fields(StabilityRow)], map(astuple, rows))


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _verdict(icc: float | None, lower: float | None) -> str:
    if icc is None:
        return UNDEFINED
    if icc < STABLE_FROM:
        return UNSTABLE
    return STABLE if lower is not None and lower >= STABLE_FROM else BY_ESTIMATE
