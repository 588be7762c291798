"""Volumes, masks and habitats for the viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from cohorts.access import Action, fetch
from imaging.models import HabitatMap, Segmentation
from imaging.services.viewing import habitats_nifti, mask_nifti, volume_nifti

M = TypeVar("M", bound=Model)
_keep = cache_control(private=True, max_age=3600)


def _nifti(request: HttpRequest, model: type[M], pk: int, make: Callable[..., bytes]) -> HttpResponse:
    record = fetch(model, request.user, Action.VIEW, pk=pk)
    content = make(record, whole=request.GET.get("whole") == "yes")
    return HttpResponse(content, content_type="application/gzip")


@require_safe
@_keep
def volume(request: HttpRequest, pk: int) -> HttpResponse:
    """The CT around the tumour; ``?whole=yes`` for all of it."""
    return _nifti(request, Segmentation, pk, volume_nifti)


@require_safe
@_keep
def mask(request: HttpRequest, pk: int) -> HttpResponse:
    """The tumour mask on the same grid."""
    return _nifti(request, Segmentation, pk, mask_nifti)


@require_safe
@_keep
def habitats(request: HttpRequest, pk: int) -> HttpResponse:
    """The habitats on the same grid."""
    return _nifti(request, HabitatMap, pk, habitats_nifti)
