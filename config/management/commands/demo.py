from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from cohorts.models import Cohort, Job
from cohorts.terminal import EcotoneCommand, progress_bar, require_done, watch
from cohorts.workers import running_workers
from config import demo, serving
from imaging.services import registration
from imaging.services.extraction import enqueue_missing
from imaging.services.protocols import DEFAULT_PROTOCOL
from modeling.core.recipes import QUICK, STANDARD
from modeling.selectors import latest_run
from modeling.services.schedule import retrain_if_due, scheduled, set_schedule
from modeling.services.training import enqueue_training

DEFAULT_PATIENTS = 60
DEFAULT_SEED = 2026
#: Fewer patients than this train with the quick recipe: 25 folds of eight classifiers would tell nothing more.
SMALL_COHORT = 150


class Command(EcotoneCommand):
    help = "Make a synthetic cohort, run the whole pipeline on it, and serve the site. Ctrl-C stops everything."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--patients", type=int, default=DEFAULT_PATIENTS, metavar="N")
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, metavar="S")
        parser.add_argument("--port", type=int, default=8000, metavar="P")
        parser.add_argument("--no-serve", action="store_true", help="Run the pipeline to its end and exit.")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        if options["patients"] < 4:
            raise CommandError("The demonstration needs at least 4 patients, to have one of each centre.")
        with serving.until_interrupted(), ExitStack() as stack:
            if not options["no_serve"]:
                stack.enter_context(serving.sole_server(options["port"], target="demo"))
            serving.prepare()
            processes = stack.enter_context(running_workers(beat=not options["no_serve"]))
            cohort = self._pipeline(options)
            self.stdout.write(f"The demonstration is ready after {time.monotonic() - started:.0f} s.")
            self.stdout.flush()
            if options["as_json"]:
                self.print_json(_report(cohort))
            if not options["no_serve"]:
                site = stack.enter_context(serving.running_site(options["port"]))
                self._serve([*processes, site], options["port"])

    def _pipeline(self, options: dict[str, Any]) -> Cohort:
        plan = demo.plan_demo(options["patients"], seed=options["seed"])
        cohort = demo.ensure_people_and_cohort(plan)
        n = len(plan.truths)
        self._step("Writing DICOM files", n, lambda advance: demo.write_files(plan, advance=advance))
        self._step(
            "Entering clinical data", n, lambda advance: demo.enter_clinical_data(plan, cohort, advance=advance)
        )
        self._job("Importing", demo.enqueue_imports(plan, cohort))
        self._step("Entering outcomes", n, lambda advance: demo.enter_outcomes(plan, cohort, advance=advance))
        demo.ask_queries(plan, cohort)
        self._job("Extracting features", enqueue_missing(cohort, protocol_name=DEFAULT_PROTOCOL, user=None))
        self._job("Registering scans", registration.enqueue_missing(cohort, user=None))
        self._train(cohort)
        return cohort

    def _train(self, cohort: Cohort) -> None:
        if latest_run(cohort) is None:
            training = watch(enqueue_training(cohort, recipe_name=_recipe(cohort), user=None), label="Training")
            if training.error_code == "too_few_patients":
                self.stderr.write(f"No model: {training.error} Ask for more with PATIENTS=40.")
                return
            require_done(training)
        elif retrain_if_due(cohort.code, _recipe(cohort)):
            self._job("Training", Job.objects.filter(cohort=cohort, kind=Job.Kind.TRAINING).latest("pk"))
        self._job("Predicting", Job.objects.filter(cohort=cohort, kind=Job.Kind.PREDICTION).latest("pk"))
        if scheduled(cohort) is None:
            set_schedule(cohort, enabled=True, weekday="0", hour=2, recipe_name=_recipe(cohort), actor=None)

    def _step(self, label: str, total: int, work: Callable[[Callable[[], None]], None]) -> None:
        with progress_bar() as progress:
            bar = progress.add_task(label, total=total, note="")
            work(lambda: progress.advance(bar))

    def _job(self, label: str, job: Job | None) -> None:
        if job is None:
            return
        over = require_done(watch(job, label=label))
        if failed := over.result.get("failed"):
            self.stderr.write(f"{label}: {failed} cases failed; the job page says why.")

    def _serve(self, processes: list[subprocess.Popen[bytes]], port: int) -> None:
        self.stdout.write(
            f"\n  Ecotone: {serving.address_of(port)}   (research use only; every patient is synthetic)"
        )
        for name, password in demo.logins().items():
            self.stdout.write(f"  log in as {name:<12} password {password}")
        self.stdout.write("\n  Ctrl-C stops everything.")
        self.stdout.flush()
        serving.watch_over(processes)


def _recipe(cohort: Cohort) -> str:
    """Choose the recipe: the quick one asks for fewer patients."""
    return STANDARD.name if cohort.patients.count() >= SMALL_COHORT else QUICK.name


def _report(cohort: Cohort) -> dict[str, Any]:
    run = latest_run(cohort)
    return {"cohort": cohort.code, "run": run.number if run else None, "finished_at": timezone.now().isoformat()}
