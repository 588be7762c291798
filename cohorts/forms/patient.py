"""Shape of clinical data, and of the search for patients."""

from __future__ import annotations

from typing import Any

from django import forms

from cohorts.forms.fields import BootstrapMixin, date_input
from cohorts.models import Cohort, Patient
from cohorts.services.patients import CLINICAL_FIELDS


class PatientForm(BootstrapMixin, forms.ModelForm[Patient]):
    """A patient's clinical data."""

    class Meta:
        model = Patient
        fields = list(CLINICAL_FIELDS)
        widgets = {"first_dose_on": date_input(), "last_dose_on": date_input()}

    def __init__(self, *args: Any, centres: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        centre = self.fields["centre"]
        assert isinstance(centre, forms.ModelChoiceField)  # noqa: S101 - narrows the type
        centre.queryset = centres


class NewPatientForm(PatientForm):
    """Clinical data and the pseudonym of a patient that is not there yet."""

    class Meta(PatientForm.Meta):
        fields = ["code", *CLINICAL_FIELDS]

    def __init__(self, *args: Any, cohort: Cohort, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cohort = cohort

    def clean_code(self) -> str:
        """Refuse a pseudonym that the cohort has."""
        code: str = self.cleaned_data["code"]
        if Patient.objects.filter(cohort=self.cohort, code=code).exists():
            raise forms.ValidationError("The cohort has a patient with this code.")
        return code


class PatientFilterForm(forms.Form):
    """Search and centre of the patient list, in the address bar."""

    q = forms.CharField(required=False, max_length=32)
    centre = forms.CharField(required=False, max_length=32)
