"""Outcomes of a table that was brought: which of two values is the event, and times until it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cohorts.core.cells import visible, why_no_number
from modeling.core.errors import InvalidValues, OneClassOnly, OutcomeNotBinary

Floats = NDArray[np.float64]

#: Values whose meaning is plain: no event, event.
_PAIRS = (
    ("0", "1"),
    ("-", "+"),
    ("false", "true"),
    ("no", "yes"),
    ("n", "y"),
    ("negative", "positive"),
    ("non-responder", "responder"),
    ("nonresponder", "responder"),
    ("non-response", "response"),
    ("no response", "response"),
    ("non-mpr", "mpr"),
    ("no mpr", "mpr"),
    ("non-pcr", "pcr"),
    ("no pcr", "pcr"),
    ("alive", "dead"),
)


def coded(cells: Sequence[str | None], *, name: str, positive: str | None = None, both: bool = True) -> Floats:
    """Code an outcome: 1 for the event, 0 for no event, NaN where it is not known.

    Parameters
    ----------
    cells : sequence of str or None
    name : str
        Of the column, for messages.
    positive : str, optional
        The value that is the event.
    both : bool
        Whether both values must occur. Of a survival outcome, all patients may have had the event.

    Returns
    -------
    array of shape (n_rows,)

    Raises
    ------
    OneClassOnly
        If all rows have one value, or none has any; with `both` false, if none has the event.
    OutcomeNotBinary
        If there are more than two values, or the event is not known.
    """
    plain = [None if cell is None else _plain(cell) for cell in cells]
    values = sorted({value for value in plain if value is not None})
    if len(values) > 2:
        shown = ", ".join(values[:5]) + (", …" if len(values) > 5 else "")
        raise OutcomeNotBinary(f"The column {name!r} has {len(values)} values ({shown}) and must have two.")
    event = _event(values, name, positive)
    if len(values) < 2 and (both or values != [event]):
        said = f"All rows of the column {name!r} say {values[0]!r}" if values else f"The column {name!r} is empty"
        raise OneClassOnly(f"{said}; the event and its absence are needed.")
    return np.array([np.nan if value is None else float(value == event) for value in plain])


def times(numbers: Floats | None, *, name: str, odd: tuple[int, str] | None = None) -> Floats:
    """Check times until the event or the end of observation.

    Parameters
    ----------
    numbers : array of shape (n_rows,) or None
    name : str
        Of the column, for messages.
    odd : tuple of int and str, optional
        Row and text of the first cell that is no number.

    Raises
    ------
    InvalidValues
        If the column holds no numbers, or negative or infinite ones.
    """
    if numbers is None:
        where = f": {odd[1]!r} in row {odd[0]}. {why_no_number(odd[1]).message}" if odd else "."
        raise InvalidValues(f"The time {name!r} holds something other than numbers{where}")
    for wrong, kind in ((numbers < 0, "negative"), (np.isinf(numbers), "infinite")):
        if wrong.any():
            raise InvalidValues(f"The time {name!r} is {kind} in {rows_in_words(np.flatnonzero(wrong))}.")
    return numbers


def rows_in_words(places: Sequence[int] | NDArray[np.int64]) -> str:
    """Name rows as a spreadsheet numbers them, the header being row 1."""
    shown = [str(place + 2) for place in list(places)[:3]]
    more = ", …" if len(places) > 3 else ""
    return f"row {shown[0]}" if len(places) == 1 else f"{len(places)} rows ({', '.join(shown)}{more})"


def _plain(cell: str) -> str:
    text = re.sub("[_\u2013\u2014\u2212]", "-", visible(cell).casefold())
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def _event(values: list[str], name: str, positive: str | None) -> str:
    if positive is not None:
        event = _plain(positive)
        if event not in values:
            raise OutcomeNotBinary(f"The column {name!r} never says {positive!r}; it says {' and '.join(values)}.")
        return event
    for pair in _PAIRS:
        if set(values) <= set(pair):
            return pair[1]
    if len(values) < 2:
        return ""
    raise OutcomeNotBinary(f"Of the column {name!r}, say which value is the event: {' or '.join(values)}.")
