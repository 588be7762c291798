"""Entering pathology readings; nothing else writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from cohorts import audit
from cohorts.core.errors import ContradictoryOutcome, Finding
from cohorts.core.response import check
from cohorts.core.timeline import check_timeline
from cohorts.models import Cohort, PathologyOutcome, Patient, User
from cohorts.selectors.patients import current_outcome, timeline_of

OUTCOME_FIELDS: Sequence[str] = (
    "viable_percent",
    "necrosis_percent",
    "stroma_percent",
    "fibrosis_percent",
    "inflammation_percent",
    "ypt",
    "ypn",
    "nodes_examined",
    "nodes_positive",
    "nodes_viable_percent",
    "stations",
    "tumour_bed_mm",
    "blocks_examined",
    "tumours_resected",
    "procedure",
    "resection",
    "sampling_complete",
    "tnm_edition",
    "surgery_on",
    "signed_off_on",
    "reader",
    "blinded",
    "source",
    "reported_mpr",
    "reported_pcr",
)


def findings(outcome: PathologyOutcome, cohort: Cohort) -> tuple[Finding, ...]:
    """Apply the response and date rules to a reading that need not be stored yet."""
    threshold = float(cohort.mpr_threshold_percent)
    of_reading = check(outcome.reading, threshold_percent=threshold)
    of_dates = check_timeline(timeline_of(outcome.patient, outcome=outcome))
    return (*of_reading, *of_dates)


@transaction.atomic
def enter_outcome(
    patient: Patient, *, values: dict[str, Any], actor: User | None, reason: str = ""
) -> PathologyOutcome:
    """Store a reading as a new version; equal values add none.

    Raises
    ------
    ContradictoryOutcome
        If a rule is broken; nothing is written.
    """
    Patient.objects.select_for_update().get(pk=patient.pk)  # two people entering at once take turns
    old = current_outcome(patient)
    new = PathologyOutcome(patient=patient, version=old.version + 1 if old else 1, entered_by=actor, **values)
    errors = [finding for finding in findings(new, patient.cohort) if finding.is_error]
    if errors:
        raise ContradictoryOutcome(errors)
    new.full_clean(exclude=["entered_by"], validate_constraints=False)
    changes = audit.differences(old, new, OUTCOME_FIELDS)
    if old is not None and not changes:
        return old
    PathologyOutcome.objects.filter(patient=patient, is_current=True).update(is_current=False)
    new.save()
    verb = "corrected" if old else "entered"
    audit.record(verb, new, actor=actor, cohort=patient.cohort, patient=patient, changes=changes, reason=reason)
    return new
