from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts.models import Patient
from cohorts.services.outcome_import import OutcomePlan, commit_outcomes, plan_outcomes
from cohorts.terminal import EcotoneCommand, cohort_named


class Command(EcotoneCommand):
    help = "Check a CSV table of pathology outcomes; write it with --commit. Bad rows are named and left out."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, help="CSV, UTF-8, with a header line; columns: docs/outcomes.md.")
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--commit", action="store_true", help="Write the accepted rows.")

    def handle(self, *args: Any, **options: Any) -> None:
        cohort = cohort_named(options["cohort"])
        file: Path = options["file"]
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        patients = Patient.objects.filter(cohort=cohort).select_related("cohort", "centre")
        plan = plan_outcomes(cohort, file.read_bytes(), patients={patient.code: patient for patient in patients})
        written = commit_outcomes(plan, actor=None) if options["commit"] else 0
        if options["as_json"]:
            self.print_json(_report(plan, written))
        else:
            self._print(plan, written, committed=options["commit"])
        if plan.refused:
            raise CommandError(f"{len({cell.row for cell in plan.refused})} rows refused.")

    def _print(self, plan: OutcomePlan, written: int, *, committed: bool) -> None:
        new = sum(not row.is_correction for row in plan.accepted)
        corrections = len(plan.accepted) - new
        self.stdout.write(f"{new} new, {corrections} corrections, {plan.unchanged} unchanged.")
        for cell in plan.refused:
            self.stdout.write(f"  row {cell.row}, {cell.column}: {cell.reason}")
        self.stdout.write(
            f"{written} written." if committed else "Dry run: nothing was written. Add --commit to write."
        )


def _report(plan: OutcomePlan, written: int) -> dict[str, Any]:
    return {
        "accepted": [
            {"row": row.row, "patient": row.patient.code, "correction": row.is_correction} for row in plan.accepted
        ],
        "unchanged": plan.unchanged,
        "refused": [{"row": cell.row, "column": cell.column, "reason": cell.reason} for cell in plan.refused],
        "written": written,
    }
