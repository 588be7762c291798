"""What can be wrong with clinical data and outcomes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


def gettext_noop(sentence: str) -> str:
    """Mark a sentence for the translators and give it back as it is.

    Parameters
    ----------
    sentence : str
        English, perhaps with names in braces.

    Returns
    -------
    str
        The same sentence.
    """
    return sentence


@dataclass(frozen=True)
class Reason:
    """One sentence in parts, so that the shell can say it in another language.

    Parameters
    ----------
    template : str
        English, with names in braces.
    values : mapping of str to str
        Name → what stands for it.
    """

    template: str
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def message(self) -> str:
        """The sentence in English."""
        return self.template.format(**self.values)


@dataclass(frozen=True)
class Finding:
    """One broken rule, at one field.

    Parameters
    ----------
    rule : str
        The rule's number in the methods page, such as ``E2`` or ``W3``.
    field : str
        The field where the person can mend it.
    template : str
        One sentence: what is wrong and what would be right; English, with names in braces.
    values : mapping of str to str
        Name → what stands for it.
    """

    rule: str
    field: str
    template: str
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def message(self) -> str:
        """The sentence in English."""
        return self.template.format(**self.values)

    @property
    def is_error(self) -> bool:
        """Tell an error, which refuses the record, from a warning, which only shows."""
        return self.rule.startswith("E")


class CohortError(Exception):
    """Base of everything that `cohorts.core` raises on purpose."""

    code = "cohort"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ContradictoryOutcome(CohortError):
    """A pathology reading breaks at least one error rule."""

    code = "contradictory_outcome"

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(" ".join(f.message for f in findings))
        self.findings = tuple(findings)


class UnreadableStations(CohortError):
    """A text of nodes by station cannot be read."""

    code = "unreadable_stations"

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


class UnreadableTable(CohortError):
    """A table of outcomes cannot be read."""

    code = "unreadable_table"
