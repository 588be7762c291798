"""Among the patients that a model learned from: the values of what moved a prediction, read once and kept."""

from __future__ import annotations

import json

from imaging import storage
from imaging.services.kept import key_of
from modeling.core.table import FeatureTable
from modeling.models import Prediction

#: Feature → training patient's code → value.
Values = dict[str, dict[str, float]]


def training_values(prediction: Prediction) -> Values:
    """Give the values of a prediction's features in the training patients of its model.

    What is computed within a model, such as the change of volume, is no column of the table and has none.
    """
    run = prediction.model_version.run
    names = sorted(part["feature"] for part in prediction.contributions)
    key = key_of({"training values of": run.snapshot.sha256, "features": names})
    if (known := storage.recall(key)) is None:
        table = FeatureTable.from_parquet(storage.get(run.snapshot.sha256), sha256=run.snapshot.sha256)
        rows = table.X[table.split == "training"]
        found = {name: rows[name].dropna().astype(float).to_dict() for name in names if name in rows}
        known = json.dumps(found).encode()
        storage.remember(key, known)
    values: Values = json.loads(known)
    return values
