"""What can be wrong with clinical data and outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One broken rule, at one field.

    Parameters
    ----------
    rule : str
        The rule's number in the methods page, such as ``E2`` or ``W3``.
    field : str
        The field where the person can mend it.
    message : str
        One sentence: what is wrong and what would be right.
    """

    rule: str
    field: str
    message: str

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


class UnreadableTable(CohortError):
    """A table of outcomes cannot be read."""

    code = "unreadable_table"
