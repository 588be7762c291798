"""Answers each person in their own language and time zone."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

Handler = Callable[[HttpRequest], HttpResponse]


class PreferencesMiddleware:
    """Speaks as the person's account says; where it says nothing, as their browser asks."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer within the person's language and time zone."""
        language, zone = _preferences(request)
        with translation.override(language), timezone.override(zone):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


def _preferences(request: HttpRequest) -> tuple[str, ZoneInfo | None]:
    """Give a language that is shipped, and a time zone that exists (none: the installation's)."""
    chosen, zone = (request.user.language, request.user.time_zone) if request.user.is_authenticated else ("", "")
    shipped = chosen in dict(settings.LANGUAGES)
    return chosen if shipped else translation.get_language_from_request(request), _zone(zone)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
