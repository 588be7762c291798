"""Shape of a query, of what is said about it, and of the search for queries."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import PathologyOutcome, Patient, Query
from cohorts.selectors.queries import ALL, FIELD_LABELS, WAITING


def _text(label: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=500, widget=forms.Textarea(attrs={"rows": 2, "maxlength": 500}))


def _fields_of(record: type[Patient] | type[PathologyOutcome]) -> list[tuple[str, str]]:
    names = {field.name for field in record._meta.concrete_fields}
    return [(name, capfirst(str(label))) for name, label in FIELD_LABELS.items() if name in names]


class NewQueryForm(BootstrapMixin, forms.Form):
    """A question about one field."""

    field = forms.ChoiceField(label=_("field"))
    text = _text(_("question"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["field"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - narrows the type
        choice.choices = [
            (_("Clinical data"), _fields_of(Patient)),
            (_("Pathology"), _fields_of(PathologyOutcome)),
        ]


class MessageForm(BootstrapMixin, forms.Form):
    """One sentence of the exchange."""

    text = _text(_("answer"))


class QueryFilterForm(forms.Form):
    """State, centre, field and patient of the list of queries, in the address bar."""

    q = forms.CharField(required=False, max_length=32)
    state = forms.ChoiceField(required=False, choices=[("", ""), (WAITING, ""), (ALL, ""), *Query.State.choices])
    centre = forms.CharField(required=False, max_length=32)
    field = forms.ChoiceField(required=False, choices=[("", ""), *FIELD_LABELS.items()])
