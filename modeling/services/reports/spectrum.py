"""Whom the models say nothing of: patients left out, their response, and how leaving them out bends the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modeling.core.reporting.documents import Block, DataTable, Note, Section
from modeling.core.study import spectrum
from modeling.services.reports.numbers import counted, interval, percent
from modeling.services.reports.records import Records, cite_run
from modeling.wording import kind_of_patients_in_words

Row = Mapping[str, Any]

#: Patients whose tumour could not be outlined after treatment.
_GONE = (spectrum.COMPLETE_RESPONSE, spectrum.POST_NOT_EVALUABLE)
NOT_KNOWN = "not known"
#: Said of a run that was made before this was counted.
NOT_COUNTED = "The run did not count the responses of patients who were left out."


def rows_of(records: Records) -> list[Row]:
    """Return the rows of the spectrum as the run stored them; empty for a run of an older version."""
    return list(records.findings.get("spectrum") or [])


def blocks(records: Records) -> list[Block]:
    """Write the table of who was left out with their MPR rate, and what that bends; empty if nobody was."""
    rows = rows_of(records)
    if not rows:
        return [Note(NOT_COUNTED)] if records.snapshot.excluded else []
    if len(rows) == 1:
        return []
    cells = tuple((kind_of_patients_in_words(row["kind"]), str(row["n"]), *_rate(row)) for row in rows)
    columns = ("Patients", "n", "Response known", "MPR", "MPR rate (95 % Wilson interval)")
    caption = "Modelled patients and those left out, with their response"
    table = DataTable(columns, cells, caption, cite_run(records, "findings.spectrum"), (1, 2, 3, 4))
    return [table, *(Note(sentence) for sentence in sentences(rows))]


def section(records: Records) -> Section | None:
    """Write the spectrum as a section of its own."""
    found = blocks(records)
    return Section("Patients left out", tuple(found)) if found else None


def _rate(row: Row) -> tuple[str, str, str]:
    if not row["known"]:
        return "0", NOT_KNOWN, NOT_KNOWN
    return str(row["known"]), str(row["events"]), share(row)


def share(row: Row) -> str:
    """Write an MPR rate in percent with its interval."""
    if not row["known"]:
        return NOT_KNOWN
    return f"{interval(100 * row['rate'], 100 * row['low'], 100 * row['high'], 0)} %"


def sentences(rows: Sequence[Row]) -> list[str]:
    """Return what leaving patients out does to the result, each sentence as far as the counts support it."""
    by_kind = {row["kind"]: row for row in rows}
    modelled = by_kind.get(spectrum.MODELLED)
    if modelled is None:
        return []
    gone = [by_kind[kind] for kind in _GONE if kind in by_kind]
    found = [_gone(gone, modelled), _discrimination(gone, modelled)]
    found.append(_not_operated(by_kind.get(spectrum.NOT_OPERATED), modelled))
    found.append(_unread(by_kind.get(spectrum.NO_PATHOLOGY)))
    return [sentence for sentence in found if sentence]


def _sum(rows: Sequence[Row], name: str) -> int:
    return sum(int(row[name]) for row in rows)


def _gone(gone: Sequence[Row], modelled: Row) -> str:
    if not gone:
        return ""
    n, known, events = (_sum(gone, name) for name in ("n", "known", "events"))
    start = (
        f"{counted(n, 'patient')} had no tumour to outline on the CT after treatment, or that CT was not evaluable, and "
        f"{'was' if n == 1 else 'were'} left out"
    )
    if not known:
        return f"{start}; the response of none of them is known."
    together = (events + modelled["events"]) / (known + modelled["known"])
    return (
        f"{start}; {events} of the {known} whose response is known had MPR. With them the MPR rate is {percent(together, 1)}, "
        f"among the modelled patients alone it is {percent(modelled['rate'], 1)}."
    )


def _discrimination(gone: Sequence[Row], modelled: Row) -> str:
    if not gone:
        return ""
    start = (
        "No model can say anything of a patient without an outline after treatment, so every measure here is of patients in "
        "whom tumour is left to see"
    )
    complete = next((row for row in gone if row["kind"] == spectrum.COMPLETE_RESPONSE), None)
    if complete and complete["known"] and complete["low"] > modelled["rate"]:
        return (
            f"{start}. Patients with a complete response on CT had MPR more often ({share(complete)}), and a tumour that is gone "
            "is seen without a model: discrimination among all patients is probably higher than among those modelled, for a "
            "model and for RECIST alike."
        )
    return f"{start}; discrimination among all patients may differ."


def _not_operated(row: Row | None, modelled: Row) -> str:
    if row is None:
        return ""
    n, unknown = row["n"], row["n"] - row["known"]
    start = (
        f"{counted(n, 'patient')} {'was' if n == 1 else 'were'} not operated (no surgery, not resectable, progression or death "
        f"before it), {unknown} of them without a pathological response; the models describe patients who reach surgery"
    )
    if not unknown:
        return f"{start}."
    whole = modelled["events"] / (modelled["known"] + unknown)
    return (
        f"{start}. Counted as without MPR, the {unknown} would change the MPR rate from {percent(modelled['rate'], 1)} to "
        f"{percent(whole, 1)}."
    )


def _unread(row: Row | None) -> str:
    if row is None:
        return ""
    n = row["n"]
    has = "has" if n == 1 else "have"
    return (
        f"{counted(n, 'patient')} with both tumours outlined {has} no pathology entered; their response is not known."
    )
