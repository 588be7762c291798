from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts.models import Cohort, Job, Timepoint
from cohorts.terminal import EcotoneCommand, cohort_named, require_done, watch
from cohorts.workers import require_workers, running_workers
from imaging.core.errors import TooFewCases
from imaging.selectors import current_segmentations
from imaging.services.protocols import DEFAULT_PROTOCOL, protocol_named
from imaging.services.stability import enqueue_stability, reliability
from imaging.services.stability_tables import StabilityRow, as_csv, family_rows, stability_rows


class Command(EcotoneCommand):
    help = (
        "Measure scans again under small perturbations of image and contour, and report how well features agree: "
        "ICC(2,1) with its 95 % limits."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--protocol", default=DEFAULT_PROTOCOL, metavar="NAME")
        parser.add_argument("--limit", type=int, metavar="N", help="Measure at most so many scans.")
        parser.add_argument("--timepoint", choices=Timepoint.Kind.values, help="Report on these scans only.")
        parser.add_argument("--out", type=Path, metavar="FILE", help="Write the table of features as CSV.")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--wait", action="store_true", help="Show progress; starts workers if none run.")
        how.add_argument("--report", action="store_true", help="Queue nothing; report on what is measured.")

    def handle(self, *args: Any, **options: Any) -> None:
        cohort = cohort_named(options["cohort"])
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit must be at least 1.")
        batch = None if options["report"] else self._measure(cohort, options)
        self._report(cohort, batch, options)
        if batch is not None and options["wait"]:
            require_done(batch)
            if failed := batch.result.get("failed", 0):
                raise CommandError(f"{failed} of {batch.total} scans could not be measured; see the job page.")

    def _measure(self, cohort: Cohort, options: dict[str, Any]) -> Job | None:
        if not options["wait"]:
            require_workers()
            return _enqueue(cohort, options)
        with running_workers():
            batch = _enqueue(cohort, options)
            return batch and watch(batch, label="Measuring")

    def _report(self, cohort: Cohort, batch: Job | None, options: dict[str, Any]) -> None:
        rows, why_not = _rows(cohort, options)
        if options["out"] and rows:
            options["out"].write_text(as_csv(rows))
        if options["as_json"]:
            job = str(batch.reference) if batch else None
            queued = batch.total if batch else 0
            report = {"job": job, "queued": queued, "reason": why_not, "features": [asdict(row) for row in rows]}
            self.print_json(report)
            return
        if not options["report"]:
            self.stdout.write(f"{batch.total} scans queued." if batch else "No scan is left to measure.")
        if why_not:
            self.stdout.write(why_not)
        for row in family_rows(rows):
            middle = "undefined" if row.median_icc is None else f"{row.median_icc:.2f}"
            self.stdout.write(
                f"  {row.family:<10} {row.features:>5} features, {row.stable} stable, "
                f"{row.by_estimate} by estimate only, median ICC {middle}"
            )


def _enqueue(cohort: Cohort, options: dict[str, Any]) -> Job | None:
    return enqueue_stability(cohort, protocol_name=options["protocol"], limit=options["limit"], user=None)


def _rows(cohort: Cohort, options: dict[str, Any]) -> tuple[list[StabilityRow], str]:
    """Give the table, or why there is none."""
    scans = current_segmentations(cohort)
    if options["timepoint"]:
        scans = scans.filter(timepoint__kind=options["timepoint"])
    try:
        return stability_rows(reliability(scans, protocol_named(options["protocol"]))), ""
    except TooFewCases as refusal:
        return [], refusal.message
