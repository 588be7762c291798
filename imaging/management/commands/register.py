from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts.models import Job
from cohorts.terminal import EcotoneCommand, cohort_named, require_done, watch
from cohorts.workers import require_workers, running_workers
from imaging.services.registration import enqueue_missing


class Command(EcotoneCommand):
    help = "Queue the registration of the scans before and after treatment of every patient with both masks."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--wait", action="store_true", help="Show progress; starts workers if none run.")

    def handle(self, *args: Any, **options: Any) -> None:
        cohort = cohort_named(options["cohort"])
        if not options["wait"]:
            require_workers()
            self._report(enqueue_missing(cohort, user=None), options)
            return
        with running_workers():
            batch = enqueue_missing(cohort, user=None)
            if batch is not None:
                batch = watch(batch, label="Registering scans")
        self._report(batch, options)
        if batch is not None:
            failed = require_done(batch).result.get("failed", 0)
            if failed:
                raise CommandError(f"{failed} of {batch.total} cases failed; see the job page.")

    def _report(self, batch: Job | None, options: dict[str, Any]) -> None:
        cases = [] if batch is None else list(batch.children.select_related("patient").order_by("pk"))
        rows = [_row(case) for case in cases]
        if options["as_json"]:
            self.print_json({"job": str(batch.reference) if batch else None, "cases": rows})
            return
        if batch is None:
            self.stdout.write("Nothing is missing.")
            return
        refused = sum(row["accepted"] is False for row in rows)
        self.stdout.write(f"{len(rows)} cases, {sum(row['state'] == Job.State.DONE for row in rows)} done.")
        if refused:
            self.stdout.write(f"{refused} of them were refused:")
        for row in rows:
            if row["reason"]:
                self.stdout.write(f"  {row['patient']}: {row['reason']}")


def _row(case: Job) -> dict[str, Any]:
    return {
        "patient": case.patient.code if case.patient else None,
        "state": case.state,
        "accepted": case.result.get("accepted"),
        "code": case.error_code or case.result.get("code", ""),
        "reason": case.error or case.result.get("reason", ""),
    }
