"""Shape of a new cohort."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import Cohort


class CohortForm(BootstrapMixin, forms.ModelForm[Cohort]):
    """A new cohort with its centres."""

    centres = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "A: University hospital\nB: City hospital"}),
        help_text=_("One centre a line, as CODE: name. Models learn at the first."),
    )

    class Meta:
        model = Cohort
        fields = ["code", "name", "description"]

    def clean_centres(self) -> dict[str, str]:
        """Read the lines into code → name."""
        centres: dict[str, str] = {}
        for line in filter(None, (raw.strip() for raw in self.cleaned_data["centres"].splitlines())):
            code, name = (part.strip() for part in line.partition(":")[::2])
            try:
                forms.SlugField(max_length=32).clean(code)
            except forms.ValidationError:
                raise forms.ValidationError(
                    _("“%(code)s” is no code: use letters, digits, '-' and '_'."), params={"code": code}
                ) from None
            if code in centres:
                raise forms.ValidationError(_("The code “%(code)s” stands twice."), params={"code": code})
            centres[code] = forms.CharField(max_length=120).clean(name or code)
        return centres
