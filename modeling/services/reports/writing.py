"""Writing reports of a run: built from rows, frozen as HTML and PDF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from cohorts import audit, jobs
from cohorts.errors import ServiceError
from cohorts.jobs import Report as Progress
from cohorts.models import Job, User
from imaging import storage
from modeling.core.reporting import typeset
from modeling.core.reporting.documents import Document
from modeling.models import Report, TrainingRun
from modeling.services.reports.clear import clear
from modeling.services.reports.metrics_score import metrics
from modeling.services.reports.model_card import model_card
from modeling.services.reports.page import html
from modeling.services.reports.probast import probast
from modeling.services.reports.records import Records, records_of
from modeling.services.reports.study import study
from modeling.services.reports.tripod import tripod

#: What builds each kind, in the order in which they are written.
BUILDERS: dict[str, Callable[[Records], Document]] = {
    Report.Kind.STUDY: study,
    Report.Kind.MODEL_CARD: model_card,
    Report.Kind.CLEAR: clear,
    Report.Kind.METRICS: metrics,
    Report.Kind.TRIPOD: tripod,
    Report.Kind.PROBAST: probast,
}
KINDS = tuple(str(kind) for kind in BUILDERS)


@dataclass(frozen=True)
class Written:
    """One document with the digests of its stored files."""

    kind: str
    document: Document
    html_sha256: str
    pdf_sha256: str


@transaction.atomic
def enqueue_reports(run: TrainingRun, *, user: User | None, kinds: Sequence[str] = KINDS) -> Job:
    """Queue the reports of a run; one writing at a time.

    Raises
    ------
    ServiceError
        ``no_model`` if the run has no model, ``job_active`` if its reports are being written.
    """
    _require_models(run)
    TrainingRun.objects.select_for_update().get(pk=run.pk)  # two presses of the button take turns
    waiting = Job.objects.filter(cohort=run.cohort, kind=Job.Kind.REPORT, parameters__run=run.number)
    if running := waiting.exclude(state__in=Job.TERMINAL).first():
        raise ServiceError("job_active", f"{running} is not over yet.")
    parameters = {"run": run.number, "kinds": list(kinds)}
    return jobs.enqueue(Job.Kind.REPORT, cohort=run.cohort, user=user, parameters=parameters)


def run(job: Job, report: Progress) -> Callable[[], dict[str, Any]]:
    """Write the reports that a job names."""
    training_run = TrainingRun.objects.get(cohort=job.cohort, number=job.parameters["run"])
    written = write(training_run, job.parameters["kinds"], on_progress=report)

    def register_all() -> dict[str, Any]:
        rows = register(training_run, written, actor=job.created_by, job=job)
        return {"run": training_run.number, "reports": [{"kind": row.kind, "pk": row.pk} for row in rows]}

    return register_all


def write(
    training_run: TrainingRun, kinds: Sequence[str], *, on_progress: Progress = lambda done, total, note: None
) -> list[Written]:
    """Build documents and store their files; no row is written."""
    _require_models(training_run)
    chosen = [kind for kind in KINDS if kind in kinds]
    records = records_of(training_run, sheets=frozenset(chosen))
    written = []
    for done, kind in enumerate(chosen):
        on_progress(done, len(chosen), f"writing the {Report.Kind(kind).label}")
        document = BUILDERS[kind](records)
        page, pdf = html(document).encode(), typeset.pdf(document)
        written.append(Written(kind, document, storage.put(page), storage.put(pdf)))
    return written


def register(
    training_run: TrainingRun, written: Sequence[Written], *, actor: User | None, job: Job | None = None
) -> list[Report]:
    """Write a row for each document; needs a transaction."""
    rows = []
    for one in written:
        row = Report.objects.create(
            cohort=training_run.cohort,
            run=training_run,
            kind=one.kind,
            html_sha256=one.html_sha256,
            pdf_sha256=one.pdf_sha256,
            job=job,
            created_by=actor,
        )
        changes = {"html": (None, one.html_sha256), "pdf": (None, one.pdf_sha256)}
        audit.record("wrote", row, actor=actor, cohort=training_run.cohort, changes=changes)
        rows.append(row)
    return rows


def _require_models(training_run: TrainingRun) -> None:
    if not training_run.model_versions.exists():
        raise ServiceError("no_model", f"{training_run} has no model to report on.")
