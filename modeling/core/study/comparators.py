"""What a clinic goes by without a model: RECIST, the radiologist's reading, PET; judged as the models are.

Nothing is fitted and no threshold chosen, so training patients are as good a test as any others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.performance.classification import count_calls, rates
from modeling.core.performance.discrimination import auc, delong_interval
from modeling.core.performance.recist import CATEGORIES, RESPONSES, recist_category
from modeling.core.table import FeatureTable
from modeling.core.table_rules import SPLITS

Floats = NDArray[np.float64]

#: Longest diameter within one axial slice, on the grid that features are measured on.
AXIAL_PRE = "whole_tumour|pre|original_shape_Maximum2DDiameterSlice"
AXIAL_POST = "whole_tumour|post|original_shape_Maximum2DDiameterSlice"

#: Facts of a table that comparators read.
RADIOLOGIST = "comparator|radiological_response"
SUV_PRE, SUV_POST = "comparator|suv_max_pre", "comparator|suv_max_post"


@dataclass(frozen=True)
class ComparatorRow:
    """One comparator on one split, over the patients of whom it is known.

    Parameters
    ----------
    comparator, split : str
    n, events, n_of_split : int
        Patients of whom the comparator is known, MPR among them, and all patients of the split.
    counts : dict of str to int
        Patients of each category; empty for a measured change.
    sensitivity, specificity : float or None
        Of CR or PR for MPR; None for a measured change, or where nobody of the class is known.
    sensitivity_interval, specificity_interval : tuple of float or None
        Wilson, 95 %.
    auc, auc_low, auc_high : float or None
        Of a measured fall for MPR, with the DeLong 95 % interval; None for categories.
    reason : str
        Why a number is absent.
    """

    comparator: str
    split: str
    n: int
    events: int
    n_of_split: int
    counts: dict[str, int]
    sensitivity: float | None
    sensitivity_interval: tuple[float, float] | None
    specificity: float | None
    specificity_interval: tuple[float, float] | None
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    reason: str


def comparators(table: FeatureTable) -> list[ComparatorRow]:
    """Return how each comparator that the table knows does on each of its splits.

    Parameters
    ----------
    table : FeatureTable
        Comparators that are known of no patient of it are absent.
    """
    rows = []
    for name, categories in _CATEGORICAL.items():
        known = categories(table)
        if (known != "").any():
            rows += [_categorical(name, split, table, known) for split in _splits(table)]
    for name, change in _MEASURED.items():
        measured = change(table)
        if measured.notna().any():
            rows += [_measured(name, split, table, measured) for split in _splits(table)]
    return rows


def axial_recist(table: FeatureTable) -> pd.Series[str]:
    """Return the RECIST 1.1 category of each patient from the longest axial diameters; empty where not known."""
    before, after = _column(table.X, AXIAL_PRE), _column(table.X, AXIAL_POST)
    found = [recist_category(float(one), float(two)) for one, two in zip(before, after, strict=True)]
    return pd.Series(found, index=table.X.index, dtype=object)


def _radiologist(table: FeatureTable) -> pd.Series[str]:
    if RADIOLOGIST not in table.facts:
        return pd.Series("", index=table.X.index, dtype=object)
    given = table.facts[RADIOLOGIST]
    return given.where(given.isin(CATEGORIES), "")


def _change(
    frame: Callable[[FeatureTable], pd.DataFrame], pre: str, post: str
) -> Callable[[FeatureTable], pd.Series]:
    def relative(table: FeatureTable) -> pd.Series[float]:
        before, after = _column(frame(table), pre), _column(frame(table), post)
        return (after - before) / before.where(before > 0)

    return relative


def _column(frame: pd.DataFrame, name: str) -> pd.Series[float]:
    if name not in frame:
        return pd.Series(np.nan, index=frame.index, dtype=float)
    return frame[name].astype(float)


#: Comparators of four categories, and those of a relative change, of which a fall speaks for MPR.
_CATEGORICAL: dict[str, Callable[[FeatureTable], pd.Series[str]]] = {
    "axial_recist": axial_recist,
    "radiologist": _radiologist,
}
_MEASURED: dict[str, Callable[[FeatureTable], pd.Series[float]]] = {
    "axial_diameter_change": _change(lambda table: table.X, AXIAL_PRE, AXIAL_POST),
    "suv_max_change": _change(lambda table: table.facts, SUV_PRE, SUV_POST),
}


def _splits(table: FeatureTable) -> list[str]:
    return [split for split in SPLITS if (table.split == split).any()]


def _categorical(name: str, split: str, table: FeatureTable, categories: pd.Series[str]) -> ComparatorRow:
    here = ((table.split == split) & (categories != "")).to_numpy()
    y, known = table.outcomes(table.X.index[here]), categories[here]
    found = rates(count_calls(y, known.isin(RESPONSES).to_numpy(dtype=bool)))
    return ComparatorRow(
        comparator=name,
        split=split,
        n=len(y),
        events=int(y.sum()),
        n_of_split=int((table.split == split).sum()),
        counts={one: int((known == one).sum()) for one in CATEGORIES},
        sensitivity=found.values["sensitivity"],
        sensitivity_interval=found.intervals.get("sensitivity"),
        specificity=found.values["specificity"],
        specificity_interval=found.intervals.get("specificity"),
        auc=None,
        auc_low=None,
        auc_high=None,
        reason=" ".join(found.undefined[name] for name in ("sensitivity", "specificity") if name in found.undefined),
    )


def _measured(name: str, split: str, table: FeatureTable, change: pd.Series[float]) -> ComparatorRow:
    here = ((table.split == split) & change.notna()).to_numpy()
    y, fall = table.outcomes(table.X.index[here]), -np.asarray(change[here], dtype=np.float64)
    low, high = delong_interval(y, fall) or (None, None)
    area = auc(y, fall)
    return ComparatorRow(
        comparator=name,
        split=split,
        n=len(y),
        events=int(y.sum()),
        n_of_split=int((table.split == split).sum()),
        counts={},
        sensitivity=None,
        sensitivity_interval=None,
        specificity=None,
        specificity_interval=None,
        auc=area,
        auc_low=low,
        auc_high=high,
        reason=_why_no_area(y, area, low),
    )


def _why_no_area(y: NDArray[np.int64], area: float | None, low: float | None) -> str:
    if area is None:
        return "An area needs patients with and without MPR."
    if low is not None:
        return ""
    if min(int(y.sum()), int((1 - y).sum())) < 2:
        return "An interval needs two patients with and two without MPR."
    return "The classes are separated perfectly, so the interval is not known."
