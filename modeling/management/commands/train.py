from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from cohorts.models import Job
from cohorts.terminal import EcotoneCommand, cohort_named, require_done, watch
from cohorts.workers import require_workers, running_workers
from modeling.core.recipes import STANDARD
from modeling.services.training import enqueue_training


class Command(EcotoneCommand):
    help = "Train a cohort's models: snapshot, fit, evaluate, register."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--recipe", default=STANDARD.name, metavar="NAME")
        parser.add_argument(
            "--keep-closed", action="store_true", help="Do not look at the external centres yet; a person opens them."
        )
        parser.add_argument("--wait", action="store_true", help="Show progress; starts workers if none run.")

    def handle(self, *args: Any, **options: Any) -> None:
        cohort = cohort_named(options["cohort"])
        choices = {"recipe_name": options["recipe"], "open_external": not options["keep_closed"]}
        if not options["wait"]:
            require_workers()
            job = enqueue_training(cohort, user=None, **choices)
        else:
            with running_workers():
                job = watch(enqueue_training(cohort, user=None, **choices), label="Training")
                require_done(job)
                # Training asks for predictions; they are part of what a waiting person expects to find.
                follower = Job.objects.filter(cohort=cohort, kind=Job.Kind.PREDICTION).order_by("-pk").first()
                if follower is not None:
                    require_done(watch(follower, label="Predicting"))
        self._report(job, options)

    def _report(self, job: Job, options: dict[str, Any]) -> None:
        models = job.result.get("models", [])
        if options["as_json"]:
            self.print_json({"job": str(job.reference), "run": job.result.get("run"), "models": models})
            return
        if not models:
            self.stdout.write(f"{job} is {job.get_state_display().lower()}.")
        for model in models:
            self.stdout.write(f"{model['name']} {model['version']} ({model['state']})")
            for row in model["evaluations"]:
                auc = (
                    "undefined"
                    if row["auc"] is None
                    else f"{row['auc']:.3f} ({row['auc_low']:.3f}-{row['auc_high']:.3f})"
                )
                centre = row["centre"] or "all centres"
                self.stdout.write(
                    f"  {row['split']:<17} {centre:<12} n={row['n']:<4} events={row['events']:<4} AUC {auc}"
                )
