"""What a model would have seen of a patient, had a scan or its contour been a little different."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from imaging.core.delta import delta
from imaging.core.features import FeatureVector
from imaging.core.perturb import DIGEST, UNPERTURBED
from imaging.models import ExtractionProtocol, PerturbedFeatures
from imaging.selectors import perturbed_features
from modeling.core.explanation.uncertainty import Disturbed
from modeling.services.snapshots import POST, PRE, Case


def disturbed_rows(
    cases: Sequence[Case], protocol: ExtractionProtocol, *, training_iqr: Mapping[str, float]
) -> Disturbed:
    """Give what yields the disturbed whole-tumour columns of each case.

    Each scan is disturbed by itself, since each is contoured by itself: all pairs of a perturbation before and
    one after. A scan that was not measured stays as it is. The change is computed anew for each pair, with the
    interquartile ranges under which the models learned.
    """
    by_code = {case.code: case for case in cases}
    scans = [segmentation for case in cases for segmentation in case.segmentations.values()]
    stored = {row.segmentation_id: row for row in perturbed_features(scans, protocol, digest=DIGEST)}

    def rows_of(code: str, columns: Sequence[str]) -> pd.DataFrame | None:
        case = by_code[code]
        found = {kind: stored.get(case.segmentations[kind].pk) for kind in (PRE, POST)}
        if not any(found.values()):
            return None
        names = sorted({column.split("|")[2] for column in columns})
        versions = {kind: _versions(case.whole_tumour[kind], found[kind], names) for kind in (PRE, POST)}
        pairs = product(versions[PRE].items(), versions[POST].items())
        rows = {f"{before} {after}": _row(pre, post, columns, training_iqr) for (before, pre), (after, post) in pairs}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(columns), dtype=float)

    return rows_of


def _versions(own: FeatureVector, stored: PerturbedFeatures | None, names: Sequence[str]) -> dict[str, FeatureVector]:
    """Give a scan's features as they are and under each perturbation that could be measured."""
    values = own.as_dict()
    whole = np.array([values[name] for name in names])
    versions = {UNPERTURBED: FeatureVector(tuple(names), whole, provenance=own.provenance)}
    if stored is None:
        return versions
    place = {name: column for column, name in enumerate(stored.schema.names)}
    known = [(at, place[name]) for at, name in enumerate(names) if name in place]
    for label, row in zip(stored.perturbations, stored.values, strict=True):
        if label in stored.skipped:
            continue
        moved = whole.copy()
        for at, column in known:
            moved[at] = row[column]
        versions[label] = FeatureVector(tuple(names), moved, provenance=own.provenance)
    return versions


def _row(
    pre: FeatureVector, post: FeatureVector, columns: Sequence[str], training_iqr: Mapping[str, float]
) -> list[float]:
    values: Mapping[str, Mapping[str, float]] = {
        "pre": pre.as_dict(),
        "post": post.as_dict(),
        "delta": delta(pre, post, training_iqr=training_iqr).as_dict(),
    }
    return [values[time][name] for _, time, name in (column.split("|") for column in columns)]
