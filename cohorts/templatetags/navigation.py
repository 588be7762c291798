"""Tags that the frame of every page needs, and the steps of a patient's course."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django import template
from django.urls import reverse

from cohorts.access import Action, actions_in
from cohorts.core.timeline import Timeline
from cohorts.models import Cohort, PathologyOutcome, Patient
from cohorts.selectors.patients import Response, response_of

register = template.Library()

_PATIENT_PAGES = tuple(
    f"cohorts:{name}" for name in ("patient", "patient-create", "patient-edit", "outcome", "outcome-import")
)
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
    ("Overview", "cohorts:detail", Action.VIEW, ("imaging:stability",)),
    ("Patients", "cohorts:patients", Action.VIEW, _PATIENT_PAGES),
    ("Models", "modeling:models", Action.VIEW_PREDICTIONS, _MODEL_PAGES),
    ("Jobs", "cohorts:jobs", Action.VIEW, ("cohorts:job",)),
    ("Import", "imaging:import", Action.IMPORT_IMAGES, ()),
    ("History", "cohorts:history", Action.VIEW, ("cohorts:patient-history",)),
)
_STEPS = (
    ("pre_scan_on", "CT before treatment"),
    ("first_dose_on", "First dose"),
    ("last_dose_on", "Last dose"),
    ("post_scan_on", "CT after treatment"),
    ("surgery_on", "Surgery"),
    ("signed_off_on", "Pathology signed off"),
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
    allowed = actions_in(request.user, cohort)
    here = request.resolver_match.view_name if request.resolver_match else ""
    tabs = [
        Tab(label, reverse(name, args=[cohort.code]), here in (name, *others))
        for label, name, action, others in _TABS
        if action in allowed
    ]
    return {"cohort": cohort, "tabs": tabs}


@dataclass(frozen=True)
class Step:
    """One dated moment of a patient's course; days count from the first dose."""

    label: str
    on: date
    day: int | None


@register.simple_tag
def course(timeline: Timeline) -> list[Step]:
    """Give the known moments of a patient, in the order of treatment."""
    start = timeline.first_dose_on
    known = [(label, getattr(timeline, name)) for name, label in _STEPS]
    return [Step(label, on, (on - start).days if start else None) for label, on in known if on]


@register.filter
def current_reading(patient: Patient) -> PathologyOutcome | None:
    """Give the reading that the patient list has prefetched."""
    outcomes: list[PathologyOutcome] = patient.current_outcomes  # type: ignore[attr-defined]
    return outcomes[0] if outcomes else None


@register.filter
def response(outcome: PathologyOutcome | None, cohort: Cohort) -> Response | None:
    """Derive MPR and pCR from a reading, by the rule that the whole application uses."""
    return response_of(outcome, cohort) if outcome else None
