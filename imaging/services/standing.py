"""Habitat measures of every patient of a cohort, read once and kept: among them one patient finds a place."""

from __future__ import annotations

import json
import math

from cohorts.models import Cohort, Timepoint
from imaging import storage
from imaging.models import FeatureSet, HabitatModel
from imaging.selectors import SHOWN_FEATURES, vector_of
from imaging.services.kept import key_of

#: Patient id → timepoint → measure → value.
Measures = dict[int, dict[str, dict[str, float]]]


def habitat_measures(cohort: Cohort, model: HabitatModel) -> Measures:
    """Give the measures that pages show, of all patients of a cohort under one codebook."""
    rows = FeatureSet.objects.filter(
        habitat_model=model,
        region=FeatureSet.Region.HABITATS,
        segmentation__is_current=True,
        segmentation__timepoint__patient__cohort=cohort,
        segmentation__timepoint__status=Timepoint.Status.EVALUABLE,
    ).order_by("pk")
    # A row is measured on one mask under one codebook, so that its number stands for its values.
    key = key_of({"habitat measures under": model.digest, "of": list(rows.values_list("pk", flat=True))})
    if (known := storage.recall(key)) is not None:
        return {int(pk): kinds for pk, kinds in json.loads(known).items()}
    found: Measures = {}
    for row in rows.select_related("schema", "segmentation__timepoint"):
        timepoint = row.segmentation.timepoint
        found.setdefault(timepoint.patient_id, {})[timepoint.kind] = _shown(row, model.n_habitats)
    storage.remember(key, json.dumps(found).encode())
    return found


def _shown(row: FeatureSet, k: int) -> dict[str, float]:
    values = vector_of(row).as_dict()
    wanted = [*(f"fraction_{number}" for number in range(1, k + 1)), *SHOWN_FEATURES]
    return {name: values[name] for name in wanted if math.isfinite(values.get(name, math.nan))}
