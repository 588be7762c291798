"""One patient under two codes: rows whose measurements agree nearly everywhere, found before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modeling.core.errors import SamePatientTwice
from modeling.core.views import IMAGE_GROUPS

Floats = NDArray[np.float64]
Pair = tuple[int, int]

#: Values agree if they differ by less: five digits, so that a table that was rounded on its way is recognised.
TOLERANCE = 1e-5
#: Share of the columns known of both patients in which near-identical rows agree; some may have been measured anew.
SHARE = 0.9
#: Columns of measurements from which on such rows are refused; fewer, from three, are worth a warning. (Our choices.)
LEAST_COLUMNS, LEAST_FOR_WARNING = 10, 3
#: Columns by which pairs are preselected, and the share of them that must agree.
_FIRST, _FIRST_SHARE = 32, 0.6
_SHOWN = 3


def require_nobody_twice(X: pd.DataFrame, split: pd.Series[str]) -> tuple[str, ...]:
    """Refuse a table that holds one patient under two codes, across splits or within one.

    Rows are compared in their measurements before treatment, after it, and in all of them, so that a patient who was
    copied with one scan is found. Whole numbers and clinical data, which patients share, are not compared.

    Parameters
    ----------
    X : DataFrame of shape (n_patients, n_features)
        Indexed by patient code; columns as of `modeling.core.table.FeatureTable`.
    split : Series of shape (n_patients,)

    Returns
    -------
    tuple of str
        A sentence where rows agree in every column, but there are too few columns to prove anything.

    Raises
    ------
    SamePatientTwice
        Naming pairs of codes and their splits.
    """
    ordered = X.sort_index()
    certain: set[Pair] = set()
    doubtful: set[Pair] = set()
    for names in _parts(ordered):
        values = ordered.loc[:, names].to_numpy(dtype=np.float64)
        values = values[:, _is_measured(values)]
        pairs = set(near_identical(values)) if values.shape[1] >= LEAST_FOR_WARNING else set()
        (certain if values.shape[1] >= LEAST_COLUMNS else doubtful).update(pairs)
    codes = [str(code) for code in ordered.index]
    if certain:
        raise SamePatientTwice(
            f"Rows agree to five digits in at least {SHARE:.0%} of their measurements, as those of one patient do: "
            f"{pairs_in_words(codes, sorted(certain), split)}."
        )
    if not doubtful:
        return ()
    return (
        f"Rows agree in nearly all of their few measurements: {pairs_in_words(codes, sorted(doubtful), split)}. Check "
        f"that each is a patient of their own.",
    )


def near_identical(values: Floats) -> Iterator[Pair]:
    """Find rows that agree in nine of ten columns.

    Parameters
    ----------
    values : array of shape (n_rows, n_columns)
        NaN where missing.

    Yields
    ------
    tuple of int
        Places of two rows, known together in at least half of the columns, the smaller first.
    """
    n_columns = values.shape[1]
    first = values[:, np.unique(np.linspace(0, n_columns - 1, min(_FIRST, n_columns)).astype(np.int64))]
    for row in range(len(values) - 1):
        # Most pairs differ in the first columns already.
        agree, known = _agreement(first[row], first[row + 1 :])
        for other in np.flatnonzero((agree >= _FIRST_SHARE * known) & (known >= 1)) + row + 1:
            (agree,), (known,) = _agreement(values[row], values[[other]])
            if agree >= SHARE * known and known >= n_columns / 2:
                yield row, int(other)


def pairs_in_words(codes: Sequence[str], pairs: Sequence[Pair], split: pd.Series[str]) -> str:
    """Return the first pairs of codes with their splits, and how many there are beyond.

    Parameters
    ----------
    codes : sequence of str
    pairs : sequence of tuple of int
        Places in `codes`.
    split : Series of str
        By code.
    """

    def named(place: int) -> str:
        return f"{codes[place]} ({str(split[codes[place]]).replace('_', ' ')})"

    shown = "; ".join(f"{named(one)} and {named(two)}" for one, two in pairs[:_SHOWN])
    return shown + (f"; and {len(pairs) - _SHOWN} more pairs" if len(pairs) > _SHOWN else "")


def _agreement(row: Floats, others: Floats) -> tuple[Floats, Floats]:
    apart = np.abs(others - row)
    known = ~np.isnan(apart)
    agree = known & (apart <= TOLERANCE * np.maximum(np.abs(others), np.abs(row)))
    return agree.sum(axis=1), known.sum(axis=1)


def _parts(X: pd.DataFrame) -> Iterator[list[str]]:
    """Return the columns that are compared together."""
    measured = [str(name) for name in X.columns if str(name).split("|")[0] in {*IMAGE_GROUPS, "own"}]
    for time in ("pre", "post"):
        here = [name for name in measured if name.split("|")[1] == time and name.count("|") == 2]
        if 0 < len(here) < len(measured):
            yield here
    if measured:
        yield measured


def _is_measured(values: Floats) -> NDArray[np.bool_]:
    """Return which columns tell patients apart: not constant, and more than whole numbers, which grades and counts share."""
    known = ~np.isnan(values)
    whole = ~known | (values == np.round(values))
    measured: NDArray[np.bool_] = ~whole.all(axis=0) & (
        np.fmax.reduce(values, axis=0) > np.fmin.reduce(values, axis=0)
    )
    return measured
