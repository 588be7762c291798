"""What an honest fold must learn anew before there are columns: habitats and reproducibility.

Habitats are clusters of patients' supervoxels, and a coefficient of agreement is one of patients' repeated
measurements. Where either was learned from all patients, the held-out ones of a fold are no longer unseen. Here
both are learned from the codes that a fold gives, and nothing else is done twice: contacts and pieces of
supervoxels, and where each went, are counted once (`imaging.core.supervoxel_graph`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from imaging.core.reliability import RECOMMENDED_CASES, reliability
from imaging.core.supervoxel_graph import FollowedSupervoxels, SupervoxelGraph
from imaging.models import ExtractionProtocol
from imaging.services import habitats, transitions
from imaging.services.stability import Measured, measured_features
from modeling.core.study.fold_sources import FoldSources
from modeling.services.columns import habitat_rows
from modeling.services.snapshots import POST, PRE, Case


def fold_sources(cases: Sequence[Case], protocol: ExtractionProtocol, *, seed: int, icc_limit: str) -> FoldSources:
    """Give what `modeling.core.study.analyse.analyse` asks of each fold.

    Parameters
    ----------
    cases : sequence of Case
        All patients of the table.
    seed : int
        Of the codebooks.
    icc_limit : {"estimate", "lower"}
        What stands for a coefficient of agreement: itself, or the lower end of its 95 % interval.
    """
    learned = FoldHabitats(cases, protocol, seed)
    return FoldSources(habitats=learned.columns, icc=FoldStability(cases, protocol, icc_limit).coefficients)


@dataclass(frozen=True, eq=False)
class FoldHabitats:
    """Habitat and transition columns of all patients under a codebook of some of them.

    Within a fold k is the one of highest Calinski-Harabasz index. The codebook that a run keeps also asks whether
    refits agree; here that would cost a hundred times as much.
    """

    cases: Sequence[Case]
    protocol: ExtractionProtocol
    seed: int

    def columns(self, codes: tuple[str, ...]) -> pd.DataFrame:
        """Give the columns of the groups habitat and transitions, one row per case of the table."""
        chosen = {code: self._scans[code] for code in codes}
        codebook = habitats.fit_quickly(
            {sha256: self._graphs[sha256] for both in chosen.values() for sha256 in both},
            seed=self.seed,
            algorithm=self.protocol.spec.habitats.algorithm,
        )
        return habitat_rows(self._scans, self._graphs, codebook, followed=self._followed)

    @cached_property
    def _scans(self) -> dict[str, tuple[str, str]]:
        return {case.code: (case.supervoxels[PRE], case.supervoxels[POST]) for case in self.cases}

    @cached_property
    def _graphs(self) -> dict[str, SupervoxelGraph]:
        return habitats.graphs(sha256 for both in self._scans.values() for sha256 in both)

    @cached_property
    def _followed(self) -> dict[str, FollowedSupervoxels]:
        masks = {case.code: (case.segmentations[PRE].pk, case.segmentations[POST].pk) for case in self.cases}
        found = transitions.follow_supervoxels_of({masks[code]: scans for code, scans in self._scans.items()})
        return {code: found[pair] for code, pair in masks.items() if pair in found}


@dataclass(frozen=True, eq=False)
class FoldStability:
    """Agreement of whole-tumour features under perturbation, over some of the patients.

    Scans before and after treatment are judged apart, each patient being one case. Changes between them were not
    measured again, so their columns have no coefficient.
    """

    cases: Sequence[Case]
    protocol: ExtractionProtocol
    limit: str

    def coefficients(self, codes: tuple[str, ...]) -> dict[str, float]:
        """Give column → ICC(2,1) or its lower limit; nothing of a timepoint with fewer measured patients than asked for."""
        chosen = set(codes)
        found: dict[str, float] = {}
        for kind in (PRE, POST):
            wanted = [case.segmentations[kind].pk for case in self.cases if case.code in chosen]
            values = [self._measured.values[pk] for pk in wanted if pk in self._measured.values]
            if len(values) < RECOMMENDED_CASES:
                continue
            agreed = reliability(np.stack(values), names=self._measured.names)
            judged = agreed.lower if self.limit == "lower" else agreed.icc
            found |= {
                f"whole_tumour|{kind}|{name}": float(value)
                for name, value in zip(agreed.names, judged, strict=True)
                if np.isfinite(value)
            }
        return found

    @cached_property
    def _measured(self) -> Measured:
        segmentations = [one for case in self.cases for one in case.segmentations.values()]
        return measured_features(segmentations, self.protocol)
