"""Shape of a table that a person brings, and of what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cohorts.core.tables import MAX_BYTES, Table
from cohorts.forms.fields import BootstrapMixin
from cohorts.services.table_import.values import label_of

_EXAMPLES = 3


class TableFileForm(BootstrapMixin, forms.Form):
    """A table of clinical data or outcomes, and a REDCap project's dictionary."""

    file = forms.FileField(
        label=gettext_lazy("table"),
        help_text=gettext_lazy("CSV, Excel (.xlsx) or a REDCap export, with a header line."),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,text/csv"}),
    )
    sheet = forms.CharField(
        label=gettext_lazy("sheet of the workbook"),
        max_length=31,
        required=False,
        help_text=gettext_lazy("Of an Excel file with several sheets. Empty: the first."),
    )
    dictionary = forms.FileField(
        label=gettext_lazy("REDCap data dictionary"),
        required=False,
        help_text=gettext_lazy("The CSV of the project. It tells what columns and codes mean."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def clean_file(self) -> bytes:
        """Give the table's bytes."""
        return self._bytes("file")

    def clean_dictionary(self) -> bytes | None:
        """Give the dictionary's bytes; None without one."""
        return self._bytes("dictionary") if self.cleaned_data["dictionary"] else None

    def _bytes(self, name: str) -> bytes:
        file = self.cleaned_data[name]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(_("The file is larger than %(limit)s MB.") % {"limit": MAX_BYTES // 1024**2})
        content: bytes = file.read()
        return content


@dataclass(frozen=True)
class Column:
    """One column of a table on the page: its control, what it holds, and what its project calls it."""

    name: str
    control: forms.BoundField
    examples: Sequence[str]
    label: str


class ColumnsForm(BootstrapMixin, forms.Form):
    """Which column of a table is which field."""

    def __init__(
        self, *args: Any, table: Table, fields: Sequence[str], mapping: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.table = table
        choices = [("", _("Not read")), *((field, _option(field)) for field in fields)]
        for place, name in enumerate(table.columns):
            self.fields[f"column-{place}"] = forms.ChoiceField(
                label=name,
                required=False,
                initial=mapping.get(name, ""),
                choices=choices,
                widget=forms.Select(attrs={"class": "form-select"}),
            )

    def columns(self, labels: Mapping[str, str]) -> list[Column]:
        """Give the columns in the order of the table."""
        return [
            Column(name, self[f"column-{place}"], self._examples(name), labels.get(name, ""))
            for place, name in enumerate(self.table.columns)
        ]

    def _examples(self, column: str) -> list[str]:
        found = dict.fromkeys(text for row in self.table.rows[:200] if (text := row.cells[column]))
        return list(found)[:_EXAMPLES]

    def clean(self) -> dict[str, Any]:
        """Refuse a field that two columns would fill, and a table without patients."""
        chosen = [field for field in self.cleaned_data.values() if field]
        for name, field in list(self.cleaned_data.items()):
            if field and chosen.count(field) > 1:
                sentence = _("Two columns are read as “%(field)s”. Keep one.") % {"field": label_of(field)}
                self.add_error(name, sentence)
        if "patient" not in chosen:
            raise forms.ValidationError(_("Say which column holds the patient's code."))
        return self.cleaned_data

    def mapping(self) -> dict[str, str]:
        """Give column → field."""
        return {name: self.cleaned_data[f"column-{place}"] for place, name in enumerate(self.table.columns)}


def _option(field: str) -> str:
    label = label_of(field)
    shown = label if label.split()[0] != label.split()[0].lower() else label[:1].upper() + label[1:]
    return f"{shown} · {field}"
