"""Shape of what people type; decisions are made by services."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from cohorts.core.errors import Finding
from cohorts.models import Centre, Cohort, PathologyOutcome, Patient
from cohorts.services.outcomes import OUTCOME_FIELDS
from cohorts.services.patients import CLINICAL_FIELDS


def _date() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class BootstrapMixin:
    """Bootstrap's classes on every control, and findings at their fields."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.CheckboxInput):
                css = "form-check-input"
            elif isinstance(field.widget, forms.Select):
                css = "form-select"
            else:
                css = "form-control"
            field.widget.attrs.setdefault("class", css)

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Show each error of the rules at its field."""
        for finding in findings:
            field = finding.field if finding.field in self.fields else None
            self.add_error(field, f"{finding.message} ({finding.rule})")  # type: ignore[attr-defined]


class CohortForm(BootstrapMixin, forms.ModelForm[Cohort]):
    """A new cohort with its centres."""

    centres = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "A: University hospital\nB: City hospital"}),
        help_text="One centre a line, as CODE: name. Models learn at the first.",
    )

    class Meta:
        model = Cohort
        fields = ["code", "name", "description"]

    def clean_centres(self) -> dict[str, str]:
        """Read the lines into code → name."""
        centres: dict[str, str] = {}
        for line in filter(None, (raw.strip() for raw in self.cleaned_data["centres"].splitlines())):
            code, _, name = (part.strip() for part in line.partition(":"))
            try:
                forms.SlugField(max_length=32).clean(code)
            except forms.ValidationError:
                raise forms.ValidationError(f"“{code}” is no code: use letters, digits, '-' and '_'.") from None
            if code in centres:
                raise forms.ValidationError(f"The code “{code}” stands twice.")
            centres[code] = name or code
        return centres


class PatientForm(BootstrapMixin, forms.ModelForm[Patient]):
    """A patient's clinical data."""

    class Meta:
        model = Patient
        fields = list(CLINICAL_FIELDS)
        widgets = {"first_dose_on": _date(), "last_dose_on": _date()}

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


class OutcomeForm(BootstrapMixin, forms.ModelForm[PathologyOutcome]):
    """One pathology reading."""

    reason = forms.CharField(
        max_length=200, required=False, label="reason for the correction", help_text="Kept in the patient's history."
    )

    class Meta:
        model = PathologyOutcome
        fields = list(OUTCOME_FIELDS)
        widgets = {"surgery_on": _date(), "signed_off_on": _date()}

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

    def values(self) -> dict[str, Any]:
        """Give what the service stores."""
        return {name: self.cleaned_data[name] for name in OUTCOME_FIELDS}


class PatientFilterForm(forms.Form):
    """Search and centre of the patient list, in the address bar."""

    q = forms.CharField(required=False, max_length=32)
    centre = forms.CharField(required=False, max_length=32)


def centres_for(cohort: Cohort, centre: Centre | None) -> Any:
    """Give the centres that a member may choose: their own, or all."""
    centres = Centre.objects.filter(cohort=cohort)
    return centres.filter(pk=centre.pk) if centre else centres


class OutcomeFileForm(BootstrapMixin, forms.Form):
    """A table of outcomes."""

    file = forms.FileField(label="CSV file", widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}))
