"""Contouring a tumour in the browser: the page, the scan it draws on, and what the server is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import REMEDIES, ServiceError
from cohorts.models import User
from cohorts.selectors.locks import lock_of
from imaging.core.errors import ImagingError
from imaging.forms.contours import AgainstForm, DrawingForm, SaveDrawingForm, SmoothForm, StartForm
from imaging.models import ImageSeries, Segmentation
from imaging.selectors import drawn_versions
from imaging.services import contouring, segmentations
from imaging.services.segmentations import Drawn
from imaging.views.contour_scan import packed, series_of

_OPERATIONS = ("scan", "slices", "start", "fill", "smooth", "compare", "save")


def _answer(form: forms.Form, act: Callable[[dict[str, Any]], HttpResponse]) -> HttpResponse:
    """Do what was asked, or say in one sentence why not and what to do."""
    if not form.is_valid():
        words = [f"{name}: {message}" for name, found in form.errors.items() for message in found]
        return JsonResponse({"code": "invalid", "message": " ".join(words), "remedy": ""}, status=400)
    try:
        return act(form.cleaned_data)
    except (ImagingError, ServiceError) as error:
        said = {"code": error.code, "message": error.message, "remedy": REMEDIES.get(error.code, "")}
        return JsonResponse(said, status=409)


@require_safe
def contour(request: HttpRequest, series_pk: int) -> HttpResponse:
    """The page on which a tumour is drawn; ``?version=`` starts from another version than the current one."""
    series = series_of(request, series_pk)
    patient, timepoint = series.timepoint.patient, series.timepoint
    versions = list(drawn_versions(timepoint))
    own = [one for one in versions if one.series_id == series.pk]
    wanted = request.GET.get("version", "")
    start = next(
        (one for one in own if str(one.version) == wanted), next((one for one in own if one.is_current), None)
    )
    newest = versions[0].version if versions else 0
    context = {
        "cohort": patient.cohort,
        "actions": actions_in(request.user, patient.cohort),
        "patient": patient,
        "timepoint": timepoint,
        "series": series,
        "versions": own,
        "start": start,
        "lock": lock_of(patient),
        "page": _page_facts(series, start, newest=newest, user_pk=request.user.pk),
    }
    return render(request, "imaging/contour.html", context)


def _page_facts(
    series: ImageSeries, start: Segmentation | None, *, newest: int, user_pk: int | None
) -> dict[str, Any]:
    """Give what the editor needs to know before the scan is there."""
    urls = {name: reverse(f"imaging:contour-{name}", args=[series.pk]) for name in _OPERATIONS}
    digest = series.volume_sha256[:16]
    return {
        "urls": urls | {"mask": reverse("imaging:contour-mask", args=[start.pk]) if start else ""},
        "shape": series.shape_zyx,
        "volume": digest,
        "version": start.version if start else 0,
        "segmentation": start.pk if start else None,
        "base": newest,
        "key": f"{user_pk}:{series.pk}:{digest}",
    }


@require_POST
def start(request: HttpRequest, series_pk: int) -> HttpResponse:
    """Outline what was clicked."""
    series = series_of(request, series_pk)

    def act(values: dict[str, Any]) -> HttpResponse:
        seed = (values["z"], values["y"], values["x"])
        how = {"method": values["method"], "tolerance": values["tolerance"]}
        content, about = contouring.started(series, seed_zyx=seed, **how)
        return packed(content, **about)

    return _answer(StartForm(request.POST), act)


@require_POST
def fill(request: HttpRequest, series_pk: int) -> HttpResponse:
    """Fill the slices between drawn ones."""
    series = series_of(request, series_pk)
    form = DrawingForm(request.POST, request.FILES)
    return _answer(form, lambda values: packed(contouring.changed(series, values["mask"], contouring.filled)))


@require_POST
def smooth(request: HttpRequest, series_pk: int) -> HttpResponse:
    """Smooth a drawing."""
    series = series_of(request, series_pk)

    def act(values: dict[str, Any]) -> HttpResponse:
        return packed(contouring.changed(series, values["mask"], contouring.smoother(values["width_mm"])))

    return _answer(SmoothForm(request.POST, request.FILES), act)


def _named(version: Segmentation | None) -> str:
    return _("Version %d") % version.version if version else ""


@require_POST
def compare(request: HttpRequest, series_pk: int) -> HttpResponse:
    """Compare a drawing with a version of its timepoint, as a part of a page."""
    series = series_of(request, series_pk)

    def act(values: dict[str, Any]) -> HttpResponse:
        drawing = contouring.received(series, values["mask"])
        versions = drawn_versions(series.timepoint)
        wanted = {"version": values["version"]} if values["version"] else {"is_current": True}
        other = versions.filter(**wanted).first()
        context = {
            "comparison": contouring.difference(drawing, other),
            "one": _("This drawing"),
            "other": _named(other),
        }
        answer = render(request, "imaging/_contour_comparison.html", context)
        newest = versions.first()
        answer["X-Newest"] = str(newest.version if newest else 0)
        return answer

    return _answer(AgainstForm(request.POST, request.FILES), act)


@require_POST
def save(request: HttpRequest, series_pk: int) -> HttpResponse:
    """Keep a drawing as the new version."""
    series = series_of(request, series_pk)
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - `fetch` refuses anonymous visitors

    def act(values: dict[str, Any]) -> HttpResponse:
        drawing = contouring.received(series, values["mask"])
        parent = drawn_versions(series.timepoint).filter(pk=values["drawn_from"]).first()
        drawn = Drawn(values["name"], values["base"], parent, values["reason"])
        saved = segmentations.save_version(series, drawing, drawn=drawn, actor=user)
        messages.success(request, _("Version %d is saved and counts from now on.") % saved.version)
        patient = series.timepoint.patient
        place = [patient.cohort.code, patient.code, series.timepoint.kind]
        return JsonResponse({"url": reverse("imaging:contours", args=place), "version": saved.version})

    return _answer(SaveDrawingForm(request.POST, request.FILES), act)


@require_POST
def make_current(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a version count."""
    found = Segmentation.objects.select_related("timepoint__patient__cohort", "timepoint__patient__centre")
    segmentation = fetch(found, request.user, Action.CONTOUR, pk=pk)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    try:
        segmentations.make_current(segmentation, actor=request.user, reason=request.POST.get("reason", "")[:200])
    except ServiceError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Version %d counts from now on.") % segmentation.version)
    timepoint = segmentation.timepoint
    patient = timepoint.patient
    return redirect("imaging:contours", patient.cohort.code, patient.code, timepoint.kind)
