"""Shape of what a person says about their own account."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import User


@cache
def _zones() -> list[tuple[str, str]]:
    """Give the zones that are named after places, as people look for them."""
    named = sorted(
        zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix", "right"))
    )
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in named)]


def _languages() -> list[tuple[str, Any]]:
    return [("", _("As the browser asks")), *settings.LANGUAGES]


def _zone_choices() -> list[tuple[str, Any]]:
    return [("", _("As the installation: %(zone)s") % {"zone": settings.TIME_ZONE}), *_zones()]


class PreferencesForm(BootstrapMixin, forms.Form):
    """Language, time zone and appearance."""

    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=_languages, required=False)
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=_zone_choices,
        required=False,
        help_text=gettext_lazy("Times on pages are shown in this zone. Dates of patients have no zone."),
    )
    theme = forms.ChoiceField(label=gettext_lazy("Appearance"), choices=User.Theme.choices)


class PasswordForm(BootstrapMixin, PasswordChangeForm):
    """A new password, with the old one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].widget.attrs.pop("autofocus", None)  # it stands below the preferences
