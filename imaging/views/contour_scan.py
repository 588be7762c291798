"""What the editor of a contour loads: the scan slice by slice, and the voxels of a version."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from cohorts.access import Action, fetch
from imaging.models import ImageSeries, Segmentation
from imaging.services import contouring

_keep = cache_control(private=True, max_age=86_400, immutable=True)


def series_of(request: HttpRequest, pk: int) -> ImageSeries:
    """Give the series on which a person draws."""
    found = ImageSeries.objects.select_related("timepoint__patient__cohort", "timepoint__patient__centre")
    return fetch(found, request.user, Action.CONTOUR, pk=pk)


def packed(content: bytes, **about: Any) -> HttpResponse:
    """Answer with voxels, and with what is said of them as headers."""
    answer = HttpResponse(content, content_type="application/octet-stream")
    for name, value in about.items():
        answer[f"X-{name.capitalize()}"] = str(value)
    return answer


@require_safe
@_keep
def scan(request: HttpRequest, series_pk: int) -> JsonResponse:
    """Size, spacing and directions of a scan."""
    return JsonResponse(contouring.scan_facts(series_of(request, series_pk)))


@require_safe
@_keep
def slices(request: HttpRequest, series_pk: int) -> HttpResponse:
    """Some slices, from ``?first=``, in whole HU; eight of them, or fewer at the end."""
    series = series_of(request, series_pk)
    first = request.GET.get("first", "0")
    content = contouring.slab(series, first=int(first) if first.isdecimal() and len(first) < 6 else 0)
    answer = packed(content)
    answer["Content-Encoding"] = "gzip"
    return answer


@require_safe
@_keep
def mask(request: HttpRequest, pk: int) -> HttpResponse:
    """The voxels of a version, packed."""
    segmentation = fetch(Segmentation.objects.select_related("series"), request.user, Action.CONTOUR, pk=pk)
    return packed(contouring.outline(segmentation))
