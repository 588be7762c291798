"""Shape of a pathology reading, and of a table of readings."""

from __future__ import annotations

from typing import Any

from django import forms

from cohorts.forms.fields import BootstrapMixin, date_input
from cohorts.models import PathologyOutcome
from cohorts.services.outcomes import OUTCOME_FIELDS


class OutcomeForm(BootstrapMixin, forms.ModelForm[PathologyOutcome]):
    """One pathology reading."""

    reason = forms.CharField(
        max_length=200, required=False, label="reason for the correction", help_text="Kept in the patient's history."
    )

    class Meta:
        model = PathologyOutcome
        fields = list(OUTCOME_FIELDS)
        widgets = {"surgery_on": date_input(), "signed_off_on": date_input()}

    def __init__(self, *args: Any, is_correction: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_correction:
            self.fields["reason"].required = True
        else:
            del self.fields["reason"]
        for name in ("reported_mpr", "reported_pcr"):
            self.fields[name] = forms.TypedChoiceField(
                label=self.fields[name].label,
                required=False,
                choices=[("", "Not stated"), ("True", "Yes"), ("False", "No")],
                coerce=lambda raw: raw == "True",
                empty_value=None,
                widget=forms.Select(attrs={"class": "form-select"}),
            )

    def clean_stations(self) -> list[dict[str, Any]]:
        """Give the nodes by station; none stated is an empty list."""
        return self.cleaned_data["stations"] or []

    def values(self) -> dict[str, Any]:
        """Give what the service stores."""
        return {name: self.cleaned_data[name] for name in OUTCOME_FIELDS}


class OutcomeFileForm(BootstrapMixin, forms.Form):
    """A table of outcomes."""

    file = forms.FileField(label="CSV file", widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}))
