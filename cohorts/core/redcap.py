"""REDCap exports: what a project's data dictionary says of its columns, and one row a patient out of events.

The dictionary is the CSV that REDCap offers under *Data Dictionary*, or the metadata of its API; the records are an
export as raw values or as labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cohorts.core.cells import known_text
from cohorts.core.errors import Reason, UnreadableTable, gettext_noop
from cohorts.core.tables import Row, Table

#: Columns that REDCap adds to the fields of a project, as raw values and as labels.
EVENT_COLUMNS = frozenset(
    {
        "redcap_event_name",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        "redcap_survey_identifier",
        "Event Name",
        "Repeat Instrument",
        "Repeat Instance",
        "Survey Identifier",
    }
)
GROUP_COLUMNS = frozenset({"redcap_data_access_group", "Data Access Group"})
#: Header of the dictionary: as downloaded, as the API names it, and our word.
_HEADER = (
    ("Variable / Field Name", "field_name", "name"),
    ("Field Type", "field_type", "kind"),
    ("Field Label", "field_label", "label"),
    ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations", "choices"),
)
_LISTED = {"radio", "dropdown", "checkbox"}
_FIXED = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
_CHECKBOX = re.compile(r"(.+?)___(\w+)")
_LABELLED_CHECKBOX = re.compile(r"(.+?)\s*\(choice=(.*)\)", re.DOTALL)
_TICKED = {"1", "checked", "yes", "true"}
_NOT_TICKED = {"", "0", "unchecked", "no", "false"}
_UNREAD = gettext_noop(
    "The columns {columns} are boxes of a REDCap checkbox without names for their choices and are not read. "
    "Add the project's data dictionary."
)
_MARKUP = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class ProjectField:
    """One variable of a REDCap project; ``choices`` maps raw values to labels."""

    name: str
    label: str
    kind: str
    choices: Mapping[str, str]


@dataclass(frozen=True)
class Project:
    """The variables of a project. The first one is the record's number."""

    fields: tuple[ProjectField, ...]

    def of_column(self, column: str) -> ProjectField | None:
        """Give the variable behind a column of an export, be it headed by name or by label."""
        checkbox = _CHECKBOX.fullmatch(column)
        names = {column, checkbox.group(1) if checkbox else column}
        named = [field for field in self.fields if field.name in names]
        labelled = [field for field in self.fields if field.label and field.label == column]
        return named[0] if named else labelled[0] if len(labelled) == 1 else None

    def value_of(self, column: str, text: str) -> str:
        """Return the label that stands for a raw value, empty where it says "not known"; other text stays as it is."""
        field = self.of_column(column)
        if field is None or _CHECKBOX.fullmatch(column):
            return text
        return known_text(field.choices.get(text, text))


def read_dictionary(table: Table) -> Project:
    """Read a project's data dictionary.

    Raises
    ------
    UnreadableTable
        If the table is none.
    """
    columns = {ours: name for *names, ours in _HEADER for name in names if name in table.columns}
    if missing := [names[0] for *names, ours in _HEADER if ours not in columns]:
        raise UnreadableTable(f"This is no REDCap data dictionary: it lacks the column {', '.join(missing)}.")
    found = [_field({ours: row.cells[name] for ours, name in columns.items()}) for row in table.rows]
    if not found:
        raise UnreadableTable("The data dictionary names no variable.")
    return Project(tuple(found))


def _field(cells: Mapping[str, str]) -> ProjectField:
    kind = cells["kind"].lower()
    choices = _FIXED.get(kind) or (_choices(cells["choices"]) if kind in _LISTED else {})
    return ProjectField(cells["name"], _MARKUP.sub("", cells["label"]).strip(), kind, choices)


def _choices(text: str) -> dict[str, str]:
    pairs = (choice.partition(",") for choice in re.split(r"\||\n", text) if choice.strip())
    return {raw.strip(): _MARKUP.sub("", label).strip() or raw.strip() for raw, _, label in pairs}


def has_labelled_boxes(columns: Iterable[str]) -> bool:
    """Return whether a column is headed as REDCap heads a box of a checkbox in an export of labels."""
    return any(_LABELLED_CHECKBOX.fullmatch(column) for column in columns)


def join_checkboxes(table: Table, project: Project) -> Table:
    """Return a table in which the boxes of each checkbox are one column of the labels that are ticked.

    Boxes are recognised by the project's dictionary (``drugs___1``, ``drugs____1`` for the code -1) or by their own
    headings (``Drugs (choice=Carboplatin)``). Boxes of which neither names the choice are left out, with a note.

    Parameters
    ----------
    table : Table
        An export.
    project : Project
        Without fields where there is no dictionary.

    Returns
    -------
    Table
    """
    boxes = {column: box for column in table.columns if (box := _box(column, table, project))}
    unread = [column for column, (_name, label) in boxes.items() if label is None]
    columns = dict.fromkeys(boxes[column][0] if column in boxes else column for column in table.columns)
    for column in unread:
        columns.pop(boxes[column][0], None)
    note = (Reason(_UNREAD, {"columns": ", ".join(unread)}),) if unread else ()
    rows = tuple(_ticked(row, boxes) for row in table.rows)
    return Table(tuple(columns), rows, (*table.notes, *note))


def _box(column: str, table: Table, project: Project) -> tuple[str, str | None] | None:
    """Return the column that a box belongs to and the label of its choice, None where nobody names it."""
    for field in project.fields:
        if field.kind == "checkbox" and column.startswith(f"{field.name}___"):
            code = column.removeprefix(f"{field.name}___")
            return field.name, {_as_exported(raw): label for raw, label in field.choices.items()}.get(code)
    if labelled := _LABELLED_CHECKBOX.fullmatch(column):
        name, label = labelled.groups()
        named = [field.name for field in project.fields if field.kind == "checkbox" and field.label == name.strip()]
        return (named[0] if len(named) == 1 else name.strip()), label.strip()
    if _CHECKBOX.fullmatch(column) and _only_ticks(column, table):
        return column, None
    return None


def _as_exported(code: str) -> str:
    """Return a choice's code as it stands in the heading of its box: lower case, signs as underscores."""
    return re.sub(r"[^a-z0-9_]", "_", code.casefold())


def _only_ticks(column: str, table: Table) -> bool:
    return all(row.cells[column].casefold() in _TICKED | _NOT_TICKED for row in table.rows)


def _ticked(row: Row, boxes: Mapping[str, tuple[str, str | None]]) -> Row:
    cells = {column: text for column, text in row.cells.items() if column not in boxes}
    refused = {boxes[column][0] if column in boxes else column: why for column, why in row.refused.items()}
    labels: dict[str, list[str]] = {}
    for column, (name, label) in boxes.items():
        if label is None:
            continue
        of_field = labels.setdefault(name, [])
        text = row.cells[column]
        if text.casefold() not in _NOT_TICKED:  # an export of labels has the label, or "Checked"
            of_field.append(label)
    cells |= {name: ", ".join(found) for name, found in labels.items()}
    return Row(row.number, cells, row.surplus, refused)


@dataclass(frozen=True)
class Conflict:
    """A patient whose events or repeats say different things in one column."""

    row: int
    column: str
    values: tuple[str, ...]


def one_row_each(
    rows: Iterable[Row], *, key: str, columns: Sequence[str]
) -> tuple[tuple[Row, ...], tuple[Conflict, ...]]:
    """Join the rows of each record: its events and repeated instruments fill each other's empty cells.

    Parameters
    ----------
    rows : iterable of Row
        The export.
    key : str
        Column of the record's number.
    columns : sequence of str
        Columns that are read; what the others say is of no concern.

    Returns
    -------
    tuple of Row
        One a record, with the number of its first line; without the records in conflict.
    tuple of Conflict
        Where two lines of a record say different things.
    """
    lines: dict[str, list[Row]] = {}
    for row in rows:
        lines.setdefault(row.cells[key], []).append(row)
    joined, conflicts = [], []
    for group in lines.values():
        said = {column: tuple(dict.fromkeys(filter(None, (r.cells[column] for r in group)))) for column in columns}
        found = [Conflict(group[0].number, column, values) for column, values in said.items() if len(values) > 1]
        conflicts += found
        if not found:
            cells = {column: values[0] if values else "" for column, values in said.items()}
            refused = {column: why for row in group for column, why in row.refused.items()}
            joined.append(Row(group[0].number, cells, max(row.surplus for row in group), refused))
    return tuple(joined), tuple(conflicts)
