"""Shape of a blinded reading."""

from __future__ import annotations

from typing import Any

from django import forms

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import BlindedReading


class ReadingForm(BootstrapMixin, forms.ModelForm[BlindedReading]):
    """One percentage, asked for once and then confirmed."""

    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput())

    class Meta:
        model = BlindedReading
        fields = ["viable_percent", "comment"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["viable_percent"].widget.attrs |= {"inputmode": "decimal", "min": 0, "max": 100, "step": "any"}
