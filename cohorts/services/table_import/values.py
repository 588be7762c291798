"""One cell of a table: which fields there are, and what a text means in each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from django import forms
from django.db.models import Field, Model
from django.utils import formats
from django.utils.translation import gettext as _

from cohorts.core.cells import why_no_number
from cohorts.core.column_names import choice_of
from cohorts.core.errors import Reason, UnreadableStations
from cohorts.core.node_stations import format_stations, parse_stations
from cohorts.models import PathologyOutcome, Patient
from cohorts.services.outcomes import OUTCOME_FIELDS
from cohorts.services.patients import CLINICAL_FIELDS
from cohorts.wording import said

#: Every column that an import reads and an export writes.
COLUMNS: tuple[str, ...] = ("patient", *CLINICAL_FIELDS, *OUTCOME_FIELDS)
#: Column of tables made before version 0.6 → the field that it fills now.
FORMER_COLUMNS: Mapping[str, str] = {"sampling_complete": "sampling"}
#: Without these there is no reading.
REQUIRED_OF_READING = ("viable_percent", "necrosis_percent", "stroma_percent", "ypt", "ypn")
_TRUE = {"1", "true", "yes", "y", "checked", "是"}
_FALSE = {"0", "false", "no", "n", "unchecked", "否"}
_FIELDS: Mapping[str, Field[Any, Any]] = {
    field.name: field
    for model, names in ((Patient, CLINICAL_FIELDS), (PathologyOutcome, OUTCOME_FIELDS))
    for field in model._meta.concrete_fields
    if field.name in names
}
#: Fields that hold a number.
NUMBERS = frozenset(
    name for name, field in _FIELDS.items() if field.get_internal_type().endswith(("IntegerField", "DecimalField"))
)


def label_of(name: str) -> str:
    """Give the words for a column on a page."""
    if name == "patient":
        return str(_("patient"))
    return str(_FIELDS[name].verbose_name)


def nothing_in(name: str) -> Any:
    """Give what an empty cell stands for."""
    field = _FIELDS[name]
    return None if field.null else field.get_default()


@lru_cache(maxsize=20_000)  # tables repeat themselves
def value_of(name: str, text: str) -> Any:
    """Give the value that a text stands for.

    Raises
    ------
    ValidationError
        In words for the person, if it stands for none.
    """
    field = _FIELDS[name]
    kind = field.get_internal_type()
    if kind == "BooleanField":
        return _yes_or_no(text)
    if kind == "DateField":
        return _day(text)
    if kind == "JSONField":
        return _stations(text)
    if name in NUMBERS and (reason := _why_no_number(name, text)):
        raise forms.ValidationError(said(reason))
    form_field = _form_field(name)
    value = form_field.clean(choice_of(name, text, choices=_choices(name)))
    field.run_validators(value)
    return value


def _why_no_number(name: str, text: str) -> Reason | None:
    """Return why a text with digits is not read as one number; other text gets the form's own words."""
    plain = re.fullmatch(r"[+-]?\d*\.?\d+([eE][+-]?\d+)?|\d+\.", text)
    if (
        plain
        or not re.search(r"\d", text)
        or text in _choices(name)
        or choice_of(name, text, choices=_choices(name)) != text
    ):
        return None
    return why_no_number(text)


@cache
def _form_field(name: str) -> forms.Field:
    form_field = _FIELDS[name].formfield()
    assert form_field is not None  # noqa: S101 - every field of a patient and of a reading has a control
    return form_field


def _choices(name: str) -> Mapping[str, str]:
    """Give value → label in the language of the request."""
    return {str(value): str(label) for value, label in _FIELDS[name].choices or () if value != ""}


def _yes_or_no(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise forms.ValidationError(_("“%(text)s” is neither yes nor no.") % {"text": text})


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        sentence = _("“%(text)s” is no date: write year-month-day, as 2026-04-03.") % {"text": text}
        raise forms.ValidationError(sentence) from None


def _stations(text: str) -> Any:
    try:
        return parse_stations(text)
    except UnreadableStations as error:
        raise forms.ValidationError(said(error.reason)) from None


def text_of(record: Model, name: str) -> str:
    """Give a record's value as a cell that `value_of` reads back."""
    value = getattr(record, name)
    if value is None or value == "":
        return ""
    if name == "stations":
        return format_stations(value)
    if name == "centre":
        return str(value.code)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _FIELDS[name].get_internal_type() == "DecimalField":
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def words_of(name: str, value: Any) -> str:
    """Give a value as a person reads it."""
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, date):
        return formats.date_format(value, "j M Y")
    if name == "stations":
        return format_stations(value)
    if isinstance(value, Decimal):
        return formats.number_format(value.normalize(), use_l10n=True)
    return _choices(name).get(str(value), str(value))
