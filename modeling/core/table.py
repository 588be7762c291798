"""The table that is modelled: features, outcomes, centres and splits, one row per patient."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from modeling.core.errors import InvalidTable, SnapshotCorrupt
from modeling.core.table_rules import (
    require_codes,
    require_columns,
    require_finite,
    require_outcomes,
    require_splits,
    tidy_facts,
)
from modeling.core.views import View, columns_of

#: How the name of a fact begins in the Parquet, where it stands beside the features.
_FACT = "fact|"
#: Version of the Parquet: 1 (not stated in the file) wrote gaps as NaN, 2 writes them as nulls. Both are read.
FORMAT = 2
_FORMAT = "ecotone:table"


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features and outcomes of the patients of one snapshot.

    Parameters
    ----------
    X : DataFrame of shape (n_patients, n_features)
        Indexed by patient code. Columns are named ``group|timepoint|feature``, ``clinical|feature``
        or ``own|feature``; ``source|fact`` tells where a value came from and belongs to no view, and
        ``timing|interval`` belongs to a view only where a recipe names it.
        Undefined values are NaN.
    y : Series of shape (n_patients,)
        1 for a responder, 0 otherwise.
    centre : Series of shape (n_patients,)
        The hospital of each patient.
    split : Series of shape (n_patients,)
        ``training``, ``internal_test`` or ``external``.
    facts : DataFrame of shape (n_patients, n_facts), optional
        What is known of the patients and never modelled, as texts or numbers: ``subgroup|name``,
        ``scan|timepoint|name``, ``order|days`` (the day on which the treatment began), ``reading|name`` and
        ``comparator|name`` (what a clinic read without a model).

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
    facts: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        require_codes(self.X.index)
        if self.facts.empty:
            object.__setattr__(self, "facts", pd.DataFrame(index=self.X.index))
        for name in ("y", "centre", "split", "facts"):
            if not self.X.index.equals(getattr(self, name).index):
                raise InvalidTable(f"The patients of X and of {name} are not the same in the same order.")
        require_columns(self.X)
        require_outcomes(self.y)
        require_splits(self.split)
        if self.centre.isna().any():
            raise InvalidTable(f"{int(self.centre.isna().sum())} patients have no centre.")
        object.__setattr__(self, "X", self.X.astype(np.float64))
        object.__setattr__(self, "y", self.y.astype(np.int64))
        object.__setattr__(self, "centre", self.centre.astype(str))
        object.__setattr__(self, "facts", tidy_facts(self.facts))
        require_finite(self.X)

    def columns_of(self, view: str, *, own: Mapping[str, View] | None = None) -> tuple[str, ...]:
        """Give the columns of a view; see `modeling.core.views.columns_of`."""
        return columns_of(self.X.columns, view, own=own)

    def of_split(self, split: str) -> FeatureTable:
        """Give the patients of one split."""
        return self.where(self.split == split)

    def where(self, chosen: pd.Series[bool]) -> FeatureTable:
        """Give the chosen patients, in the order of the table."""
        return self.take(self.X.index[chosen])

    def take(self, codes: Sequence[str] | pd.Index[Any]) -> FeatureTable:
        """Give some patients, in the order in which they are named."""
        rows = list(codes)
        return FeatureTable(
            self.X.loc[rows], self.y.loc[rows], self.centre.loc[rows], self.split.loc[rows], self.facts.loc[rows]
        )

    def outcomes(self, codes: Sequence[str] | pd.Index[Any]) -> NDArray[np.int64]:
        """Give the outcomes of some patients, in the order in which they are named."""
        return np.asarray(self.y.loc[list(codes)], dtype=np.int64)

    def centres(self, codes: Sequence[str] | pd.Index[Any]) -> NDArray[np.str_]:
        """Give the hospitals of some patients, in the order in which they are named."""
        return np.asarray(self.centre.loc[list(codes)], dtype=str)

    def codes(self, split: str) -> tuple[str, ...]:
        """Name the patients of one split, sorted: the order of the rows must not decide anything."""
        return tuple(sorted(str(code) for code in self.X.index[self.split == split]))

    def to_parquet(self) -> bytes:
        """Return the table as Parquet, gaps as nulls; equal tables give equal bytes."""
        columns: dict[str, Any] = {
            "code": pa.array([str(code) for code in self.X.index], pa.string()),
            "y": pa.array(self.y.to_numpy(), pa.int8()),
            "centre": pa.array(self.centre.tolist(), pa.string()),
            "split": pa.array(self.split.tolist(), pa.string()),
        }
        for name, values in zip(self.X.columns, self.X.to_numpy().T, strict=True):
            columns[name] = _with_nulls(values)
        for fact, facts in self.facts.items():
            number = facts.dtype == np.float64
            texts = [] if number else [text or None for text in facts.tolist()]
            columns[f"{_FACT}{fact}"] = _with_nulls(facts.to_numpy()) if number else pa.array(texts, pa.string())
        table = pa.table(columns).replace_schema_metadata({_FORMAT: str(FORMAT)})
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_statistics=False)
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
            If the digest differs, the bytes are not such a table, or a later version wrote them.
        """
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise SnapshotCorrupt("The stored table is not the one that was frozen: its digest differs.")
        try:
            stored = pq.read_table(io.BytesIO(data))
            _require_format(stored.schema.metadata or {})
            frame = stored.to_pandas()
            index = pd.Index(frame.pop("code").astype(str).tolist(), name="code")
            y, centre, split = (frame.pop(name).set_axis(index) for name in ("y", "centre", "split"))
            frame = frame.set_axis(index)
            facts = frame[[name for name in frame if name.startswith(_FACT)]]
        except (pa.ArrowException, KeyError, OSError) as problem:
            raise SnapshotCorrupt("The stored table cannot be read: it is damaged or of another kind.") from problem
        named = facts.rename(columns=lambda name: name.removeprefix(_FACT))
        return cls(frame.drop(columns=facts.columns), y, centre, split, named)

    @cached_property
    def sha256(self) -> str:
        """Give the digest of the Parquet bytes."""
        return hashlib.sha256(self.to_parquet()).hexdigest()


def _with_nulls(values: NDArray[np.float64]) -> Any:
    return pa.array(np.ascontiguousarray(values), pa.float64(), mask=np.isnan(values))


def _require_format(metadata: Mapping[bytes, bytes]) -> None:
    found = metadata.get(_FORMAT.encode(), b"1").decode(errors="replace")
    if found not in {str(version) for version in range(1, FORMAT + 1)}:
        raise SnapshotCorrupt(f"The stored table has the format {found!r}; this version reads up to {FORMAT}.")


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
    require_codes(index)
    frame = pd.DataFrame({"y": list(y), "centre": list(centre)}, index=index)
    require_outcomes(frame["y"])
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
