"""What makes a table: rules about codes, columns, outcomes, splits and facts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from modeling.core.errors import InvalidTable
from modeling.core.views import IMAGE_GROUPS, TIMEPOINTS

SPLITS = ("training", "internal_test", "external")
FACT_GROUPS = ("subgroup", "scan", "order", "reading", "comparator")
#: Groups of columns without a timepoint. No built-in view holds one of `source` or `timing`.
_UNTIMED_GROUPS = frozenset({"clinical", "own", "source", "timing"})


def require_codes(index: pd.Index[Any]) -> None:
    """Refuse a table without a patient, or with one twice."""
    if index.has_duplicates:
        repeated = index[index.duplicated()].unique()
        raise InvalidTable(f"{len(repeated)} patient codes occur more than once, {repeated[0]} among them.")
    if index.empty:
        raise InvalidTable("The table has no patient.")


def require_columns(X: pd.DataFrame) -> None:
    """Refuse a column whose name is not understood, occurs twice, or that holds no numbers."""
    if X.columns.has_duplicates:
        raise InvalidTable(f"The column {X.columns[X.columns.duplicated()][0]} occurs more than once.")
    for column in X.columns:
        parts = str(column).split("|")
        clinical = len(parts) == 2 and parts[0] in _UNTIMED_GROUPS and parts[1]
        image = len(parts) == 3 and parts[0] in IMAGE_GROUPS and parts[1] in TIMEPOINTS
        if not (clinical or image):
            raise InvalidTable(
                f"The column {column!r} is not named group|timepoint|feature, clinical|feature, own|feature, "
                f"timing|interval or source|fact; groups are {', '.join(IMAGE_GROUPS)}, timepoints {', '.join(TIMEPOINTS)}."
            )
    text = [str(name) for name, kind in X.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if text:
        raise InvalidTable(f"{len(text)} columns do not hold numbers, {text[0]} among them.")


def tidy_facts(facts: pd.DataFrame) -> pd.DataFrame:
    """Give facts as float64 where they are numbers and as text otherwise; unknown is NaN or an empty text."""
    groups = [str(name) for name in facts.columns if str(name).split("|")[0] not in FACT_GROUPS]
    if groups or facts.columns.has_duplicates:
        raise InvalidTable(
            f"The facts are not named {', '.join(f'{group}|name' for group in FACT_GROUPS)}, each once"
            f"{f': {groups[0]}' if groups else ''}."
        )
    kept = {}
    for name, values in facts.items():
        number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        kept[name] = values.astype(np.float64) if number else values.astype(object).where(values.notna(), "").map(str)
    return pd.DataFrame(kept, index=facts.index)


def require_outcomes(y: pd.Series[int]) -> None:
    """Refuse an outcome that is neither 0 nor 1."""
    if y.isna().any():
        raise InvalidTable(f"{int(y.isna().sum())} patients have no outcome.")
    if not y.isin([0, 1]).all():
        raise InvalidTable("Outcomes must be 0 or 1.")


def require_splits(split: pd.Series[str]) -> None:
    """Refuse a split that is not known."""
    unknown = sorted({str(value) for value in split.unique()} - set(SPLITS))
    if unknown:
        raise InvalidTable(f"Unknown split {', '.join(unknown)}; known are {', '.join(SPLITS)}.")


def require_finite(X: pd.DataFrame) -> None:
    """Refuse infinite values."""
    infinite = np.isinf(X.to_numpy()).any(axis=0)
    if infinite.any():
        raise InvalidTable(
            f"{int(infinite.sum())} columns hold infinite values, {X.columns[infinite][0]} among them."
        )
