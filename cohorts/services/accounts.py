"""What a person keeps for themselves: how they like to read, and their password.

None of it is study data, so the history of no cohort tells of it.
"""

from __future__ import annotations

from cohorts.models import User


def set_preferences(user: User, *, language: str, time_zone: str, theme: str) -> None:
    """Keep the language, time zone and appearance of a person's own pages."""
    user.language, user.time_zone, user.theme = language, time_zone, theme
    User.objects.filter(pk=user.pk).update(language=language, time_zone=time_zone, theme=theme)


def set_theme(user: User, theme: str) -> None:
    """Keep the appearance alone, as the menu of every page offers it."""
    user.theme = theme
    User.objects.filter(pk=user.pk).update(theme=theme)


def change_password(user: User, password: str) -> None:
    """Keep a new password; every other window of the person is logged out by it."""
    user.set_password(password)
    User.objects.filter(pk=user.pk).update(password=user.password)
