"""Where each patient lies on a map of all features, and who they are there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohorts.errors import ServiceError
from imaging.core.errors import ImagingError
from imaging.core.feature_map import draw_map
from imaging.core.feature_names import HABITATS, TRANSITIONS
from imaging.models import Segmentation
from imaging.services.cohort_cases import Cases
from imaging.services.feature_table import CHANGE, PRE, CohortFeatures
from imaging.services.kept import Arrays, digest_of, kept

#: UMAP takes half a minute for some hundred patients, and more beyond.
MOST_FOR_UMAP = 1000
WHOLE, PARTS = "whole", "habitats"


@dataclass(frozen=True, eq=False)
class PlacedCases:
    """Patients on a map. ``explained`` is empty where the axes mean nothing."""

    cases: Cases
    points: NDArray[np.float64]
    explained: tuple[float, ...]
    features: int


def placed(table: CohortFeatures, cases: Cases, moment: str, *, method: str, regions: str) -> PlacedCases:
    """Place patients by their features at a moment; computed once for equal values.

    Raises
    ------
    ServiceError
        ``too_few_cases`` where no map can be drawn; ``nothing_to_do`` for a UMAP of too many patients.
    """
    if method == "umap" and len(cases) > MOST_FOR_UMAP:
        raise ServiceError(
            "nothing_to_do",
            f"UMAP is drawn for at most {MOST_FOR_UMAP} patients; there are {len(cases)}. "
            "PCA draws any number, and filters make them fewer.",
        )
    names = _names(table, regions)

    def compute() -> Arrays:
        found = draw_map(table.values(moment, names)[cases.rows_in(table)], method=method)
        sizes = {"explained": np.array(found.explained), "features": np.array(found.features)}
        return {"rows": found.rows, "points": found.points} | sizes

    question = {"what": "map", "method": method, "regions": regions, "moment": moment, "table": table.state}
    question |= {"place": table.source.place("head"), "cases": digest_of(cases.ids)}
    try:
        answer = kept(question, compute)
    except ImagingError as refusal:
        raise ServiceError(refusal.code, refusal.message) from refusal
    chosen = np.zeros(len(cases), dtype=bool)
    chosen[answer["rows"]] = True
    return PlacedCases(
        cases.of(chosen), answer["points"], tuple(answer["explained"].tolist()), int(answer["features"])
    )


def _names(table: CohortFeatures, regions: str) -> list[str]:
    of_parts = (HABITATS, TRANSITIONS)
    return [one.name for one in table.features if (one.family in of_parts) == (regions == PARTS)]


def scanners_of(cases: Cases, table: CohortFeatures, moment: str) -> NDArray[np.str_]:
    """Give each patient's scanner: of the scan before treatment, or after where the map is of that one."""
    kind = PRE if moment == CHANGE else moment
    rows = Segmentation.objects.filter(
        timepoint__patient__cohort=table.source.cohort, timepoint__kind=kind, is_current=True
    )
    found = dict(rows.values_list("timepoint__patient_id", "series__scanner"))
    return np.array([found.get(int(pk)) or "" for pk in cases.ids], dtype=np.str_)
