"""Shape of an import request."""

from __future__ import annotations

from typing import Any

from django import forms

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import Centre, Timepoint
from imaging.core.spec import BUILT_IN, FEATURE_CLASSES
from imaging.services.placing import ImportOptions
from imaging.services.protocols import DEFAULT_PROTOCOL


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
    repeated = forms.ChoiceField(
        choices=[("", "Refuse the series"), ("first", "Keep the first"), ("last", "Keep the last")],
        required=False,
        label="several images at one position",
        help_text="As two phases in one series have.",
    )
    correct_tilt = forms.BooleanField(
        required=False,
        label="straighten a tilted gantry",
        help_text="Slices are shifted within their planes until they stand upright on each other.",
    )
    without_localizers = forms.BooleanField(
        required=False, label="leave out localisers", help_text="Scout images that lie within a series."
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
            correct_tilt=values["correct_tilt"],
            repeated=values["repeated"],
            without_localizers=values["without_localizers"],
        )


class NotEvaluableForm(forms.Form):
    """Why a timepoint has no tumour to analyse."""

    note = forms.CharField(max_length=200)


_PROTOCOLS = [(name, name) for name in BUILT_IN]


class StabilityForm(BootstrapMixin, forms.Form):
    """What to measure under perturbation."""

    protocol = forms.ChoiceField(choices=_PROTOCOLS, initial=DEFAULT_PROTOCOL)
    limit = forms.IntegerField(
        min_value=1, required=False, label="scans", help_text="At most so many; empty: all that are not measured."
    )


class StabilityFilter(BootstrapMixin, forms.Form):
    """Which features and scans the page of stability shows; what makes no sense is taken as not chosen."""

    protocol = forms.ChoiceField(choices=_PROTOCOLS, required=False)
    timepoint = forms.ChoiceField(choices=[("", "Both"), *Timepoint.Kind.choices], required=False)
    family = forms.ChoiceField(choices=[("", "All"), *((name, name) for name in FEATURE_CLASSES)], required=False)
    sort = forms.ChoiceField(
        choices=[
            ("", "Protocol"),
            ("feature", "Name"),
            ("icc", "ICC, lowest first"),
            ("lower", "Lower limit, lowest first"),
        ],
        required=False,
        label="order",
    )

    def chosen(self) -> dict[str, str]:
        """Give every choice, the usual one where none was made."""
        self.is_valid()
        chosen = {name: str(self.cleaned_data.get(name) or "") for name in self.fields}
        return chosen | {"protocol": chosen["protocol"] or DEFAULT_PROTOCOL}
