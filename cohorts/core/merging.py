"""Merging by hand what two people made of one record: field by field, from where both began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Conflict:
    """One field whose two versions differ.

    Parameters
    ----------
    field : str
        Name of the field.
    base : object
        What both saw when they began.
    theirs : object
        What is stored now.
    yours : object
        What the second person wants to store.
    """

    field: str
    base: object
    theirs: object
    yours: object

    @property
    def suggestion(self) -> str:
        """The side that alone changed the field: ``yours`` or ``theirs``; empty where both did."""
        if self.theirs == self.base:
            return "yours"
        return "theirs" if self.yours == self.base else ""


def conflicts(
    base: Mapping[str, object], theirs: Mapping[str, object], yours: Mapping[str, object], *, fields: Sequence[str]
) -> tuple[Conflict, ...]:
    """Give the fields on which two versions of a record differ.

    Parameters
    ----------
    base, theirs, yours : mapping of str to object
        Field → value.
    fields : sequence of str
        Which fields to compare, in this order.

    Returns
    -------
    tuple of Conflict
        Empty if both want the same.
    """
    return tuple(
        Conflict(name, base.get(name), theirs.get(name), yours.get(name))
        for name in fields
        if theirs.get(name) != yours.get(name)
    )
