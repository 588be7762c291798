"""The one place that turns records into statements: each with the row that it rests on, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from modeling.services.reports.records import Records


@dataclass(frozen=True)
class Evidence:
    """A statement and the rows that show it; open where all that they show is that it is not stated."""

    statement: str
    source: str
    is_open: bool = False


#: Looks for something in the records of a run; None where no row shows it.
Topic = Callable[[Records], Evidence | None]


def gathered(records: Records, topics: Iterable[Topic]) -> Evidence | None:
    """Give what several topics say together; None if none of them is shown by a row."""
    found = [evidence for topic in topics if (evidence := topic(records))]
    if not found:
        return None
    sources = dict.fromkeys(part for one in found for part in one.source.split("; "))
    is_open = all(one.is_open for one in found)
    return Evidence(" ".join(one.statement for one in found), "; ".join(sources), is_open)
