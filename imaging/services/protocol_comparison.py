"""Two protocols on the same tumours: which of their features give the same values?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cohorts.models import Cohort
from imaging.core.concordance import concordance
from imaging.core.feature_names import FeatureName
from imaging.models import ExtractionProtocol, FeatureSet
from imaging.services.cohort_cases import Cases, with_features
from imaging.services.feature_table import CohortFeatures, Source, features_of
from imaging.services.kept import Arrays, digest_of, kept
from imaging.services.protocols import protocol_named

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ComparisonRow:
    """One feature under two protocols; None where something is undefined."""

    feature: FeatureName
    concordance: float | None
    difference: float | None
    n: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """Patients who have features under both protocols at a moment, and what the protocols make of them."""

    first: CohortFeatures
    second: CohortFeatures
    cases: Cases
    moment: str
    rows: tuple[ComparisonRow, ...]
    #: Features of the first only, and of the second only.
    only_first: int
    only_second: int

    def values(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Give one feature under both protocols, of each case."""
        first, second = (
            table.values(self.moment, [name])[self.cases.rows_in(table), 0] for table in (self.first, self.second)
        )
        return first, second


def protocols_with_features(cohort: Cohort) -> list[str]:
    """Give the names of the protocols under which a cohort has features of whole tumours."""
    used = FeatureSet.objects.filter(
        segmentation__timepoint__patient__cohort=cohort, region=FeatureSet.Region.WHOLE_TUMOUR
    )
    found = ExtractionProtocol.objects.filter(pk__in=used.order_by().values("protocol_id").distinct())
    return list(found.order_by("pk").values_list("name", flat=True))


def compared(cohort: Cohort, cases: Cases, first: str, second: str, moment: str) -> Comparison:
    """Compare two protocols feature by feature, least agreement first; computed once for equal values."""
    a, b = (features_of(Source(cohort, protocol_named(name))) for name in (first, second))
    names = [feature.name for feature in a.features if feature.name in b.position]
    both = with_features(with_features(cases, a), b)

    def compute() -> Arrays:
        one, other = (table.values(moment, names)[both.rows_in(table)] for table in (a, b))
        found = concordance(one, other)
        return {"concordance": found.coefficient, "difference": found.difference, "n": found.n}

    question: dict[str, Any] = {"what": "comparison", "moment": moment, "cases": digest_of(both.ids)}
    question |= {"states": [a.state, b.state], "places": [table.source.place("head") for table in (a, b)]}
    answer = kept(question, compute)
    rows = [
        ComparisonRow(
            a.features[a.position[name]],
            _number(answer["concordance"][place]),
            _number(answer["difference"][place]),
            int(answer["n"][place]),
        )
        for place, name in enumerate(names)
    ]
    rows.sort(key=lambda row: (row.concordance is None, row.concordance))
    return Comparison(a, b, both, moment, tuple(rows), len(a.features) - len(names), len(b.features) - len(names))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
