"""Columns of the modelled table that come from images: their names and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imaging.core.codebook import Codebook
from imaging.core.delta import delta
from imaging.core.feature_vector import FeatureVector
from imaging.core.supervoxel_graph import (
    FollowedSupervoxels,
    SupervoxelGraph,
    habitat_features_of,
    habitats_of,
    transition_features_of,
)


def image_columns(
    group: str, pre: FeatureVector, post: FeatureVector, *, training_iqr: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Give the columns of one group of one patient: before, after, and the change."""
    timepoints = {"pre": pre, "post": post, "delta": delta(pre, post, training_iqr=training_iqr)}
    return {
        f"{group}|{time}|{name}": value
        for time, vector in timepoints.items()
        for name, value in vector.as_dict().items()
    }


def transition_columns(vector: FeatureVector) -> dict[str, float]:
    """Give the columns of one patient's transitions."""
    return {f"transitions|delta|{name}": value for name, value in vector.as_dict().items()}


def habitat_rows(
    scans: Mapping[str, tuple[str, str]],
    graphs: Mapping[str, SupervoxelGraph],
    codebook: Codebook,
    *,
    followed: Mapping[str, FollowedSupervoxels] | None = None,
) -> pd.DataFrame:
    """Give the columns of the groups habitat and transitions under a codebook, one row per patient.

    Parameters
    ----------
    scans : mapping of str to (str, str)
        Patient code → keys in `graphs` of the scans before and after treatment.
    graphs : mapping of str to SupervoxelGraph
    codebook : Codebook
    followed : mapping of str to FollowedSupervoxels, optional
        Patient code → where places went; without any there is no column of transitions.
    """
    labels = {key: habitats_of(graphs[key], codebook) for both in scans.values() for key in both}
    rows: dict[str, dict[str, float]] = {}
    for code, (pre, post) in scans.items():
        before, after = (habitat_features_of(graphs[key], labels[key], codebook.k) for key in (pre, post))
        rows[code] = image_columns("habitat", before, after)
        if followed and code in followed:
            found = transition_features_of(followed[code], pre=labels[pre], post=labels[post], k=codebook.k)
            rows[code] |= transition_columns(found)
    return pd.DataFrame.from_dict(rows, orient="index", dtype=float)


def interquartile_ranges(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    """Give the interquartile range of each feature over the rows that know it; a feature nobody knows is absent."""
    known = np.isfinite(values).any(axis=0)
    low, high = np.nanpercentile(values[:, known], [25, 75], axis=0)
    return dict(zip(np.array(names, dtype=object)[known].tolist(), (high - low).tolist(), strict=True))
