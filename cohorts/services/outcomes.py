"""Entering pathology readings; nothing else writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from cohorts import audit
from cohorts.core.agreement import Consensus, check_consensus
from cohorts.core.errors import ContradictoryOutcome, Finding
from cohorts.core.node_stations import total_examined, total_positive
from cohorts.core.outcome_rules import check
from cohorts.core.timeline import check_timeline
from cohorts.errors import ServiceError
from cohorts.models import Cohort, OutcomeDraft, PathologyOutcome, Patient, User
from cohorts.selectors.patients import current_outcome, timeline_of
from cohorts.selectors.readings import consensus_of
from cohorts.services.locks import require_unlocked

OUTCOME_FIELDS: Sequence[str] = (
    "viable_percent",
    "necrosis_percent",
    "stroma_percent",
    "fibrosis_percent",
    "inflammation_percent",
    "ypt",
    "ypn",
    "ypm",
    "nodes_examined",
    "nodes_positive",
    "nodes_viable_percent",
    "stations",
    "tumour_bed_mm",
    "blocks_examined",
    "tumours_resected",
    "procedure",
    "resection",
    "sampling",
    "surgical_histology",
    "tnm_edition",
    "surgery_on",
    "signed_off_on",
    "reader",
    "blinded",
    "source",
    "reported_mpr",
    "reported_pcr",
)


def findings(outcome: PathologyOutcome, cohort: Cohort, *, consensus: Consensus | None = None) -> tuple[Finding, ...]:
    """Apply the response and date rules to a reading that need not be stored yet.

    ``consensus`` is what the blinded readings come to, for those who have looked them up for many patients at once.
    """
    threshold = float(cohort.mpr_threshold_percent)
    of_reading = check(outcome.reading, threshold_percent=threshold)
    of_dates = check_timeline(timeline_of(outcome.patient, outcome=outcome))
    return (*of_reading, *of_dates, *_of_blinded_readings(outcome, cohort, consensus))


def _of_blinded_readings(
    outcome: PathologyOutcome, cohort: Cohort, consensus: Consensus | None
) -> tuple[Finding, ...]:
    if not cohort.double_reading:
        return ()
    return check_consensus(float(outcome.viable_percent), consensus or consensus_of(outcome.patient))


def with_totals(values: dict[str, Any]) -> dict[str, Any]:
    """Fill in the totals of nodes that are not stated with the sums over the stations."""
    stations = values.get("stations") or []
    sums = {"nodes_examined": total_examined(stations), "nodes_positive": total_positive(stations)}
    return values | {name: total for name, total in sums.items() if values.get(name) is None}


@transaction.atomic
def enter_outcome(
    patient: Patient, *, values: dict[str, Any], actor: User | None, reason: str = "", base_version: int | None = None
) -> PathologyOutcome:
    """Store a reading as a new version; equal values add none. Whoever corrects one says why (rule E11).

    ``base_version`` is the version that the person saw when they began (0: none); without it nobody looked.

    Raises
    ------
    ContradictoryOutcome
        If a rule is broken; nothing is written.
    ServiceError
        ``locked``, ``outdated`` if somebody stored another version since, or ``reason_missing``.
    """
    # Two people entering at once take turns, and the dates are those of the row now: somebody may have changed them.
    held = Patient.objects.select_for_update(of=("self",)).select_related("cohort", "centre")
    patient = held.get(pk=patient.pk)
    require_unlocked(patient)
    old = current_outcome(patient)
    version = old.version if old else 0
    if base_version not in (None, version):
        raise ServiceError("outdated", _("Somebody saved reading %(n)s of this patient meanwhile.") % {"n": version})
    new = PathologyOutcome(patient=patient, version=version + 1, entered_by=actor, **with_totals(values))
    errors = [finding for finding in findings(new, patient.cohort) if finding.is_error]
    if errors:
        raise ContradictoryOutcome(errors)
    new.full_clean(exclude=["entered_by"], validate_constraints=False)
    OutcomeDraft.objects.filter(patient=patient, user=actor).delete()
    changes = audit.differences(old, new, OUTCOME_FIELDS)
    if old is not None and not changes:
        return old
    if old is not None and actor is not None and not reason.strip():
        raise ServiceError(
            "reason_missing", _("A correction needs a reason: models may have learnt from the reading.")
        )
    PathologyOutcome.objects.filter(patient=patient, is_current=True).update(is_current=False)
    new.save()
    verb = "corrected" if old else "entered"
    audit.record(verb, new, actor=actor, cohort=patient.cohort, patient=patient, changes=changes, reason=reason)
    return new
