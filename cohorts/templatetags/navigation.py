"""Tags that the frame of every page needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from cohorts.access import Action, actions_in
from cohorts.models import Cohort, PathologyOutcome, Patient
from cohorts.selectors.patients import Response, response_of

register = template.Library()

_PATIENT_PAGES = tuple(
    f"cohorts:{name}"
    for name in (
        "patient",
        "patient-create",
        "patient-edit",
        "outcome",
        "lock",
        "table-imports",
        "table-import-new",
        "table-import",
        "table-import-mapping",
    )
)
_PATIENT_IMAGE_PAGES = tuple(f"imaging:{name}" for name in ("compare-patients", "contour", "contours"))
_FEATURE_PAGES = tuple(f"imaging:{name}" for name in ("feature", "feature-map", "compare-protocols", "stability"))
_MODEL_PAGES = tuple(
    f"modeling:{name}"
    for name in (
        "run",
        "compare",
        "recipes",
        "recipe",
        "recipe-edit",
        "champions",
        "report",
        "tables",
        "table-analysis",
    )
)
#: Label, address, what the person must be allowed to do, and the addresses that light the tab.
_TABS = (
    (_("Overview"), "cohorts:detail", Action.VIEW, ()),
    (
        _("Patients"),
        "cohorts:patients",
        Action.VIEW,
        (*_PATIENT_PAGES, *_PATIENT_IMAGE_PAGES),
    ),
    (_("Features"), "imaging:features", Action.VIEW, _FEATURE_PAGES),
    (_("Models"), "modeling:models", Action.VIEW_PREDICTIONS, _MODEL_PAGES),
    (_("Readings"), "cohorts:readings", Action.READ_BLINDED, ("cohorts:reading",)),
    (_("Queries"), "cohorts:queries", Action.VIEW, ("cohorts:query-open",)),
    (_("Jobs"), "cohorts:jobs", Action.VIEW, ("cohorts:job",)),
    (_("Import"), "imaging:import", Action.IMPORT_IMAGES, ()),
    (_("History"), "cohorts:history", Action.VIEW, ("cohorts:patient-history",)),
    (_("Settings"), "cohorts:cohort-settings", Action.CONFIGURE, ("cohorts:cohort-lock",)),
)


@dataclass(frozen=True)
class Tab:
    """One tab of the cohort bar."""

    label: str
    url: str
    is_current: bool


@register.inclusion_tag("cohorts/_tabs.html", takes_context=True)
def cohort_tabs(context: template.Context, cohort: Cohort) -> dict[str, Any]:
    """Show the tabs of a cohort that the person may open."""
    request = context["request"]
    # Most pages have asked already; the answer is that of their cohort.
    allowed = context.get("actions") or actions_in(request.user, cohort)
    here = request.resolver_match.view_name if request.resolver_match else ""
    tabs = [
        Tab(str(label), reverse(name, args=[cohort.code]), here in (name, *others))
        for label, name, action, others in _TABS
        if action in allowed
    ]
    return {"cohort": cohort, "tabs": tabs}


@register.filter
def current_reading(patient: Patient) -> PathologyOutcome | None:
    """Give the reading that the patient list has prefetched."""
    outcomes: list[PathologyOutcome] = patient.current_outcomes  # type: ignore[attr-defined]
    return outcomes[0] if outcomes else None


@register.filter
def response(outcome: PathologyOutcome | None, cohort: Cohort) -> Response | None:
    """Derive MPR and pCR from a reading, by the rule that the whole application uses."""
    return response_of(outcome, cohort) if outcome else None
