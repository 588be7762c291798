"""What each column of a table that was brought holds, and why some of them are no features."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohorts.core.cells import SENTINELS, why_no_number
from modeling.core.own_table.file import RawTable

Floats = NDArray[np.float64]

_DATE = re.compile(
    r"^(\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}\.\d{1,2}\.\d{4}|\d{1,2}/\d{1,2}/\d{4}|\d{1,2}-\d{1,2}-\d{4})"
    r"([T ]\d{1,2}:\d{2}.*)?$"
)
_ID_NAME = re.compile(
    r"^(unnamed.*|row|index|idx|id|nr|no|num|number|case|patient|subject|pid|mrn)s?$"
    r"|[ _.-](id|index|idx|nr|no|number|row)$"
    r"|^(row|id|patient|subject|case|record|study)[ _.-]?(id|no|nr|num|number|index|code)$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?inf(inity)?$", re.IGNORECASE)
_COMMA_NUMBER = re.compile(r"^[+-]?\d+(,\d+)?([eE][+-]?\d+)?$")
#: A number with a limit, a percent sign or commas.
_NEARLY = re.compile(r"^[<>≤≥~≈]?=?\s*[+-]?\d[\d.,]*\s*[%\uff05]?$")
_UNNAMED = re.compile(r"^(\(unnamed \d+\)|Unnamed: \d+)$")


@dataclass(frozen=True)
class Column:
    """One column as it stands: kind, share of absent cells, number of values, and why it is no feature.

    Parameters
    ----------
    name : str
    kind : {"number", "text", "date", "empty", "unread"}
    missing : float
        Share of rows without a value, 0 to 1.
    distinct : int
        Number of different values.
    reason : str
        Why it is no feature; empty if it may be one.
    """

    name: str
    kind: str
    missing: float
    distinct: int
    reason: str = ""


def inspect(raw: RawTable, *, names: Iterable[str] | None = None) -> tuple[Column, ...]:
    """Look at columns of a table, all of them if none is named."""
    return tuple(_inspect(raw, name) for name in (raw.columns if names is None else names))


def looks_like_an_id(name: str) -> bool:
    """Tell from a column's name whether it numbers rows or patients."""
    return bool(_ID_NAME.search(name.strip()))


def _inspect(raw: RawTable, name: str) -> Column:
    cells = raw.columns[name]
    known = len(cells) - cells.null_count
    missing = cells.null_count / len(cells)
    if name in raw.unread:
        return Column(name, "unread", missing, 0, raw.unread[name])
    if not known:
        return Column(name, "empty", 1.0, 0, "holds no value")
    numbers = raw.numbers(name)
    if numbers is None:
        texts = set(raw.texts(name)) - {None}
        kind, reason = _of_texts(raw, name, {str(text) for text in texts})
        return Column(name, kind, missing, len(texts), reason)
    values = numbers[~np.isnan(numbers)]
    distinct = len(np.unique(values))
    return Column(name, "number", missing, distinct, _why_no_feature(name, numbers, values, distinct))


def _of_texts(raw: RawTable, name: str, texts: set[str]) -> tuple[str, str]:
    if all(_DATE.match(text) for text in texts):
        return "date", "holds dates; bring the days between two of them"
    odd = odd_cells(raw, name)
    are_few = bool(odd) and 4 * len(odd) < sum(text is not None for text in raw.texts(name))
    if not are_few and all(re.fullmatch(r"[+-]?\d{1,3}([.,]\d{3})*([.,]\d+)?", text) for text in texts):
        return "text", "its commas or points may be decimal or separate thousands"
    if are_few or (odd and all(_NEARLY.match(text) for text in texts)):
        return "text", _odd_in_words(odd)
    return "text", "holds text; bring it as numbers"


def odd_cells(raw: RawTable, name: str) -> list[tuple[int, str]]:
    """Return the row (the header being 1) and the text of each cell that is no number."""
    number = _COMMA_NUMBER if raw.decimal_comma else _NUMBER
    cells = enumerate(raw.texts(name), 2)
    odd = [(row, text) for row, text in cells if text is not None and not number.match(text)]
    return odd or [(row, text) for row, text in enumerate(raw.texts(name), 2) if text and not _NUMBER.match(text)]


def _odd_in_words(odd: list[tuple[int, str]]) -> str:
    row, text = odd[0]
    more = f", and {len(odd) - 1} other cells are none either" if len(odd) > 1 else ""
    return f"holds {text!r} in row {row}, which is no number{more}. {why_no_number(text).message}"


def _why_no_feature(name: str, numbers: Floats, values: Floats, distinct: int) -> str:
    if distinct == 1:
        return f"is constant ({values[0]:g})"
    if _UNNAMED.match(name):
        return "has no name, as an index"
    whole = bool(np.all(values == np.round(values)))
    if whole and len(values) == len(numbers) == distinct and _counts(numbers):
        return "numbers the rows"
    if whole and distinct == len(values) and looks_like_an_id(name):
        return "is named as an id and differs in every row"
    if whole and "date" in name.lower() and bool(np.all((values > 19000000) & (values < 22000000))):
        return "holds dates; bring the days between two of them"
    return ""


def _counts(numbers: Floats) -> bool:
    return numbers[0] in (0, 1) and bool(np.all(np.diff(numbers) == 1))


def sentinels_of(values: Floats) -> tuple[tuple[float, int], ...]:
    """Return the numbers of a column that probably stand for "not known", and how often each occurs.

    Parameters
    ----------
    values : array of shape (n_rows,)
        NaN where a cell is absent.

    Returns
    -------
    tuple of (float, int)
        Members of `cohorts.core.cells.SENTINELS` that lie farther from all other values than those span, and negative
        ones where no other value is.
    """
    others = values[~np.isnan(values) & ~np.isin(values, SENTINELS)]
    if not len(others):
        return ()
    low, high = float(others.min()), float(others.max())
    found = []
    for value in SENTINELS:
        count = int(np.count_nonzero(values == value))
        is_far = max(low - value, value - high) > high - low
        if count and (is_far or (value < 0 <= low)):
            found.append((value, count))
    return tuple(found)
