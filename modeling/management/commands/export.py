from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from cohorts.terminal import EcotoneCommand, cohort_named
from modeling.services.export import write_tables


class Command(EcotoneCommand):
    help = "Write features, outcomes and predictions as CSV and Parquet, with a data dictionary."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--out", required=True, type=Path, metavar="DIR")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["out"]
        names = write_tables(cohort_named(options["cohort"]), folder)
        if options["as_json"]:
            self.print_json({"folder": str(folder), "files": names})
        else:
            self.stdout.write(f"Wrote {len(names)} files to {folder}.")
