"""The same voxels under two patients of one table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from modeling.core.errors import SamePatientTwice
from modeling.core.study.overlap import pairs_in_words
from modeling.services.snapshots import Case


def require_scans_of_one_patient(cases: Sequence[Case], split: pd.Series[str]) -> None:
    """Refuse cases of which two share a scan: the same voxels, or the same DICOM series.

    Raises
    ------
    SamePatientTwice
        Naming pairs of codes and their splits.
    """
    places: dict[str, set[int]] = {}
    for place, case in enumerate(cases):
        for mask in case.segmentations.values():
            for key in filter(None, (mask.series.volume_sha256, mask.series.source_digest)):
                places.setdefault(key, set()).add(place)
    pairs = {pair for found in places.values() for pair in combinations(sorted(found), 2)}
    if pairs:
        codes = [case.code for case in cases]
        raise SamePatientTwice(f"One scan is stored for two patients: {pairs_in_words(codes, sorted(pairs), split)}.")
