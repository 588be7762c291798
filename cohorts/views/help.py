"""What the words mean, which keys there are, and where to read more."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cohorts.glossary import KEYS, TERMS


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """The glossary, in the order of the alphabet, and the keyboard."""
    terms = sorted(TERMS.items(), key=lambda item: str(item[1].title).casefold())
    return render(request, "cohorts/help.html", {"terms": terms, "keys": KEYS})
