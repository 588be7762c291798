from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts.models import Job
from cohorts.terminal import EcotoneCommand, cohort_named, require_done, watch
from cohorts.workers import require_workers, running_workers
from imaging.services import registration
from imaging.services.extraction import enqueue_missing
from imaging.services.protocols import DEFAULT_PROTOCOL


class Command(EcotoneCommand):
    help = "Queue the extraction of every image with a mask that lacks features, and registrations that are missing."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--protocol", default=DEFAULT_PROTOCOL, metavar="NAME")
        parser.add_argument("--wait", action="store_true", help="Show progress; starts workers if none run.")

    def handle(self, *args: Any, **options: Any) -> None:
        cohort = cohort_named(options["cohort"])
        if not options["wait"]:
            require_workers()
            batch = enqueue_missing(cohort, protocol_name=options["protocol"], user=None)
            registration.enqueue_missing(cohort, user=None)
            self._report(batch, options)
            return
        with running_workers():
            batch = enqueue_missing(cohort, protocol_name=options["protocol"], user=None)
            registering = registration.enqueue_missing(cohort, user=None)
            if batch is not None:
                batch = watch(batch, label="Extracting")
            if registering is not None:
                watch(registering, label="Registering scans")
        self._report(batch, options)
        if batch is not None:
            failed = batch.result.get("failed", 0)
            require_done(batch)
            if failed:
                raise CommandError(f"{failed} of {batch.total} cases failed; see the job page.")

    def _report(self, batch: Job | None, options: dict[str, Any]) -> None:
        cases = [] if batch is None else list(batch.children.select_related("patient").order_by("pk"))
        if options["as_json"]:
            rows = [
                {
                    "patient": case.patient.code if case.patient else None,
                    "timepoint": case.parameters["timepoint"],
                    "state": case.state,
                    "code": case.error_code,
                    "reason": case.error,
                }
                for case in cases
            ]
            self.print_json({"job": str(batch.reference) if batch else None, "cases": rows})
            return
        if batch is None:
            self.stdout.write("Nothing is missing.")
            return
        self.stdout.write(f"{len(cases)} cases, {sum(case.state == Job.State.DONE for case in cases)} done.")
        for case in cases:
            if case.error and case.patient:
                self.stdout.write(f"  {case.patient.code} {case.parameters['timepoint']}: {case.error} {case.remedy}")
