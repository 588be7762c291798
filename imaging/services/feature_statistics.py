"""What a page says of each feature: how many lack it, how stable it is, how it differs between responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cohorts.access import Person
from cohorts.selectors.filters import PatientFilters
from cohorts.selectors.summary import patients_shown
from imaging.core.correlation import groups_of, spearman
from imaging.core.errors import TooFewCases
from imaging.core.feature_names import FeatureName
from imaging.core.perturb import DIGEST
from imaging.core.separation import separation
from imaging.models import PerturbedFeatures, Segmentation
from imaging.services.cohort_cases import MPR, Cases
from imaging.services.feature_table import CHANGE, CohortFeatures
from imaging.services.kept import Arrays, digest_of, kept
from imaging.services.stability import reliability

#: The coefficient hardly changes beyond so many scans, and each is a matrix to read.
MOST_MEASURED_SCANS = 200
_NOT_MEASURED = (float("nan"),) * 3


@dataclass(frozen=True)
class FeatureRow:
    """One feature among the patients who have features at a moment; None where something is undefined."""

    feature: FeatureName
    known: int
    missing: float
    icc: float | None
    icc_lower: float | None
    icc_upper: float | None
    auc: float | None
    auc_lower: float | None
    auc_upper: float | None
    responders: int
    others: int

    @property
    def strength(self) -> float:
        """Distance of the area from a coin, either way; below any where it is undefined."""
        return 0.0 if self.auc is None else max(self.auc, 1 - self.auc)


def feature_rows(
    table: CohortFeatures, cases: Cases, moment: str, stability: dict[str, tuple[float, float, float]]
) -> list[FeatureRow]:
    """Give a row for each feature that has a value at a moment, in the order of the protocol.

    Parameters
    ----------
    cases : Cases
        Patients of the table.
    stability : dict
        What `stability_of` gives.
    """
    found = _statistics(table, cases, moment)
    rows = []
    for place, feature in enumerate(table.features):
        if not found["known"][place]:
            continue
        auc, lower, upper = (_number(found[name][place]) for name in ("auc", "lower", "upper"))
        icc, icc_lower, icc_upper = (_number(value) for value in stability.get(feature.name, _NOT_MEASURED))
        rows.append(
            FeatureRow(
                feature=feature,
                known=int(found["known"][place]),
                missing=float(1 - found["known"][place] / found["present"]),
                icc=icc,
                icc_lower=icc_lower,
                icc_upper=icc_upper,
                auc=auc,
                auc_lower=lower,
                auc_upper=upper,
                responders=int(found["responders"][place]),
                others=int(found["others"][place]),
            )
        )
    return rows


def _statistics(table: CohortFeatures, cases: Cases, moment: str) -> Arrays:
    def compute() -> Arrays:
        values = table.values(moment)[cases.rows_in(table)]
        known = np.isfinite(values)
        parts = separation(values[cases.known], (cases.responses == MPR)[cases.known])
        return {
            "known": known.sum(axis=0),
            "present": np.array(known.any(axis=1).sum()),
            "auc": parts.auc,
            "lower": parts.lower,
            "upper": parts.upper,
            "responders": parts.responders,
            "others": parts.others,
        }

    return kept(_question("statistics", table, cases, moment, digest_of(cases.responses)), compute)


def _question(what: str, table: CohortFeatures, cases: Cases, moment: str, *more: str) -> dict[str, Any]:
    asked = {"what": what, "table": table.state, "place": table.source.place("head"), "moment": moment}
    return asked | {"cases": digest_of(cases.ids), "more": list(more)}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def stability_of(
    table: CohortFeatures, user: Person, filters: PatientFilters, moment: str
) -> dict[str, tuple[float, float, float]]:
    """Give name → ICC with its limits, over the scans of the shown patients that were measured under perturbation.

    There is none for habitats and transitions: their perturbation is not measured. Empty below two scans.
    """
    source = table.source
    measured = PerturbedFeatures.objects.filter(
        segmentation__timepoint__patient__in=patients_shown(source.cohort, user, filters),
        segmentation__is_current=True,
        protocol=source.protocol,
        digest=DIGEST,
    )
    if moment != CHANGE:
        measured = measured.filter(segmentation__timepoint__kind=moment)
    chosen = dict(measured.order_by("pk").values_list("pk", "segmentation_id")[:MOST_MEASURED_SCANS])
    if len(chosen) < 2:
        return {}

    def compute() -> Arrays:
        try:
            scans = Segmentation.objects.filter(pk__in=chosen.values()).only("pk")
            found = reliability(scans, source.protocol)
        except TooFewCases:
            return {"names": np.array([], dtype=np.str_), "icc": np.empty((0, 3))}
        return {"names": np.array(found.names), "icc": np.stack([found.icc, found.lower, found.upper], axis=1)}

    answer = kept({"what": "stability", "measured": sorted(chosen)}, compute)
    return {str(name): tuple(row) for name, row in zip(answer["names"], answer["icc"].tolist(), strict=True)}


@dataclass(frozen=True)
class Companion:
    """A feature that goes with another: Spearman's coefficient says how closely, and in which direction."""

    feature: FeatureName
    correlation: float


def companions(table: CohortFeatures, cases: Cases, moment: str, name: str) -> list[Companion]:
    """Give the other features of one's group of correlated features, closest first."""

    def compute() -> Arrays:
        correlation = spearman(table.values(moment)[cases.rows_in(table)])
        groups = groups_of(correlation)
        # Hundredths are what is shown, and a quarter of the bytes.
        return {"groups": groups, "hundredths": np.rint(100 * correlation).astype(np.int8)}

    answer = kept(_question("groups", table, cases, moment), compute)
    place = table.position[name]
    mates: NDArray[np.int64] = np.flatnonzero(answer["groups"] == answer["groups"][place])
    row = answer["hundredths"][place] / 100
    found = [Companion(table.features[mate], float(row[mate])) for mate in mates if mate != place]
    return sorted(found, key=lambda one: -abs(one.correlation))


def expected_by_chance(rows: Sequence[FeatureRow]) -> float:
    """Give how many intervals would leave out 0.5 if no feature had anything to do with response."""
    return 0.05 * sum(row.auc_lower is not None for row in rows)


def leave_out_coin(rows: Sequence[FeatureRow]) -> int:
    """Count the features whose own interval leaves out 0.5."""
    pairs = [(row.auc_lower, row.auc_upper) for row in rows if row.auc_lower is not None]
    return sum(low > 0.5 or (high is not None and high < 0.5) for low, high in pairs)
