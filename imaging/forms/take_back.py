"""Shape of what a person says when an import is taken back or another lesion is to count."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from cohorts.forms.fields import BootstrapMixin


class TakeBackForm(BootstrapMixin, forms.Form):
    """Why an import is taken back."""

    reason = forms.CharField(label=_("reason"), max_length=200, help_text=_("Kept in the history."))
