"""What a person chose for a table that they brought: the role of each column."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from modeling.core.errors import InvalidChoice, UnknownColumn

ROLES = ("outcome", "time", "event", "id", "centre")


@dataclass(frozen=True)
class Choices:
    """What each column of a table is; names as in its header.

    Parameters
    ----------
    outcome : str, optional
        A column of two values. Otherwise `time` and `event` are needed.
    time, event : str, optional
        Time until the event or the end of observation, and whether it was the event.
    id, centre : str, optional
        Patient and hospital of each row.
    positive : str, optional
        The value of outcome or event that is the event.
    exclude : tuple of str
        Columns that are left out.
    train_on : tuple of str
        Centres that train; by default the one with most patients.
    views : dict, optional
        See `modeling.core.own_table.own_views.views_of`.
    """

    outcome: str | None = None
    time: str | None = None
    event: str | None = None
    id: str | None = None
    centre: str | None = None
    positive: str | None = None
    exclude: tuple[str, ...] = ()
    train_on: tuple[str, ...] = ()
    views: dict[str, Any] | None = None

    @property
    def roles(self) -> dict[str, str]:
        """Give column → role of each column that has one."""
        return {str(getattr(self, role)): role for role in ROLES if getattr(self, role)}

    @property
    def label(self) -> str:
        """Give the column that says who had the event."""
        return self.event or self.outcome or ""

    @property
    def is_survival(self) -> bool:
        """True if the outcome is a time until an event."""
        return bool(self.time)

    def as_dict(self) -> dict[str, Any]:
        """Give a JSON-ready form that `from_dict` reads back."""
        return asdict(self) | {"exclude": list(self.exclude), "train_on": list(self.train_on)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Choices:
        """Read what `as_dict` wrote, also after JSON."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
        return cls(**values)


def require_choices(choices: Choices, columns: Sequence[str]) -> None:
    """Refuse choices that contradict each other or name columns that are not there.

    Raises
    ------
    InvalidChoice, UnknownColumn
    """
    if choices.outcome and (choices.time or choices.event):
        raise InvalidChoice("An outcome and a time were chosen; a table is analysed for one of them.")
    if bool(choices.time) != bool(choices.event):
        missing = "an event" if choices.time else "a time"
        raise InvalidChoice(f"Survival needs a time and an event, and {missing} was not chosen.")
    if not (choices.outcome or choices.time):
        raise InvalidChoice("No outcome was chosen.")
    for name in (*(getattr(choices, role) for role in ROLES), *choices.exclude):
        if name and name not in columns:
            raise UnknownColumn(_unknown(name, columns))
    chosen = Counter(getattr(choices, role) for role in ROLES)
    if twice := [name for name, count in chosen.items() if name and count > 1]:
        raise InvalidChoice(f"The column {twice[0]!r} was chosen for two roles.")
    if clash := [name for name in choices.exclude if name in choices.roles]:
        raise InvalidChoice(f"The column {clash[0]!r} is the {choices.roles[clash[0]]} and cannot be left out.")
    if choices.train_on and not choices.centre:
        raise InvalidChoice("Centres that train were named, but no column of centres.")


def _unknown(name: str, known: Sequence[str]) -> str:
    lower = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), list(lower), n=1, cutoff=0.5)
    some = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
    meant = f"; did you mean {lower[near[0]]!r}?" if near else f"; there are {some}."
    return f"The table has no column {name!r}{meant}"
