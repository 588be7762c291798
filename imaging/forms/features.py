"""Shape of the choices on the pages of features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from cohorts.forms.fields import BootstrapMixin
from imaging.core.feature_names import FeatureName
from imaging.services.feature_maps import PARTS, WHOLE
from imaging.services.feature_table import CHANGE, POST, PRE
from imaging.wording import FAMILY_WORDS, METHOD_WORDS

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
