"""The life of a table that a person brings: checked, its columns corrected, then written or discarded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cohorts import audit
from cohorts.access import Action, actions_in
from cohorts.core.column_names import suggest
from cohorts.core.errors import UnreadableTable
from cohorts.core.redcap import (
    EVENT_COLUMNS,
    Project,
    ProjectField,
    has_labelled_boxes,
    join_checkboxes,
    read_dictionary,
)
from cohorts.core.tables import Table, read_table
from cohorts.core.workbook import is_workbook
from cohorts.errors import ServiceError
from cohorts.models import Cohort, TableImport, User
from cohorts.selectors.table_imports import known_in, last_written
from cohorts.services.outcomes import OUTCOME_FIELDS
from cohorts.services.table_import.check import plan_table
from cohorts.services.table_import.plan import Plan
from cohorts.services.table_import.values import COLUMNS, label_of
from cohorts.services.table_import.write import write_plan

#: So many refusals of one table are kept for the person's list of what waits.
_KEPT_REFUSALS = 1000
_QUOTED = re.compile("“[^”]*”")


@dataclass(frozen=True)
class Opened:
    """A stored table, read."""

    table: Table
    project: Project | None

    @cached_property
    def labels(self) -> dict[str, str]:
        """Column → what its REDCap project calls it."""
        found = {column: self._variable(column) for column in self.table.columns}
        return {column: field.label for column, field in found.items() if field}

    def proposal(self, fields: Sequence[str], *, remembered: Mapping[str, str] | None = None) -> dict[str, str]:
        """Propose a field for each column. The first variable of a REDCap project is its record's number."""
        record = self.project.fields[0] if self.project else None
        numbers = {column: "patient" for column in self.labels if record and record is self._variable(column)}
        titles = {field: label_of(field) for field in fields}
        labels = self.labels | numbers
        return suggest(self.table.columns, fields=fields, titles=titles, labels=labels, remembered=remembered)

    def _variable(self, column: str) -> ProjectField | None:
        return self.project.of_column(column) if self.project else None


def open_table(content: bytes, *, dictionary: bytes | None, sheet: str = "") -> Opened:
    """Read a table and, if there is one, its project's data dictionary."""
    project = read_dictionary(read_table(dictionary)) if dictionary else None
    table = read_table(content, sheet=sheet)
    if project or EVENT_COLUMNS & set(table.columns) or has_labelled_boxes(table.columns):
        table = join_checkboxes(table, project or Project(()))
    return Opened(table, project)


def opened(table: TableImport) -> Opened:
    """Read a table that waits.

    Raises
    ------
    ServiceError
        ``table_closed`` once it is written or discarded, for its content is gone.
    """
    if table.state != TableImport.State.CHECKED:
        raise ServiceError("table_closed", _("This table was written or discarded already."))
    return open_table(
        bytes(table.content),
        dictionary=bytes(table.dictionary) if table.dictionary else None,
        sheet=table.counts.get("sheet", ""),
    )


def fields_for(cohort: Cohort, user: User) -> list[str]:
    """Give the fields that a person's table may fill: a reader's only those of readings."""
    if Action.EDIT_PATIENT in actions_in(user, cohort):
        return list(COLUMNS)
    return ["patient", *OUTCOME_FIELDS]


def bring_table(
    cohort: Cohort, *, content: bytes, dictionary: bytes | None = None, sheet: str = "", user: User
) -> TableImport:
    """Keep a table that waits to be written; nothing of it is.

    Raises
    ------
    UnreadableTable
        If it is no table.
    """
    read = open_table(content, dictionary=dictionary, sheet=sheet)
    if not read.table.rows:
        raise UnreadableTable(_("The table has no rows below its header."))
    last = last_written(cohort)
    table = TableImport.objects.create(
        cohort=cohort,
        source=_source(read, content),
        content=content,
        dictionary=dictionary,
        mapping=read.proposal(fields_for(cohort, user), remembered=last.mapping if last else None),
        counts={"sheet": sheet} if sheet else {},
        created_by=user,
    )
    _note(table, user=user)
    return table


def _source(read: Opened, content: bytes) -> TableImport.Source:
    if read.project or EVENT_COLUMNS & set(read.table.columns):
        return TableImport.Source.REDCAP
    return TableImport.Source.XLSX if is_workbook(content) else TableImport.Source.CSV


def map_columns(table: TableImport, mapping: Mapping[str, str], *, user: User) -> None:
    """Say which column is which field; one that is left out is not read."""
    table.mapping = dict(mapping)
    TableImport.objects.filter(pk=table.pk).update(mapping=table.mapping)
    _note(table, user=user)


def plan_of(table: TableImport, *, user: User) -> Plan:
    """Say what a waiting table would do now.

    Raises
    ------
    UnreadableTable
        If a column is missing without which no row can be read.
    """
    read = opened(table)
    joined = read.project or (Project(()) if table.source == TableImport.Source.REDCAP else None)
    return plan_table(known_in(table.cohort, user), read.table, mapping=table.mapping, project=joined)


def _note(table: TableImport, *, user: User) -> None:
    """Keep counts and refusals for the list of what waits; a table whose columns are not clear yet has none."""
    try:
        plan = plan_of(table, user=user)
    except UnreadableTable:
        return
    table.counts = {**table.counts, **plan.counts}
    table.refused = [asdict(cell) for cell in plan.refused[:_KEPT_REFUSALS]]
    TableImport.objects.filter(pk=table.pk).update(counts=table.counts, refused=table.refused)


@transaction.atomic
def write_table(table: TableImport, *, seen: str, user: User) -> int:
    """Write what a person has looked at; ``seen`` is the digest of that plan.

    Raises
    ------
    ServiceError
        ``table_closed`` if it was written meanwhile; ``table_outdated`` if records changed since the look.
    """
    held = TableImport.objects.select_for_update().select_related("cohort").get(pk=table.pk)
    plan = plan_of(held, user=user)
    if plan.digest != seen:
        sentence = _("Records were changed since the table was checked. Nothing was written; look again.")
        raise ServiceError("table_outdated", sentence)
    written = write_plan(plan, actor=user)
    _note_closed(held, plan)
    changes = {name: (None, count) for name, count in plan.counts.items()}
    audit.record("imported", held, actor=user, cohort=held.cohort, changes=changes)
    return written


@transaction.atomic
def discard_table(table: TableImport) -> None:
    """Throw away a table that waits."""
    held = TableImport.objects.select_for_update().get(pk=table.pk)
    if held.state == TableImport.State.CHECKED:
        _close(held, TableImport.State.DISCARDED, counts=held.counts, refused=held.refused)


def _note_closed(table: TableImport, plan: Plan) -> None:
    refused = [asdict(cell) for cell in plan.refused[:_KEPT_REFUSALS]]
    _close(table, TableImport.State.WRITTEN, counts={**table.counts, **plan.counts}, refused=refused)


def _close(
    table: TableImport, state: TableImport.State, *, counts: dict[str, Any], refused: list[dict[str, Any]]
) -> None:
    """End a table: what it held goes, and what a refusal quotes, for either may name a person."""
    told = [{**cell, "reason": _QUOTED.sub("“…”", cell["reason"])} for cell in refused]
    TableImport.objects.filter(pk=table.pk).update(
        state=state, closed_at=timezone.now(), content=b"", dictionary=None, counts=counts, refused=told
    )
