"""Shape of an import request."""

from __future__ import annotations

from typing import Any

from django import forms

from cohorts.forms import BootstrapMixin
from cohorts.models import Centre
from imaging.services.placing import ImportOptions


class ManyFilesInput(forms.ClearableFileInput):
    """A file input that takes several files."""

    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several uploaded files."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        """Clean each file."""
        files = data if isinstance(data, list | tuple) and data else [data or None]
        return [super(ManyFilesField, self).clean(file, initial) for file in files]


class ImportForm(BootstrapMixin, forms.Form):
    """Files, and what a person knows about them."""

    files = ManyFilesField(  # type: ignore[assignment]
        help_text="A zip, or all files of a folder: DICOM, NIfTI or NRRD."
    )
    patient = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$",
        required=False,
        help_text="The pseudonym. Empty: found from the files, or made.",
        error_messages={"invalid": "Letters, digits, '-', '_' and '.', at most 32."},
    )
    timepoint = forms.ChoiceField(
        choices=[("auto", "Find out from the dates"), ("pre", "Pre-treatment"), ("post", "Post-treatment")]
    )
    centre = forms.ModelChoiceField(Centre.objects.none(), required=False, empty_label="Not stated")
    roi = forms.CharField(
        max_length=64,
        required=False,
        label="region",
        help_text="Name of the tumour's contour. Empty: found by its name.",
    )

    def __init__(self, *args: Any, centres: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        centre = self.fields["centre"]
        assert isinstance(centre, forms.ModelChoiceField)  # noqa: S101 - narrows the type
        centre.queryset = centres

    def options(self) -> ImportOptions:
        """Give what the service needs to know."""
        values = self.cleaned_data
        centre = values["centre"]
        return ImportOptions(
            patient_code=values["patient"],
            timepoint=values["timepoint"],
            centre_code=centre.code if centre else "",
            roi=values["roi"],
        )


class NotEvaluableForm(forms.Form):
    """Why a timepoint has no tumour to analyse."""

    note = forms.CharField(max_length=200)
