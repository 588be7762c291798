"""Shape of a pathology reading."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cohorts.forms.fields import date_input
from cohorts.forms.live import LiveMixin
from cohorts.forms.stations import StationsField
from cohorts.models import PathologyOutcome
from cohorts.services.outcomes import OUTCOME_FIELDS

_HELP = {
    "viable_percent": _("MPR: at or below the cohort's threshold."),
    "stroma_percent": _("Fibrosis and inflammation together."),
    "fibrosis_percent": _("If the report splits the stroma."),
    "tumour_bed_mm": _("The larger of the gross and the microscopic size."),
    "tumours_resected": _("The values are those of the segmented one."),
    "nodes_examined": _("Empty: the sum of the stations."),
    "nodes_positive": _("Empty: the sum of the stations."),
    "ypt": _("ypTX: not assessable. ypT1, ypT2: subcategory not stated."),
    "ypn": _("ypNX: nodes not examined."),
    "ypm": _("A distant metastasis that was found."),
    "sampling": _("pCR is confirmed only by complete sampling, or above 3 cm by that of IASLC."),
    "surgical_histology": _("Of the resected tumour; no model learns from it."),
    "reader": _("Initials only."),
}


class OutcomeForm(LiveMixin, forms.ModelForm[PathologyOutcome]):
    """One pathology reading, and the version of it that the person saw when they began."""

    stations = StationsField()
    reason = forms.CharField(
        max_length=200,
        required=False,
        label=_("reason for the correction"),
        help_text=_("Kept in the patient's history."),
    )
    base_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = PathologyOutcome
        fields = list(OUTCOME_FIELDS)
        widgets = {"surgery_on": date_input(), "signed_off_on": date_input()}
        labels = {"procedure": _("procedure"), "source": _("source")}
        help_texts = _HELP

    def __init__(self, *args: Any, is_correction: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_correction:
            self.fields["reason"].required = True
        else:
            del self.fields["reason"]
        self.fields["base_version"].initial = self.instance.version or 0
        for name in ("blinded", "reported_mpr", "reported_pcr"):
            self.fields[name] = _stated(self.fields[name])
        for name in ("sampling", "surgical_histology", "tnm_edition", "ypm"):
            choices: Any = self.fields[name].choices  # type: ignore[attr-defined]
            self.fields[name].choices = [("", _("Not stated")), *((v, w) for v, w in choices if v != "")]  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """Give what the service stores."""
        return {name: self.cleaned_data[name] for name in OUTCOME_FIELDS}

    def as_typed(self) -> dict[str, str]:
        """Give the text of every field that is filled in, valid or not."""
        typed = {name: self[name].data for name in self.fields if name != "base_version"}
        return {name: str(text) for name, text in typed.items() if text not in (None, "", False)}


def _stated(field: forms.Field) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=field.label,
        required=False,
        choices=[("", _("Not stated")), ("True", _("Yes")), ("False", _("No"))],
        coerce=lambda raw: raw == "True",
        empty_value=None,
        widget=forms.Select(
            attrs={"class": "form-select", "aria-describedby": field.widget.attrs["aria-describedby"]}
        ),
    )
