from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts.models import Cohort
from cohorts.selectors.table_imports import known_in
from cohorts.services.table_import.check import plan_table
from cohorts.services.table_import.imports import open_table
from cohorts.services.table_import.plan import Plan, strict_mapping
from cohorts.services.table_import.values import COLUMNS
from cohorts.services.table_import.write import write_plan
from cohorts.terminal import EcotoneCommand, cohort_named


class Command(EcotoneCommand):
    help = (
        "Check a table of clinical data and pathology outcomes (CSV, XLSX or a REDCap export); write it with --commit. "
        "Bad rows are named and left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, help="CSV or XLSX with a header line; columns: docs/tables.md.")
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--sheet", default="", metavar="NAME", help="Sheet of a workbook; default: the first.")
        parser.add_argument(
            "--redcap", type=Path, metavar="DICTIONARY", help="The file is a REDCap export of this data dictionary."
        )
        parser.add_argument("--commit", action="store_true", help="Write the accepted rows.")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = _plan(cohort_named(options["cohort"]), options)
        written = write_plan(plan, actor=None) if options["commit"] else 0
        if options["as_json"]:
            self.print_json(_report(plan, written))
        else:
            self._print(plan, written, committed=options["commit"])
        if plan.refused:
            raise CommandError(f"{plan.counts['refused']} rows refused.")

    def _print(self, plan: Plan, written: int, *, committed: bool) -> None:
        counts = plan.counts
        self.stdout.write(f"{counts['new']} new, {counts['changed']} corrections, {counts['unchanged']} unchanged.")
        for note in plan.notes:
            self.stdout.write(f"  ! {note}")
        for cell in plan.refused:
            self.stdout.write(f"  row {cell.row}, {cell.column}: {cell.reason}")
        self.stdout.write(
            f"{written} written." if committed else "Dry run: nothing was written. Add --commit to write."
        )


def _plan(cohort: Cohort, options: dict[str, Any]) -> Plan:
    dictionary = _bytes_of(options["redcap"]) if options["redcap"] else None
    read = open_table(_bytes_of(options["file"]), dictionary=dictionary, sheet=options["sheet"])
    mapping = read.proposal(COLUMNS) if read.project else strict_mapping(read.table.columns)
    return plan_table(known_in(cohort, None), read.table, mapping=mapping, project=read.project)


def _bytes_of(file: Path) -> bytes:
    if not file.is_file():
        raise CommandError(f"There is no file {file}.")
    return file.read_bytes()


def _report(plan: Plan, written: int) -> dict[str, Any]:
    return {
        "accepted": [
            {"row": row.row, "patient": row.patient.code, "correction": row.is_correction} for row in plan.accepted
        ],
        "unchanged": plan.unchanged,
        "refused": [asdict(cell) for cell in plan.refused],
        "notes": list(plan.notes),
        "written": written,
    }
