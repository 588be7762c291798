"""What a checklist asks, and how an item is answered from rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modeling.core.reporting.documents import Checklist, Document, Item, Note, Section
from modeling.services.reports.evidence import Topic, gathered
from modeling.services.reports.records import Records
from modeling.services.reports.study import facts, notices, subtitle


@dataclass(frozen=True)
class Asked:
    """One item: its number, our short wording, and where rows are looked for; a draft waits for the author.

    `otherwise` says what the author must know where no row answers the item.
    """

    number: str
    text: str
    topics: tuple[Topic, ...] = ()
    draft: bool = False
    otherwise: tuple[Topic, ...] = ()


def answered(records: Records, asked: Asked) -> Item:
    """Fill an item, or leave it to the author."""
    found = gathered(records, asked.topics)
    if found is None:
        open_ = gathered(records, asked.otherwise)
        words = (f"Not reported here: {open_.statement}", open_.source) if open_ else ()
        return Item(asked.number, asked.text, "author", *words)
    if asked.draft or found.is_open:
        return Item(asked.number, asked.text, "author", f"To confirm or complete: {found.statement}", found.source)
    return Item(asked.number, asked.text, "filled", found.statement, found.source)


def sheet(records: Records, title: str, origin: str, groups: Mapping[str, Sequence[Asked]]) -> Document:
    """Build the document of a checklist, group by group."""
    lists = {name: tuple(answered(records, asked) for asked in group) for name, group in groups.items()}
    every = [item for items in lists.values() for item in items]
    filled = sum(item.status == "filled" for item in every)
    words = (
        f"{filled} of {len(every)} items are filled from the database, each with the row that it rests on; the others are "
        f"marked “author”. An item is reported once its answer stands in the manuscript. Wording of the items is ours. {origin}"
    )
    first = Section("About this sheet", (*notices(records), Note(words)))
    sections = [Section(name, (Checklist(items),)) for name, items in lists.items()]
    return Document(title, subtitle(records), (first, *sections), facts(records))
