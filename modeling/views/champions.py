"""Which model was in use when, who decided it and why; going back; and how the models in use fare since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import ServiceError
from cohorts.models import Cohort, User
from modeling.core.views import PRIMARY_MODEL
from modeling.forms import ChampionForm, RollbackForm
from modeling.models import ModelVersion, Promotion
from modeling.selectors import (
    Staleness,
    promotions_of,
    stale_versions,
    versions_in_use,
)
from modeling.services.drift import drift_of
from modeling.services.monitoring import notes_on, prospective
from modeling.services.promotion import rollback


@require_safe
def champions(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The champions of a moment, every change of champion, stale models, and drift since."""
    cohort = fetch(Cohort, request.user, Action.VIEW_PREDICTIONS, code=cohort_code)
    form = ChampionForm(request.GET)
    asked: dict[str, Any] = form.cleaned_data if form.is_valid() else {"name": "", "on": None}
    moment = asked["on"] or timezone.now()
    history = list(promotions_of(cohort))
    names = sorted({row.name for row in history}, key=lambda name: (name != PRIMARY_MODEL, name))
    shown = [row for row in history if asked["name"] in ("", row.name)]
    stale = stale_versions(cohort, user=request.user)
    in_use = versions_in_use(cohort)
    context = {
        "cohort": cohort,
        "actions": actions_in(request.user, cohort),
        "form": form,
        "names": names,
        "asked": asked,
        "moment": moment,
        "is_past": asked["on"] is not None,
        "champions": _champions_on(shown, names, moment),
        "history": shown,
        "candidates": [version for version in in_use if version.state == ModelVersion.State.CANDIDATE],
        "former": _former(shown, in_use),
        "stale": _stale_runs(in_use, stale),
        "stale_versions": set() if asked["on"] else set(stale),
        "rollback_form": RollbackForm(),
    }
    return render(request, "modeling/champions.html", context)


def _champions_on(history: Sequence[Promotion], names: Sequence[str], moment: datetime) -> list[Promotion]:
    latest: dict[str, Promotion] = {}
    for row in history:  # newest first
        if row.promoted_at <= moment:
            latest.setdefault(row.name, row)
    return [latest[name] for name in names if name in latest]


def _former(history: Sequence[Promotion], in_use: Sequence[ModelVersion]) -> list[ModelVersion]:
    current = {version.pk for version in in_use}
    return list({row.version_id: row.version for row in history if row.version_id not in current}.values())


def _stale_runs(in_use: Sequence[ModelVersion], stale: Mapping[int, Staleness]) -> list[dict[str, Any]]:
    """Give each stale run once, with its versions that are in use."""
    versions: dict[int, list[ModelVersion]] = {}
    for version in in_use:
        if version.pk in stale:
            versions.setdefault(version.run_id, []).append(version)
    return [{"versions": of_run, "readings": stale[of_run[0].pk]} for of_run in versions.values()]


@require_POST
def rollback_version(request: HttpRequest, cohort_code: str, pk: int) -> HttpResponse:
    """Put a former champion in use again."""
    versions = ModelVersion.objects.select_related("cohort", "run")
    version = fetch(versions, request.user, Action.MANAGE, cohort__code=cohort_code, pk=pk)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form = RollbackForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why this version returns."))
        return redirect("modeling:champions", cohort_code)
    try:
        rollback(version.cohort, version.name, version, actor=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, _("%(version)s is the champion again.") % {"version": version})
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("modeling:champions", cohort_code)


@require_safe
def prospective_panel(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """How models do on patients who were predicted before anybody could know their response."""
    cohort = fetch(Cohort, request.user, Action.VIEW_PREDICTIONS, code=cohort_code)
    found = prospective(cohort)
    counted = found if any(row.n or row.waiting or row.timing_unknown for row in found) else []
    context = {"cohort": cohort, "found": counted, "in_use": bool(found), "notes": notes_on(found)}
    return render(request, "modeling/_prospective.html", context)


@require_safe
def drift_panel(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Whether new patients look like those on whom the primary model in use learned."""
    cohort = fetch(Cohort, request.user, Action.VIEW_PREDICTIONS, code=cohort_code)
    in_use = versions_in_use(cohort)
    version = next((one for one in in_use if one.name == PRIMARY_MODEL), next(iter(in_use), None))
    drift = drift_of(version) if version else None
    return render(request, "modeling/_drift.html", {"cohort": cohort, "version": version, "drift": drift})
