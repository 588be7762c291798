"""What rows show about other cuts of the outcome, the size of an external validation, and what the estimate is for."""

from __future__ import annotations

from typing import Any

from modeling.models import Evaluation
from modeling.services.reports.evidence import Evidence
from modeling.services.reports.numbers import counted
from modeling.services.reports.records import Records, cite_evaluation, cite_evaluations, cite_run
from modeling.wording import NO_DECISION


def size(records: Records) -> Evidence | None:
    """Return how many external patients precise measures would need, and how many were tested."""
    found: dict[str, Any] = records.findings.get("external_size") or {}
    if not found.get("needed"):
        return None
    row = records.evaluation(records.primary, Evaluation.Split.EXTERNAL)
    source = cite_run(records, "findings.external_size")
    words = (
        f"External validation (Riley 2021): about {found['needed']:,} patients with {found['needed_events']:,} MPR give "
        "every interval its target width, if new patients are like those of training; "
    )
    if row is None:
        return Evidence(f"{words}no external patient was tested.", source)
    enough = "which is enough" if row.n >= found["needed"] else "which is fewer"
    words += f"{counted(row.n, 'external patient')} with {row.events} MPR were tested, {enough}."
    return Evidence(words, f"{source}; {cite_evaluation(row)}")


def utility(records: Records) -> Evidence | None:
    """Return what the decision curves are for."""
    rows = [e for version in records.versions for e in version.evaluations.all()]
    if not any(e.metrics.get("decision_curve") for e in rows):
        return None
    return Evidence(f"Decision curves: {NO_DECISION[0].lower()}{NO_DECISION[1:]}", cite_evaluations(records))
