"""Shape of an electronic signature, and of what opens a lock again."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import RecordLock


def _password() -> forms.CharField:
    return forms.CharField(
        label=_("your password, again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SignatureForm(BootstrapMixin, forms.Form):
    """What a signature means, and the password that makes it one."""

    meaning = forms.ChoiceField(
        choices=RecordLock.Meaning.choices, widget=forms.RadioSelect(attrs={"class": "form-check-input"})
    )
    password = _password()


class UnlockForm(BootstrapMixin, forms.Form):
    """Why a lock is opened, and the password again."""

    reason = forms.CharField(label=_("reason"), max_length=200, help_text=_("Kept in the history."))
    password = _password()
