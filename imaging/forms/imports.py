"""Shape of an import request."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from cohorts.forms.fields import BootstrapMixin
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
        help_text=gettext_lazy("A zip, or all files of a folder: DICOM, NIfTI or NRRD.")
    )
    patient = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$",
        required=False,
        help_text=gettext_lazy("The pseudonym. Empty: found from the files, or made."),
        error_messages={"invalid": gettext_lazy("Letters, digits, '-', '_' and '.', at most 32.")},
    )
    timepoint = forms.ChoiceField(
        choices=[
            ("auto", gettext_lazy("Find out from the dates")),
            ("pre", gettext_lazy("Pre-treatment")),
            ("post", gettext_lazy("Post-treatment")),
        ]
    )
    centre = forms.ModelChoiceField(Centre.objects.none(), required=False, empty_label=gettext_lazy("Not stated"))
    roi = forms.CharField(
        max_length=64,
        required=False,
        label=gettext_lazy("region"),
        help_text=gettext_lazy("Name of the tumour's contour. Empty: found by its name."),
    )
    repeated = forms.ChoiceField(
        choices=[
            ("", gettext_lazy("Refuse the series")),
            ("first", gettext_lazy("Keep the first")),
            ("last", gettext_lazy("Keep the last")),
        ],
        required=False,
        label=gettext_lazy("several images at one position"),
        help_text=gettext_lazy("As two phases in one series have."),
    )
    correct_tilt = forms.BooleanField(
        required=False,
        label=gettext_lazy("straighten a tilted gantry"),
        help_text=gettext_lazy("Slices are shifted within their planes until they stand upright on each other."),
    )
    without_localizers = forms.BooleanField(
        required=False,
        label=gettext_lazy("leave out localisers"),
        help_text=gettext_lazy("Scout images that lie within a series."),
    )
    match_by_geometry = forms.BooleanField(
        required=False,
        label=gettext_lazy("match outlines by geometry"),
        help_text=gettext_lazy(
            "Where an anonymiser cut the outlines off from their images: the one series that they fit."
        ),
    )

    same_person = forms.CharField(
        max_length=200,
        required=False,
        label=gettext_lazy("why it is one person"),
        help_text=gettext_lazy(
            "Why files that state different persons (ID, sex, birth date) are of one person. Empty: they are refused."
        ),
    )

    def __init__(self, *args: Any, centres: Any, with_files: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not with_files:  # they came before, in pieces
            del self.fields["files"]
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
            correct_tilt=values["correct_tilt"],
            repeated=values["repeated"],
            without_localizers=values["without_localizers"],
            same_person=values["same_person"],
            match_by_geometry=values["match_by_geometry"],
        )


class NotEvaluableForm(forms.Form):
    """Why a timepoint has no tumour to analyse."""

    note = forms.CharField(max_length=200)
