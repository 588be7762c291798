"""Results too good to be true: one column that ranks nearly all patients, and a model that rests on it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from modeling.core.estimators.rank_statistics import column_aucs
from modeling.core.explanation.explain import importance
from modeling.core.performance.measure import EvaluationResult
from modeling.core.study.fitted_model import FittedModel
from modeling.core.table import FeatureTable

#: An area above which a column, or a model of one feature, is worth a question; realistic external areas are 0.7 to 0.8.
TOO_GOOD = 0.98
#: Patients of each class and of both together that the area of a column needs, so that chance hardly reaches it.
_LEAST_OF_CLASS, _LEAST = 5, 20
#: Share of a model's mean absolute contributions that one feature carries "alone".
_ALONE = 0.9


def too_good(
    table: FeatureTable, models: Mapping[str, FittedModel], evaluations: Mapping[str, Sequence[EvaluationResult]]
) -> Iterator[str]:
    """Return sentences on columns and models that separate the outcomes almost perfectly.

    Parameters
    ----------
    table : FeatureTable
    models : mapping of str to FittedModel
    evaluations : mapping of str to sequence of EvaluationResult
        By model.

    Yields
    ------
    str
        Naming the column, the patients and the area.
    """
    for split in ("training", "external"):
        yield from _columns(table, split)
    for view, model in models.items():
        external = next((row for row in evaluations[view] if row.split == "external" and row.centre is None), None)
        if external is None or external.auc is None or external.auc <= TOO_GOOD:
            continue
        weighed = importance(model)
        total = sum(weight for _, weight in weighed)
        if total and weighed[0][1] >= _ALONE * total:
            yield (
                f"The model {view} rests on {weighed[0][0]} alone and reaches an AUC of {external.auc:.3f} on external "
                f"patients: is that feature known before the outcome?"
            )


def _columns(table: FeatureTable, split: str) -> Iterator[str]:
    chosen = (table.split == split).to_numpy()
    y = table.outcomes(table.X.index[chosen])
    events, others = int(np.sum(y == 1)), int(np.sum(y == 0))
    if len(y) < _LEAST or min(events, others) < _LEAST_OF_CLASS:
        return
    values = table.X.to_numpy(dtype=np.float64)[chosen]
    whole = ~np.isnan(values).any(axis=0)
    areas = column_aucs(values[:, whole], y)
    telling = np.flatnonzero(np.maximum(areas, 1 - areas) > TOO_GOOD)
    if not len(telling):
        return
    names = table.X.columns[whole]
    best = telling[np.argmax(np.abs(areas[telling] - 0.5))]
    more = f", and so do {len(telling) - 1} others" if len(telling) > 1 else ""
    yield (
        f"The column {str(names[best]).removeprefix('own|')!r} alone ranks the {len(y)} {split} patients with an AUC of "
        f"{max(areas[best], 1 - areas[best]):.3f}{more}: is it known before the outcome?"
    )
