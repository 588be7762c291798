"""What every form shares: Bootstrap's classes, findings at their fields, dates and centres."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models.fields import BLANK_CHOICE_DASH

from cohorts.core.errors import Finding
from cohorts.models import Centre, Cohort
from cohorts.wording import said

_DASH = "–"
_DJANGO_BLANK = BLANK_CHOICE_DASH[0][1]


def date_input() -> forms.DateInput:
    """Give the control of a day, which a browser shows as its own calendar."""
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class BootstrapMixin:
    """Bootstrap's classes on every control, and findings at their fields."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.CheckboxInput):
                css = "form-check-input"
            elif isinstance(field.widget, forms.Select):
                css = "form-select"
            else:
                css = "form-control"
            field.widget.attrs.setdefault("class", css)
            _shorten_blank(field)

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Show each error of the rules at its field."""
        for finding in findings:
            field = finding.field if finding.field in self.fields else None
            self.add_error(field, f"{said(finding)} ({finding.rule})")  # type: ignore[attr-defined]


def _shorten_blank(field: forms.Field) -> None:
    """Write a choice of nothing as the dash that stands for it everywhere."""
    if isinstance(field, forms.ModelChoiceField):
        field.empty_label = _DASH if field.empty_label == _DJANGO_BLANK else field.empty_label
    elif isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        field.choices = [(value, _DASH if words == _DJANGO_BLANK else words) for value, words in choices]


def centres_for(cohort: Cohort, centre: Centre | None) -> Any:
    """Give the centres that a member may choose: their own, or all."""
    centres = Centre.objects.filter(cohort=cohort)
    return centres.filter(pk=centre.pk) if centre else centres
