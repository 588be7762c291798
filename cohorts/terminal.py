"""What commands share: words for errors, JSON output, and a progress bar that watches a job."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cohorts import jobs
from cohorts.errors import explain
from cohorts.models import Cohort, Job

_POLL_SECONDS = 0.3


class EcotoneCommand(BaseCommand):
    """A command that ends with a sentence and an exit code, never with a traceback."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer ``--json``."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print the report as JSON.")

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; an expected error becomes its sentence and remedy on stderr, with exit code 1."""
        try:
            return super().execute(*args, **options)
        except CommandError:
            raise
        except Exception as error:
            if options.get("traceback") or not getattr(error, "code", ""):
                raise
            words = explain(error, reference="")
            if options.get("as_json"):
                self.print_json({"error": {"code": words.code, "message": words.message, "remedy": words.remedy}})
            raise CommandError(f"{words.message} {words.remedy}".strip()) from None

    def print_json(self, report: Any) -> None:
        """Print a report for machines."""
        self.stdout.write(json.dumps(report, indent=2, ensure_ascii=False))


def cohort_named(code: str) -> Cohort:
    """Give a cohort, or end the command with the codes that exist."""
    if cohort := Cohort.objects.filter(code=code).first():
        return cohort
    known = ", ".join(Cohort.objects.order_by("code").values_list("code", flat=True)) or "none"
    raise CommandError(f"There is no cohort “{code}”. There are: {known}. Make one with `manage.py create_cohort`.")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show progress bars on stderr, where they do not mix with a report on stdout."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield progress
    if not console.is_terminal:  # a log gets one line when a step is over
        for task in progress.tasks:
            console.print(f"{task.description}: {task.completed:.0f} in {task.elapsed or 0:.1f} s")


def watch(job: Job, *, label: str) -> Job:
    """Show a job's progress until it is over, and give its last state."""
    with progress_bar() as progress:
        bar = progress.add_task(label, total=None, note="")
        while True:
            job.refresh_from_db()
            progress.update(bar, completed=job.done, total=job.total or None, note=job.note)
            if job.is_over:
                return job
            jobs.reap()  # a worker may die here, too, and no beat may be running
            connection.close()  # a reader that lingers would hold back the write-ahead log
            time.sleep(_POLL_SECONDS)


def require_done(job: Job) -> Job:
    """End the command with the job's words unless it was done."""
    if job.state == Job.State.DONE:
        return job
    case = job if job.error else job.children.exclude(error="").order_by("pk").first() or job
    raise CommandError(
        f"{job.get_kind_display()} {job.get_state_display().lower()}. {case.error} {case.remedy}".strip()
    )
