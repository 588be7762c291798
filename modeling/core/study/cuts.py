"""The same predictions against other cuts of the viable tumour: a sensitivity analysis, never a refit.

A major pathological response is a cut of the percentage of viable tumour that a pathologist reads. The models of a
study learn one cut, the cohort's own. How their predictions do at others tells whether a result hangs on that
choice; it says nothing of a model that had learned another cut.

References
----------
Ten percent in every histology: Travis et al., J Thorac Oncol 2020;15:709-740. 65 % in adenocarcinoma and 10 % in
squamous cell carcinoma: Qu et al., J Thorac Oncol 2019;14:482-493.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.performance.discrimination import auc, cross_validated_auc, delong_interval
from modeling.core.study.nested import Nested
from modeling.core.study.validation import Predictions
from modeling.core.table import FeatureTable

VIABLE = "reading|viable_percent"
OWN_CUT = "reading|mpr_threshold_percent"
HISTOLOGY = "subgroup|histology"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Cuts in percent of viable tumour; the cohort's own is added where it is not among them.
CUTS = (0.0, 5.0, 10.0, 20.0)
#: Cuts by histology, in percent; other histologies have none.
CUTS_BY_HISTOLOGY = {"adenocarcinoma": 65.0, "squamous": 10.0}
BY_HISTOLOGY = "by histology"
#: Splits that are looked at: out-of-fold predictions, and patients whom the final models have not seen.
SPLITS = ("nested_cv", "internal_test", "external")
#: Patients of each class that an interval needs, as in subgroups.
MINIMUM = 10


@dataclass(frozen=True)
class CutRow:
    """One cut on one split.

    Parameters
    ----------
    split : str
    cut : str
        The cut in percent, as ``10``, or ``by histology``.
    own : bool
        Whether it is the cut that the models learned.
    n, events : int
        Patients for whom the cut is defined, and those at or below it.
    left_out : int
        Patients of the split for whom it is not defined.
    auc, low, high : float or None
        The area with DeLong's 95 % interval; that of out-of-fold predictions is the mean within folds, without one.
    reason : str
        Why there is no area or no interval.
    """

    split: str
    cut: str
    own: bool
    n: int
    events: int
    left_out: int
    auc: float | None
    low: float | None
    high: float | None
    reason: str


def is_recorded(table: FeatureTable) -> bool:
    """Return whether a table holds the viable percentage of any patient."""
    return VIABLE in table.facts.columns and bool(table.facts[VIABLE].notna().any())


def at_other_cuts(table: FeatureTable, found: Mapping[str, Predictions], *, nested: Nested | None) -> list[CutRow]:
    """Compute the area of predictions that are made already at each cut of the viable percentage.

    Parameters
    ----------
    table : FeatureTable
        Its facts hold ``reading|viable_percent``; without them there are no rows.
    found : mapping of str to Predictions
        Of one model, by split; only `SPLITS` are looked at.
    nested : Nested or None
        The out-of-fold predictions of the same model with their folds; without them ``nested_cv`` is left out.

    Returns
    -------
    list of CutRow
        By split, cuts ascending, the cuts by histology last.
    """
    if not is_recorded(table):
        return []
    own = own_cut(table)
    cuts = sorted({*CUTS, *([] if own is None else [own])})
    rows = []
    for split in SPLITS:
        if (split == "nested_cv" and nested is None) or split not in found:
            continue
        codes = found[split].y.index
        viable = table.facts.loc[codes, VIABLE].astype(float)
        for cut in cuts:
            lines = pd.Series(cut, index=codes, dtype=float)
            rows.append(_row(split, f"{cut:g}", cut == own, viable, lines, found[split], nested))
        if HISTOLOGY in table.facts.columns:
            lines = table.facts.loc[codes, HISTOLOGY].map(CUTS_BY_HISTOLOGY).astype(float)
            rows.append(_row(split, BY_HISTOLOGY, False, viable, lines, found[split], nested))
    return rows


def own_cut(table: FeatureTable) -> float | None:
    """Return the cut in percent that the outcomes of a table follow; None if it is not stated or not one."""
    stated = {float(cut) for cut in table.facts[OWN_CUT].dropna()} if OWN_CUT in table.facts.columns else set()
    return stated.pop() if len(stated) == 1 else None


def _row(
    split: str,
    cut: str,
    own: bool,
    viable: pd.Series[float],
    lines: pd.Series[float],
    found: Predictions,
    nested: Nested | None,
) -> CutRow:
    known = viable.notna() & lines.notna()
    codes = [str(code) for code in viable.index[known]]
    y: Ints = np.asarray(viable[known] <= lines[known], dtype=np.int64)
    area, interval, reason = _area(split, y, codes, found, nested)
    low, high = interval or (None, None)
    return CutRow(split, cut, own, len(y), int(y.sum()), int((~known).sum()), area, low, high, reason)


_Area = tuple[float | None, tuple[float, float] | None, str]


def _area(split: str, y: Ints, codes: list[str], found: Predictions, nested: Nested | None) -> _Area:
    if len(set(y.tolist())) < 2:
        return None, None, "All patients are on one side of the cut." if len(y) else "The cut is defined for nobody."
    if split == "nested_cv" and nested is not None:
        rows = nested.predictions.loc[codes], nested.folds.loc[codes]
        within = cross_validated_auc(y, rows[0].to_numpy(), rows[1].to_numpy())
        if within is None:
            return None, None, "No test fold has patients on both sides of the cut."
        return within.auc, None, "The mean within test folds has no interval here."
    p: Floats = np.asarray(found.p.loc[codes], dtype=np.float64)
    area = auc(y, p)
    if np.bincount(y, minlength=2).min() < MINIMUM:
        return area, None, f"An interval needs {MINIMUM} patients on either side of the cut."
    interval = delong_interval(y, p)
    return area, interval, "" if interval else "The classes are separated perfectly, so the interval is not known."
