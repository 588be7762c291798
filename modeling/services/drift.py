"""Whether patients who came after a model's snapshot look like those on whom it learned; inputs only."""

from __future__ import annotations

import pandas as pd

from imaging import storage
from imaging.selectors import habitat_vectors_by_segmentation, transition_vectors_by_segmentation
from modeling.core.drift import Drift, compare
from modeling.core.table import FeatureTable
from modeling.models import ModelVersion
from modeling.services.snapshots import Case, feature_rows, gather, training_iqr_of


def drift_of(version: ModelVersion) -> Drift:
    """Compare the version's selected features of new patients with those of its training patients.

    New is who was not in the snapshot, and who was but not learned from and has been scanned or contoured since.
    Patients whose habitats were not computed under the version's codebook yet are left out; a prediction computes
    them.
    """
    snapshot = version.run.snapshot
    table = FeatureTable.from_parquet(storage.get(snapshot.sha256), sha256=snapshot.sha256)
    fitted = set(version.fitted_on.order_by("pk").values_list("code", flat=True))
    vectors = habitat_vectors_by_segmentation(version.cohort, snapshot.habitat_model)
    cases = [
        case
        for case in gather(version.cohort, snapshot.habitat_model.protocol, needs_outcome=False).cases
        if case.code not in fitted
        and (case.code not in table.X.index or _is_later(case, version))
        and all(segmentation.pk in vectors for segmentation in case.segmentations.values())
    ]
    followed = transition_vectors_by_segmentation(version.cohort, snapshot.habitat_model)
    iqr = training_iqr_of(table)
    columns = list(dict.fromkeys(version.selected))
    new = feature_rows(cases, vectors, transitions=followed, training_iqr=iqr) if cases else pd.DataFrame()
    training = table.X.loc[table.X.index.isin(fitted)]
    return compare(training.reindex(columns=columns), new.reindex(columns=columns))


def _is_later(case: Case, version: ModelVersion) -> bool:
    return any(s.created_at > version.run.snapshot.created_at for s in case.segmentations.values())
