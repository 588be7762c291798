"""The baseline table of a cohort: who the patients are, by centre or by response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from django.utils.translation import gettext as _

from cohorts.core.baseline import BaselineRow, counted, measured
from cohorts.selectors.summary import NO_OUTCOME

_ALL = "\0all"  # no centre has this name
RESPONSES = ("MPR", "No MPR", NO_OUTCOME)
_NUMBERS = ("age_years", "pdl1_percent", "cycles", "viable_percent")
_CHOICES = ("sex", "smoking", "histology", "stage", "stage_edition", "location")


@dataclass(frozen=True)
class BaselineTable:
    """Columns of groups with their sizes, and the lines of the table."""

    by: str
    groups: tuple[tuple[str, int], ...]
    rows: tuple[BaselineRow, ...]


def baseline(rows: Sequence[dict[str, Any]], *, by: str) -> BaselineTable:
    """Describe the patients by ``centre`` or by ``response``, and all together in the last column."""
    frame = pd.DataFrame({name: [row[name] for row in rows] for name in {by, *_NUMBERS, *_CHOICES}})
    known = RESPONSES if by == "response" else sorted(set(frame[by]))
    order = [name for name in known if (frame[by] == name).any()]
    # Categories are compared as numbers, which at thousands of patients is most of the work.
    frame = frame.astype(dict.fromkeys(_NUMBERS, float) | dict.fromkeys(_CHOICES, "category"))
    twice = pd.concat([frame, frame], ignore_index=True)
    group = pd.Series([*frame[by], *([_ALL] * len(frame))], dtype="category")
    lines = [row for part in _parts(twice, group, [*order, _ALL]) for row in part]
    words = {"MPR": _("MPR"), "No MPR": _("No MPR"), NO_OUTCOME: _("No outcome yet")} if by == "response" else {}
    sizes = tuple((words.get(name, name), int((frame[by] == name).sum())) for name in order)
    return BaselineTable(by, (*sizes, (_("All"), len(frame))), tuple(_without_all(row) for row in lines))


def _parts(frame: pd.DataFrame, group: pd.Series[str], order: list[str]) -> list[list[BaselineRow]]:
    missing, unknown = _("Missing"), _("Not stated")

    def numbers(label: str, column: str) -> list[BaselineRow]:
        return measured(label, frame[column], group, order, missing=missing)

    def choice(label: str, column: str, *, missing: str = missing) -> list[BaselineRow]:
        levels = {value: value for value in frame[column].cat.categories if value != unknown}
        return counted(label, frame[column], group, order, levels, missing=missing)

    return [
        numbers(_("Age (years)"), "age_years"),
        choice(_("Sex"), "sex"),
        choice(_("Smoking"), "smoking"),
        choice(_("Histology before treatment"), "histology"),
        choice(_("Clinical stage"), "stage"),
        choice(_("TNM edition of the clinical stage"), "stage_edition", missing=unknown),
        numbers(_("PD-L1 (%)"), "pdl1_percent"),
        choice(_("Location"), "location"),
        numbers(_("Cycles of treatment"), "cycles"),
        numbers(_("Viable tumour (%)"), "viable_percent"),
    ]


def _without_all(row: BaselineRow) -> BaselineRow:
    """Leave out the difference from all patients, which holds everybody twice."""
    return BaselineRow(row.label, row.cells, row.differences[:-1])
