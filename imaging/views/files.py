"""What the viewer loads, sent once: answers carry an ETag, and an address that names its content never grows old."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_safe

from cohorts.access import Action, fetch
from imaging.charts.colours import HABITAT_COLOURS
from imaging.models import HabitatMap, Registration, Segmentation, SupervoxelMap, TransitionMap
from imaging.services.viewing import (
    View,
    field_view,
    habitats_view,
    mask_view,
    picture_view,
    supervoxels_view,
    transitions_view,
    volume_view,
)

M = TypeVar("M", bound=Model)
_A_YEAR = 31_536_000
_DIGITS = 16


def address(name: str, pk: int, view: View) -> str:
    """Give the address of a file of the viewer, with what it holds in its name."""
    return f"{reverse(f'imaging:{name}', args=[pk])}?v={view.digest[:_DIGITS]}"


def _file(
    request: HttpRequest,
    records: QuerySet[M],
    pk: int,
    view_of: Callable[..., View],
    *,
    kind: str = "application/gzip",
) -> HttpResponseBase:
    record = fetch(records, request.user, Action.VIEW, pk=pk)
    view = view_of(record, whole=request.GET.get("whole") == "yes")
    etag = f'"{view.digest}"'
    known = get_conditional_response(request, etag=etag)
    answer = known or HttpResponse(view.content(), content_type=kind)
    answer["ETag"] = etag
    if request.GET.get("v") == view.digest[:_DIGITS]:
        patch_cache_control(answer, private=True, max_age=_A_YEAR, immutable=True)
    else:
        patch_cache_control(answer, private=True, no_cache=True)
    return answer


@require_safe
def volume(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The CT around the tumour; ``?whole=yes`` for all of it."""
    return _file(request, Segmentation.objects.select_related("series"), pk, volume_view)


@require_safe
def mask(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The tumour mask on the same grid."""
    return _file(request, Segmentation.objects.select_related("series"), pk, mask_view)


@require_safe
def habitats(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The habitats on the same grid."""
    return _file(request, HabitatMap.objects.select_related("segmentation__series"), pk, habitats_view)


@require_safe
def picture(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A small picture of the habitats, for lists."""
    records = HabitatMap.objects.select_related("segmentation__series")
    return _file(request, records, pk, partial(picture_view, colours=HABITAT_COLOURS), kind="image/png")


@require_safe
def supervoxels(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The supervoxels on the same grid."""
    return _file(request, SupervoxelMap.objects.select_related("segmentation__series"), pk, supervoxels_view)


@require_safe
def transitions(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What each place was and became, on the grid of the first scan."""
    return _file(request, TransitionMap.objects.select_related("registration__pre__series"), pk, transitions_view)


@require_safe
def field(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Where places of the first scan lie in the second."""
    return _file(request, Registration.objects.filter(accepted=True), pk, field_view)
