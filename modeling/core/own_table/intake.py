"""From a table that somebody brought to what can be modelled: who is in, which columns are features, and why not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cohorts.core.cells import likeness, spelling
from modeling.core.errors import InvalidChoice, InvalidColumns, InvalidValues, OneClassOnly, RepeatedId
from modeling.core.own_table.choices import Choices, require_choices
from modeling.core.own_table.columns import Column, inspect, looks_like_an_id, odd_cells, sentinels_of
from modeling.core.own_table.file import RawTable
from modeling.core.own_table.leaks import doubts, require_none_tells
from modeling.core.own_table.outcomes import coded, rows_in_words, times
from modeling.core.own_table.own_views import feature_name, views_of
from modeling.core.table import FeatureTable

Floats = NDArray[np.float64]

#: The one centre of a table that names none.
NO_CENTRE = "all"
#: Refused columns that one sentence names.
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Intake:
    """Patients and features of a table that was brought.

    Parameters
    ----------
    X : DataFrame of shape (n_patients, n_features)
        Indexed by id; columns are named ``own|NAME``.
    y : Series of shape (n_patients,)
        1 for the event, 0 otherwise.
    time : Series of shape (n_patients,) or None
        Of a survival outcome.
    centre, split : Series of shape (n_patients,)
        ``training`` or ``external``.
    own_views : dict
        As a recipe holds them.
    refused : tuple of dict
        ``column`` and ``reason`` of each column that is no feature.
    excluded : tuple of dict
        ``id`` and ``reason`` of each row that is no patient.
    warnings : tuple of str
    """

    X: pd.DataFrame
    y: pd.Series[int]
    time: pd.Series[float] | None
    centre: pd.Series[str]
    split: pd.Series[str]
    own_views: dict[str, dict[str, list[str]]]
    refused: tuple[dict[str, str], ...] = ()
    excluded: tuple[dict[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    def table(self) -> FeatureTable:
        """Give the table that is modelled."""
        return FeatureTable(self.X, self.y, self.centre, self.split)


def take_in(raw: RawTable, choices: Choices) -> Intake:
    """Check a table against what was chosen for it.

    Parameters
    ----------
    raw : RawTable
    choices : Choices

    Returns
    -------
    Intake

    Raises
    ------
    UnknownColumn, InvalidChoice
        If a choice names what is not there, or choices contradict each other.
    RepeatedId
        If an id stands in several rows.
    OutcomeNotBinary, OneClassOnly, InvalidValues
        If outcome, event or time is not what it must be, or a feature holds infinite values.
    OutcomeAmongFeatures, InvalidViews
        If the views list what is no feature.
    LeakedOutcome
        If a feature tells the outcome.
    """
    require_choices(choices, list(raw.columns))
    _require_read(raw, choices)
    y = coded(raw.texts(choices.label), name=choices.label, positive=choices.positive, both=not choices.is_survival)
    time = _times(raw, choices.time) if choices.time else None
    ids, reasons = _rows(raw, choices, y, time)
    kept = np.flatnonzero([not reason for reason in reasons])
    _require_single(ids, kept, choices.id)
    columns = inspect(raw, names=[name for name in raw.columns if name not in {*choices.roles, *choices.exclude}])
    refused = {column.name: column.reason for column in columns if column.reason}
    admitted = [column.name for column in columns if not column.reason]
    gone = refused | dict.fromkeys(choices.exclude, "was left out")
    own_views = views_of(choices.views, admitted=admitted, refused=gone, roles=choices.roles)
    if not admitted:
        raise InvalidColumns(
            f"No column of the table may be a feature; each is refused or has a role.{_each(refused)}"
        )
    _require_distinct_names(admitted)
    values = _values(raw, admitted)[kept]
    _require_both(y[kept], choices)
    require_none_tells(values, admitted, y[kept], None if time is None else time[kept])
    index = pd.Index([ids[place] for place in kept], name="code")
    centre, of_centres = _centres(raw, choices, kept)
    return Intake(
        X=pd.DataFrame(values, index=index, columns=[feature_name(name) for name in admitted]),
        y=pd.Series(y[kept], index=index, name="y").astype(np.int64),
        time=None if time is None else pd.Series(time[kept], index=index, name="time"),
        centre=pd.Series(centre, index=index, name="centre"),
        split=pd.Series(_splits(centre, choices), index=index, name="split"),
        own_views=own_views,
        refused=tuple({"column": name, "reason": reason} for name, reason in refused.items()),
        excluded=tuple({"id": ids[row], "reason": reason} for row, reason in enumerate(reasons) if reason),
        warnings=(
            *raw.notes,
            *_warnings(raw, columns, choices),
            *of_centres,
            *_sentinels(raw, [*admitted, *filter(None, [choices.time])]),
            *doubts(values, admitted, y[kept]),
        ),
    )


def _require_read(raw: RawTable, choices: Choices) -> None:
    for name, role in choices.roles.items():
        if name in raw.unread:
            raise InvalidChoice(f"The column {name!r} cannot be the {role}: it {raw.unread[name]}.")


def _times(raw: RawTable, name: str) -> Floats:
    numbers = raw.numbers(name)
    odd = odd_cells(raw, name) if numbers is None else []
    return times(numbers, name=name, odd=odd[0] if odd else None)


def _each(refused: dict[str, str]) -> str:
    said = "; ".join(f"{name!r} {reason}" for name, reason in list(refused.items())[:_SHOWN])
    more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
    return f" {said}{more}." if said else ""


def _require_distinct_names(admitted: Sequence[str]) -> None:
    """Refuse columns that would be modelled under one name."""
    first: dict[str, str] = {}
    for name in admitted:
        other = first.setdefault(feature_name(name), name)
        if other != name:
            raise InvalidColumns(f"The columns {other!r} and {name!r} would have one name, since | is read as /.")


def _sentinels(raw: RawTable, names: Sequence[str]) -> list[str]:
    found = []
    for name in names:
        numbers = raw.numbers(name)
        for value, count in sentinels_of(numbers) if numbers is not None else ():
            rows = rows_in_words(np.flatnonzero(numbers == value))
            found.append(
                f"The column {name!r} holds {value:g} in {rows}, far from its other values: if it stands for "
                "“not known”, empty the cell" + ("s." if count > 1 else ".")
            )
    return found


def _rows(raw: RawTable, choices: Choices, y: Floats, time: Floats | None) -> tuple[list[str], list[str]]:
    """Give the id of each row, and why it is no patient (empty if it is one)."""
    numbers = [str(row + 2) for row in range(raw.n_rows)]
    given = raw.texts(choices.id) if choices.id else [str(row + 1) for row in range(raw.n_rows)]
    centres = raw.texts(choices.centre) if choices.centre else [NO_CENTRE] * raw.n_rows
    reasons = []
    for row in range(raw.n_rows):
        absent = {
            "id": given[row] is None,
            "event" if choices.is_survival else "outcome": bool(np.isnan(y[row])),
            "time": time is not None and bool(np.isnan(time[row])),
            "centre": centres[row] is None,
        }
        reasons.append(", ".join(f"no {role}" for role, is_absent in absent.items() if is_absent))
    return [code if code is not None else f"row {numbers[row]}" for row, code in enumerate(given)], reasons


def _require_single(ids: Sequence[str], kept: NDArray[np.int64], name: str | None) -> None:
    counts = Counter(ids[row] for row in kept)
    _require_unlike(counts, name)
    repeated = [code for code, count in counts.items() if count > 1]
    if repeated:
        places = [row for row in kept if ids[row] == repeated[0]]
        others = f"; {len(repeated) - 1} other ids repeat, too" if len(repeated) > 1 else ""
        raise RepeatedId(
            f"The {name} {repeated[0]!r} stands in {rows_in_words(places)}{others}. A table has one row per patient."
        )


def _require_unlike(codes: Iterable[str], name: str | None) -> None:
    """Refuse ids that are one to a person: P-1 beside p-1, P-01 or P -1."""
    first: dict[str, str] = {}
    for code in codes if name else ():
        near = first.setdefault(likeness(code), code)
        if near != code:
            raise RepeatedId(
                f"The {name} {code!r} differs from {near!r} only by case, blanks, zeros or invisible characters. "
                "If they are one patient, keep one row; else give them codes that differ by more."
            )


def _values(raw: RawTable, names: Sequence[str]) -> Floats:
    found = [raw.numbers(name) for name in names]
    values = np.column_stack([column for column in found if column is not None])
    infinite = np.isinf(values)
    if infinite.any():
        column = int(np.flatnonzero(infinite.any(axis=0))[0])
        rows = rows_in_words(np.flatnonzero(infinite[:, column]))
        more = int(infinite.any(axis=0).sum()) - 1
        others = f", and so do {more} other columns" if more else ""
        raise InvalidValues(f"The column {names[column]!r} holds infinite values in {rows}{others}.")
    return values


def _require_both(y: Floats, choices: Choices) -> None:
    if not (y == 1).any() or not (choices.is_survival or (y == 0).any()):
        raise OneClassOnly("The rows that are left have one outcome only; both are needed.")


def _centres(raw: RawTable, choices: Choices, kept: NDArray[np.int64]) -> tuple[list[str], list[str]]:
    """Return the centre of each row, spelled as most rows do, and a sentence for each that was spelled differently."""
    if not choices.centre:
        return [NO_CENTRE] * len(kept), []
    cells = raw.texts(choices.centre)
    given = Counter(str(cells[row]) for row in kept)
    spelled: dict[str, list[str]] = {}
    for name in sorted(given, key=lambda one: (-given[one], one)):
        spelled.setdefault(spelling(name), []).append(name)
    _require_unlike_centres([names[0] for names in spelled.values()], choices.centre)
    said = [
        f"The centre {names[0]!r} is also written {', '.join(map(repr, names[1:]))}; all were taken as one."
        for names in spelled.values()
        if len(names) > 1
    ]
    return [spelled[spelling(str(cells[row]))][0] for row in kept], said


def _require_unlike_centres(names: Sequence[str], column: str) -> None:
    """Ask about centres that may be one: by signs between words, blanks within them, or leading zeros."""
    first: dict[str, str] = {}
    for name in names:
        near = first.setdefault(likeness(re.sub(r"[\W_]+", "", name)) or name, name)
        if near != name:
            raise InvalidColumns(
                f"The column {column!r} names {near!r} and {name!r}: are they one hospital? Write both alike if so, "
                "else give them names that differ by more."
            )


def _splits(centre: Sequence[str], choices: Choices) -> list[str]:
    counts = Counter(centre)
    spelled = {spelling(name): name for name in counts}
    wanted = {spelled.get(spelling(name), "") for name in choices.train_on}
    if unknown := [name for name in choices.train_on if spelling(name) not in spelled]:
        raise InvalidChoice(
            f"There is no patient of the centre {unknown[0]!r}; there are {', '.join(sorted(counts))}."
        )
    training = wanted or {min(counts, key=lambda name: (-counts[name], name))}
    return ["training" if name in training else "external" for name in centre]


def _warnings(raw: RawTable, columns: Sequence[Column], choices: Choices) -> list[str]:
    used = {*choices.roles, *(one.name for one in columns if not one.reason)}
    return [
        *(f"The column {name!r} holds durations; they were read as days." for name in raw.days if name in used),
        *_doubts_about_ids(raw, columns, choices),
    ]


def _doubts_about_ids(raw: RawTable, columns: Sequence[Column], choices: Choices) -> list[str]:
    if choices.id:
        return []
    suspects = [one.name for one in columns if looks_like_an_id(one.name) and 1 < one.distinct < raw.n_rows]
    return [
        "No id was chosen, so every row counts as a patient of its own.",
        *(f"The column {name!r} looks like an id and repeats: is there one row per patient?" for name in suspects),
    ]
