"""What other programs ask of models, as JSON."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from cohorts.access import Action, fetch
from cohorts.models import Cohort
from modeling.core.views import PRIMARY_MODEL
from modeling.forms import ChampionForm
from modeling.selectors import champion_on


@require_safe
def champion(request: HttpRequest, cohort_code: str) -> JsonResponse:
    """Which model was champion at a moment (now, if none is given), who promoted it and why."""
    cohort = fetch(Cohort, request.user, Action.VIEW_PREDICTIONS, code=cohort_code)
    form = ChampionForm(request.GET)
    if not form.is_valid():
        sentence = " ".join(str(text) for texts in form.errors.values() for text in texts)
        return JsonResponse({"error": "unreadable_question", "message": sentence}, status=400)
    name = form.cleaned_data["name"] or PRIMARY_MODEL
    moment = form.cleaned_data["on"] or timezone.now()
    found = champion_on(cohort, name, moment)
    if found is None:
        sentence = f"No model named {name} was champion of {cohort.code} on {moment.isoformat()}."
        return JsonResponse({"error": "no_champion", "message": sentence}, status=404)
    return JsonResponse(
        {
            "cohort": cohort.code,
            "name": name,
            "on": moment.isoformat(),
            "version": found.version.version,
            "run": found.version.run.number,
            "sha256": found.version.sha256,
            "kind": found.kind,
            "promoted_by": found.promoted_by.username if found.promoted_by else None,
            "reason": found.reason,
            "at": found.promoted_at.isoformat(),
            "replaced": found.replaced.version if found.replaced else None,
            "verdict": found.verdict or None,
            "notice": "Research use only. Not for clinical decisions.",
        }
    )
