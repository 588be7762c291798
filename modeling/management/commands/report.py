from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from cohorts.models import Cohort
from cohorts.terminal import EcotoneCommand, cohort_named
from imaging import storage
from modeling.models import TrainingRun
from modeling.selectors import champion_run
from modeling.services.reports.writing import KINDS, register, write


class Command(EcotoneCommand):
    help = "Write reports of a training run from the database, as HTML and PDF. Research use only."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--run", type=int, metavar="N", help="Default: the run of the primary model in use.")
        parser.add_argument("--kind", default="all", choices=[*KINDS, "all"])
        parser.add_argument("--out", required=True, type=Path, metavar="DIR")

    def handle(self, *args: Any, **options: Any) -> None:
        run = self._run(cohort_named(options["cohort"]), options["run"])
        folder: Path = options["out"]
        folder.mkdir(parents=True, exist_ok=True)
        written = write(run, KINDS if options["kind"] == "all" else (options["kind"],))
        with transaction.atomic():
            register(run, written, actor=None)
        files = []
        for one in written:
            for form, sha256 in (("html", one.html_sha256), ("pdf", one.pdf_sha256)):
                name = f"{run.cohort.code}-run-{run.number}-{one.kind}.{form}"
                (folder / name).write_bytes(storage.get(sha256))
                files.append(name)
        if options["as_json"]:
            self.print_json({"run": run.number, "folder": str(folder), "files": files})
        else:
            self.stdout.write(f"Wrote {len(files)} files of run {run.number} to {folder}. Research use only.")

    def _run(self, cohort: Cohort, number: int | None) -> TrainingRun:
        runs = TrainingRun.objects.filter(cohort=cohort).select_related("cohort")
        run = champion_run(cohort) if number is None else runs.filter(number=number).first()
        if run is None:
            known = ", ".join(str(n) for n in runs.order_by("number").values_list("number", flat=True)) or "none"
            raise CommandError(f"The cohort has no such run. There are: {known}. Train with `manage.py train`.")
        return run
