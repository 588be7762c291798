"""The addresses that machines ask: a load balancer, and the scripts of the pages."""

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog


@login_not_required
def health(request: HttpRequest) -> JsonResponse:
    """Tell a load balancer that the process lives and reaches its database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
def translated_words(request: HttpRequest) -> HttpResponseBase:
    """Give scripts their texts in the person's language; pages name the language in the address."""
    response = JavaScriptCatalog.as_view(packages=["cohorts", "imaging", "modeling"])(request)
    patch_cache_control(response, private=True, max_age=3600)
    return response
