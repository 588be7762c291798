"""Shape of a named subset."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from cohorts.forms.fields import BootstrapMixin


class SubsetForm(BootstrapMixin, forms.Form):
    """The name under which filters are kept, and who may see it."""

    name = forms.CharField(max_length=60, label=_("Name"))
    is_shared = forms.BooleanField(required=False, label=_("Share with everybody in the cohort"))
