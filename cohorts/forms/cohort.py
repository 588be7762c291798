"""Shape of a new cohort."""

from __future__ import annotations

from django import forms

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import Cohort


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
