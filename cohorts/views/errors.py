"""What people see when a page is not theirs, not there, or broken."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: seen, but not allowed."""
    return render(request, "cohorts/error.html", {"status": 403}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: not there, or not to be known."""
    return render(request, "cohorts/error.html", {"status": 404}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault."""
    return render(request, "cohorts/error.html", {"status": 500}, status=500)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token: a page that was left open, or a form of another site."""
    return render(request, "cohorts/error.html", {"status": 403, "is_stale": True}, status=403)
