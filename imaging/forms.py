"""Shape of an import request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import Centre, Timepoint
from imaging.core.contouring.region_growing import TOLERANCES
from imaging.core.contouring.smoothing import WIDTHS_MM
from imaging.core.feature_names import FeatureName
from imaging.core.spec import BUILT_IN, FEATURE_CLASSES
from imaging.services.contouring import MOST_BYTES
from imaging.services.feature_maps import PARTS, WHOLE
from imaging.services.feature_table import CHANGE, POST, PRE
from imaging.services.placing import ImportOptions
from imaging.services.protocols import DEFAULT_PROTOCOL
from imaging.wording import FAMILY_WORDS, METHOD_WORDS


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
        )


class NotEvaluableForm(forms.Form):
    """Why a timepoint has no tumour to analyse."""

    note = forms.CharField(max_length=200)


_PROTOCOLS = [(name, name) for name in BUILT_IN]


class StabilityForm(BootstrapMixin, forms.Form):
    """What to measure under perturbation."""

    protocol = forms.ChoiceField(choices=_PROTOCOLS, initial=DEFAULT_PROTOCOL, label=gettext_lazy("protocol"))
    limit = forms.IntegerField(
        min_value=1,
        required=False,
        label=gettext_lazy("scans"),
        help_text=gettext_lazy("At most so many; empty: all that are not measured."),
    )


class StabilityFilter(BootstrapMixin, forms.Form):
    """Which features and scans the page of stability shows; what makes no sense is taken as not chosen."""

    protocol = forms.ChoiceField(choices=_PROTOCOLS, required=False, label=gettext_lazy("protocol"))
    timepoint = forms.ChoiceField(
        choices=[("", gettext_lazy("Both")), *Timepoint.Kind.choices], required=False, label=gettext_lazy("timepoint")
    )
    family = forms.ChoiceField(
        choices=[("", gettext_lazy("All")), *((name, name) for name in FEATURE_CLASSES)],
        required=False,
        label=gettext_lazy("family"),
    )
    sort = forms.ChoiceField(
        choices=[
            ("", gettext_lazy("Protocol")),
            ("feature", gettext_lazy("Name")),
            ("icc", gettext_lazy("ICC, lowest first")),
            ("lower", gettext_lazy("Lower limit, lowest first")),
        ],
        required=False,
        label=gettext_lazy("order"),
    )

    def chosen(self) -> dict[str, str]:
        """Give every choice, the usual one where none was made."""
        self.is_valid()
        chosen = {name: str(self.cleaned_data.get(name) or "") for name in self.fields}
        return chosen | {"protocol": chosen["protocol"] or DEFAULT_PROTOCOL}


class DrawingForm(forms.Form):
    """A drawing that a browser sends, as `imaging.core.contouring.wire` packs it."""

    mask = forms.FileField(max_length=100, error_messages={"required": gettext_lazy("No drawing was sent.")})

    def clean_mask(self) -> bytes:
        """Give the bytes; more than a drawing can be is not read."""
        file = self.cleaned_data["mask"]
        content: bytes = file.read(MOST_BYTES + 1)
        return content


class StartForm(forms.Form):
    """Where a tumour was clicked, and how to grow from there."""

    z = forms.IntegerField(min_value=0)
    y = forms.IntegerField(min_value=0)
    x = forms.IntegerField(min_value=0)
    method = forms.ChoiceField(choices=[("density", "density"), ("edges", "edges")])
    tolerance = forms.FloatField(min_value=TOLERANCES[0], max_value=TOLERANCES[1])


class SmoothForm(DrawingForm):
    """A drawing, and how much to smooth it."""

    width_mm = forms.FloatField(min_value=WIDTHS_MM[0], max_value=WIDTHS_MM[1])


class AgainstForm(DrawingForm):
    """A drawing, and the number of the version to compare it with; 0 for the one that counts."""

    version = forms.IntegerField(min_value=0)


class SaveDrawingForm(DrawingForm):
    """A drawing, and what is kept beside it."""

    name = forms.CharField(max_length=64)
    base = forms.IntegerField(min_value=0)
    drawn_from = forms.IntegerField(min_value=1, required=False)
    reason = forms.CharField(max_length=200, required=False)


_MOMENTS = [
    (PRE, gettext_lazy("Before treatment")),
    (POST, gettext_lazy("After treatment")),
    (CHANGE, gettext_lazy("Change")),
]


class FeatureFilter(BootstrapMixin, forms.Form):
    """Which features the explorer lists, and when; what makes no sense is taken as not chosen."""

    moment = forms.ChoiceField(choices=_MOMENTS, required=False, label=gettext_lazy("when"))
    family = forms.ChoiceField(choices=[("", gettext_lazy("All"))], required=False, label=gettext_lazy("family"))
    image = forms.ChoiceField(choices=[("", gettext_lazy("All"))], required=False, label=gettext_lazy("filter"))
    feature = forms.CharField(max_length=64, required=False, label=gettext_lazy("name contains"))
    sort = forms.ChoiceField(
        choices=[
            ("", gettext_lazy("Protocol")),
            ("name", gettext_lazy("Name")),
            ("missing", gettext_lazy("Missing, most first")),
            ("icc", gettext_lazy("ICC, highest first")),
            ("auc", gettext_lazy("Separation, strongest first")),
        ],
        required=False,
        label=gettext_lazy("order"),
    )

    def __init__(self, *args: Any, features: Iterable[FeatureName] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        present = list(features)
        families = {feature.family: FAMILY_WORDS[feature.family] for feature in present}
        images = {feature.image: feature.filter for feature in present if feature.image}
        for name, found in (("family", families), ("image", images)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - narrows the type
            field.choices = [("", gettext_lazy("All")), *found.items()]

    def chosen(self) -> dict[str, str]:
        """Give every choice, the usual one where none was made."""
        self.is_valid()
        chosen = {name: str(self.cleaned_data.get(name) or "") for name in self.fields}
        return chosen | {"moment": chosen["moment"] or PRE}


class MapFilter(BootstrapMixin, forms.Form):
    """How the map of patients is drawn; what makes no sense is taken as not chosen."""

    moment = forms.ChoiceField(choices=_MOMENTS, required=False, label=gettext_lazy("when"))
    regions = forms.ChoiceField(
        choices=[(WHOLE, gettext_lazy("Whole tumour")), (PARTS, gettext_lazy("Habitats"))],
        required=False,
        label=gettext_lazy("features"),
    )
    method = forms.ChoiceField(choices=list(METHOD_WORDS.items()), required=False, label=gettext_lazy("method"))
    colour = forms.ChoiceField(
        choices=[
            ("response", gettext_lazy("Response")),
            ("centre", gettext_lazy("Centre")),
            ("scanner", gettext_lazy("Scanner")),
        ],
        required=False,
        label=gettext_lazy("colour"),
    )

    def chosen(self) -> dict[str, str]:
        """Give every choice, the first one where none was made."""
        self.is_valid()
        first = {"moment": PRE, "regions": WHOLE, "method": "pca", "colour": "response"}
        return {name: str(self.cleaned_data.get(name) or usual) for name, usual in first.items()}


class ComparisonFilter(BootstrapMixin, forms.Form):
    """Which two protocols are compared; what makes no sense is taken as not chosen."""

    a = forms.ChoiceField(required=False, label=gettext_lazy("first protocol"))
    b = forms.ChoiceField(required=False, label=gettext_lazy("second protocol"))
    moment = forms.ChoiceField(choices=_MOMENTS[:2], required=False, label=gettext_lazy("when"))

    def __init__(self, *args: Any, protocols: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.protocols = list(protocols)
        for name in ("a", "b"):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - narrows the type
            field.choices = [(protocol, protocol) for protocol in self.protocols]

    def chosen(self) -> dict[str, str]:
        """Give every choice; two different protocols where there are two."""
        self.is_valid()
        given = {name: str(self.cleaned_data.get(name) or "") for name in self.fields}
        first = given["a"] or next(iter(self.protocols), "")
        rest = [name for name in self.protocols if name != first]
        return {"a": first, "b": given["b"] or next(iter(rest), first), "moment": given["moment"] or PRE}
