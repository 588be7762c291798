"""Shape of a measurement of stability, and of what its page shows."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import Timepoint
from imaging.core.spec import BUILT_IN, FEATURE_CLASSES
from imaging.services.protocols import DEFAULT_PROTOCOL

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
