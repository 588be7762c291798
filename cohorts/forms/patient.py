"""Shape of clinical data."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cohorts.forms.fields import date_input
from cohorts.forms.live import LiveMixin
from cohorts.models import Cohort, Patient
from cohorts.services.patients import CLINICAL_FIELDS

#: Names of the fields whose column has no words of its own.
_LABELS = {
    "code": _("code"),
    "centre": _("centre"),
    "sex": _("sex"),
    "smoking": _("smoking"),
    "location": _("location"),
    "regimen": _("regimen"),
    "cycles": _("cycles"),
}
_HELP = {
    "age_years": _("At diagnosis."),
    "histology": _("Of the biopsy. That of the resected tumour belongs to the pathology."),
    "clinical_t": _("cT1, cT2: subcategory not stated."),
    "clinical_stage": _("Before treatment, such as IIIA. Empty: the stage that cT, cN and cM mean by the edition."),
    "pdl1_percent": _("Tumour proportion score, 0 to 100."),
    "radiological_response": _(
        "As the radiologist read the CT after treatment against the one before it, by RECIST 1.1. No model uses it: "
        "models are compared with it."
    ),
    "suv_max_pre": _("Of the primary tumour on PET, by body weight. No model uses it."),
    "suv_max_post": _("Of the primary tumour on PET, by body weight. No model uses it."),
    "exclusion": _("The patient stays in the cohort and is counted in its flow, but trains no model."),
}


class PatientForm(LiveMixin, forms.ModelForm[Patient]):
    """A patient's clinical data, and the revision of it that the person saw when they began."""

    reason = forms.CharField(
        max_length=200,
        required=False,
        label=_("reason for the change"),
        help_text=_("Kept in the patient's history."),
    )
    base_revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Patient
        fields = list(CLINICAL_FIELDS)
        widgets = {"first_dose_on": date_input(), "last_dose_on": date_input(), "enrolled_on": date_input()}
        labels = _LABELS
        help_texts = _HELP

    def __init__(self, *args: Any, centres: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        centre = self.fields["centre"]
        assert isinstance(centre, forms.ModelChoiceField)  # noqa: S101 - narrows the type
        centre.queryset = centres
        self.fields["base_revision"].initial = self.instance.revision

    def clean(self) -> dict[str, Any]:
        """Ask for the reason of an exclusion where there is only a note on it."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("exclusion_note") and not cleaned.get("exclusion"):
            self.add_error("exclusion", _("Choose why the patient is excluded, or take the note away."))
        return cleaned

    def values(self) -> dict[str, Any]:
        """Give what the service stores."""
        return {name: self.cleaned_data[name] for name in CLINICAL_FIELDS}


class NewPatientForm(PatientForm):
    """Clinical data and the pseudonym of a patient that is not there yet."""

    class Meta(PatientForm.Meta):
        fields = ["code", *CLINICAL_FIELDS]

    def __init__(self, *args: Any, cohort: Cohort, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cohort = cohort
        del self.fields["reason"]

    def clean_code(self) -> str:
        """Refuse a pseudonym that the cohort has."""
        code: str = self.cleaned_data["code"]
        if Patient.objects.filter(cohort=self.cohort, code=code).exists():
            raise forms.ValidationError(_("The cohort has a patient with this code."))
        return code
