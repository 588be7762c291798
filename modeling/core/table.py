"""The table that is modelled: features, outcomes, centres and splits, one row per patient."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from modeling.core.errors import InvalidTable, SnapshotCorrupt
from modeling.core.views import IMAGE_GROUPS, TIMEPOINTS, columns_of

SPLITS = ("training", "internal_test", "external")


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features and outcomes of the patients of one snapshot.

    Parameters
    ----------
    X : DataFrame of shape (n_patients, n_features)
        Indexed by patient code. Columns are named ``group|timepoint|feature`` or
        ``clinical|feature``; ``source|fact`` tells where a value came from and belongs to no view.
        Undefined values are NaN.
    y : Series of shape (n_patients,)
        1 for a responder, 0 otherwise.
    centre : Series of shape (n_patients,)
        The hospital of each patient.
    split : Series of shape (n_patients,)
        ``training``, ``internal_test`` or ``external``.

    Raises
    ------
    InvalidTable
        If codes repeat, parts are not aligned, the outcome is not 0 or 1, a value is infinite or
        not a number, or a column name is not understood.
    """

    X: pd.DataFrame
    y: pd.Series[int]
    centre: pd.Series[str]
    split: pd.Series[str]

    def __post_init__(self) -> None:
        _require_codes(self.X.index)
        for name in ("y", "centre", "split"):
            if not self.X.index.equals(getattr(self, name).index):
                raise InvalidTable(f"The patients of X and of {name} are not the same in the same order.")
        _require_columns(self.X)
        _require_outcomes(self.y)
        _require_splits(self.split)
        if self.centre.isna().any():
            raise InvalidTable(f"{int(self.centre.isna().sum())} patients have no centre.")
        object.__setattr__(self, "X", self.X.astype(np.float64))
        object.__setattr__(self, "y", self.y.astype(np.int64))
        object.__setattr__(self, "centre", self.centre.astype(str))
        _require_finite(self.X)

    def columns_of(self, view: str) -> tuple[str, ...]:
        """Give the columns of a view; see `modeling.core.views.columns_of`."""
        return columns_of(self.X.columns, view)

    def of_split(self, split: str) -> FeatureTable:
        """Give the patients of one split."""
        return self.where(self.split == split)

    def where(self, chosen: pd.Series[bool]) -> FeatureTable:
        """Give the chosen patients, in the order of the table."""
        return FeatureTable(self.X[chosen], self.y[chosen], self.centre[chosen], self.split[chosen])

    def to_parquet(self) -> bytes:
        """Give the table as Parquet; equal tables give equal bytes."""
        columns: dict[str, Any] = {
            "code": pa.array([str(code) for code in self.X.index], pa.string()),
            "y": pa.array(self.y.to_numpy(), pa.int8()),
            "centre": pa.array(self.centre.tolist(), pa.string()),
            "split": pa.array(self.split.tolist(), pa.string()),
        }
        for name, values in zip(self.X.columns, self.X.to_numpy().T, strict=True):
            # A NaN stays a NaN: from_pandas would turn it into a null and change the bytes.
            columns[name] = pa.array(np.ascontiguousarray(values), pa.float64(), from_pandas=False)
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink, compression="zstd", use_dictionary=False, write_statistics=False)
        return sink.getvalue()

    @classmethod
    def from_parquet(cls, data: bytes, *, sha256: str | None = None) -> FeatureTable:
        """Read what `to_parquet` wrote.

        Parameters
        ----------
        data : bytes
            The Parquet file.
        sha256 : str, optional
            The digest that the bytes must have.

        Raises
        ------
        SnapshotCorrupt
            If the digest differs or the bytes are not such a table.
        """
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise SnapshotCorrupt("The stored table is not the one that was frozen: its digest differs.")
        try:
            frame = pq.read_table(io.BytesIO(data)).to_pandas()
            index = pd.Index(frame.pop("code").astype(str).tolist(), name="code")
            y, centre, split = (frame.pop(name).set_axis(index) for name in ("y", "centre", "split"))
        except (pa.ArrowException, KeyError, OSError) as problem:
            raise SnapshotCorrupt("The stored table cannot be read: it is damaged or of another kind.") from problem
        return cls(frame.set_axis(index), y, centre, split)

    @cached_property
    def sha256(self) -> str:
        """Give the digest of the Parquet bytes."""
        return hashlib.sha256(self.to_parquet()).hexdigest()


def assign_splits(
    codes: Sequence[str],
    y: Sequence[int] | pd.Series[int],
    centre: Sequence[str] | pd.Series[str],
    *,
    training_centre: str,
    seed: int,
    test_fraction: float = 0.3,
) -> pd.Series[str]:
    """Divide patients into training, internal test and external test.

    The training centre is divided within each outcome; all other centres are external. A patient's
    place follows from a hash of the seed and the code, so the order of the rows does not matter and
    a new patient moves at most the border.

    Parameters
    ----------
    codes, y, centre : sequences of length n_patients
        Patient codes, outcomes (0 or 1) and hospitals.
    training_centre : str
        The hospital that trains.
    seed : int
        Another seed gives another division.
    test_fraction : float
        Share of the training centre that is kept for the internal test, 0 to below 1.

    Returns
    -------
    Series of shape (n_patients,)
        ``training``, ``internal_test`` or ``external``, indexed by code.

    Raises
    ------
    InvalidTable
        If codes repeat, the training centre has no patient or the fraction is out of range.
    """
    if not 0 <= test_fraction < 1:
        raise InvalidTable(f"The test fraction must be at least 0 and below 1, not {test_fraction}.")
    index = pd.Index([str(code) for code in codes], name="code")
    _require_codes(index)
    frame = pd.DataFrame({"y": list(y), "centre": list(centre)}, index=index)
    _require_outcomes(frame["y"])
    home = frame[frame["centre"] == training_centre]
    if home.empty:
        raise InvalidTable(f"The training centre {training_centre!r} has no patient.")
    split = pd.Series("external", index=index, name="split")
    split[home.index] = "training"
    for _, group in home.groupby("y"):
        ranked = sorted(group.index, key=lambda code: hashlib.sha256(f"{seed}:{code}".encode()).digest())
        # Half up, because Python rounds 2.5 to 2 and 3.5 to 4.
        split[ranked[: int(len(ranked) * test_fraction + 0.5)]] = "internal_test"
    return split


def _require_codes(index: pd.Index[Any]) -> None:
    if index.has_duplicates:
        repeated = index[index.duplicated()].unique()
        raise InvalidTable(f"{len(repeated)} patient codes occur more than once, {repeated[0]} among them.")
    if index.empty:
        raise InvalidTable("The table has no patient.")


def _require_columns(X: pd.DataFrame) -> None:
    if X.columns.has_duplicates:
        raise InvalidTable(f"The column {X.columns[X.columns.duplicated()][0]} occurs more than once.")
    for column in X.columns:
        parts = str(column).split("|")
        clinical = len(parts) == 2 and parts[0] in {"clinical", "source"}
        image = len(parts) == 3 and parts[0] in IMAGE_GROUPS and parts[1] in TIMEPOINTS
        if not (clinical or image):
            raise InvalidTable(
                f"The column {column!r} is not named group|timepoint|feature, clinical|feature or source|fact; "
                f"groups are {', '.join(IMAGE_GROUPS)}, timepoints {', '.join(TIMEPOINTS)}."
            )
    text = [str(name) for name, kind in X.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if text:
        raise InvalidTable(f"{len(text)} columns do not hold numbers, {text[0]} among them.")


def _require_outcomes(y: pd.Series[int]) -> None:
    if y.isna().any():
        raise InvalidTable(f"{int(y.isna().sum())} patients have no outcome.")
    if not y.isin([0, 1]).all():
        raise InvalidTable("Outcomes must be 0 or 1.")


def _require_splits(split: pd.Series[str]) -> None:
    unknown = sorted({str(value) for value in split.unique()} - set(SPLITS))
    if unknown:
        raise InvalidTable(f"Unknown split {', '.join(unknown)}; known are {', '.join(SPLITS)}.")


def _require_finite(X: pd.DataFrame) -> None:
    infinite = np.isinf(X.to_numpy()).any(axis=0)
    if infinite.any():
        raise InvalidTable(
            f"{int(infinite.sum())} columns hold infinite values, {X.columns[infinite][0]} among them."
        )
