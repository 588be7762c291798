"""The spectrum of patients: who was left out of a table, and how many of them had the response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modeling.core.performance.classification import wilson

#: Kinds of patients, in the order in which they are shown. The first is who was modelled.
MODELLED = "modelled"
COMPLETE_RESPONSE = "complete_response"
POST_NOT_EVALUABLE = "post_not_evaluable"
PRE_NOT_EVALUABLE = "pre_not_evaluable"
NOT_OPERATED = "not_operated"
NO_PATHOLOGY = "no_pathology"
NOT_SETTLED = "not_settled"
NO_FEATURES = "no_features"
OTHER = "other"
KINDS = (
    MODELLED,
    COMPLETE_RESPONSE,
    POST_NOT_EVALUABLE,
    PRE_NOT_EVALUABLE,
    NO_FEATURES,
    NOT_OPERATED,
    NO_PATHOLOGY,
    NOT_SETTLED,
    OTHER,
)


@dataclass(frozen=True)
class SpectrumRow:
    """Patients of one kind: how many, of how many the response is known, and how many had MPR.

    `low` and `high` are the Wilson 95 % interval of `events` / `known`; None where the response of nobody is known.
    """

    kind: str
    n: int
    known: int
    events: int
    rate: float | None
    low: float | None
    high: float | None


def spectrum(responses: Mapping[str, Sequence[bool | None]]) -> list[SpectrumRow]:
    """Return a row for each kind of patients that there are.

    Parameters
    ----------
    responses : mapping of str to sequence of (bool or None)
        Kind of `KINDS` → whether each of its patients had MPR, None where it is not known.
    """
    return [_row(kind, responses[kind]) for kind in KINDS if responses.get(kind)]


def _row(kind: str, responses: Sequence[bool | None]) -> SpectrumRow:
    known = [one for one in responses if one is not None]
    events = sum(known)
    low, high = wilson(events, len(known)) or (None, None)
    return SpectrumRow(kind, len(responses), len(known), events, events / len(known) if known else None, low, high)
